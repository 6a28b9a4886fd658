"""Every form of P against the matrix that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from msann_sweep.operators import Aggregation, Dense, Identity, Kronecker, Operator, build_operators
from msann_sweep.training.layer_maps import DenseMap, IdentityMap, LayerMap, layer_map
from msann_sweep.training.transfer import MappedTransfer, transfer_to_finest

LIKE = torch.empty(0, dtype=torch.float64)


def orthonormal(n_fine: int, n_coarse: int) -> Dense:
    return Dense(np.linalg.qr(np.random.default_rng(n_fine).standard_normal((n_fine, n_coarse)))[0])


def uneven() -> Aggregation:
    """Aggregates of 3, 1 and 4 units, their weights positive, negative and zero."""
    labels = np.array([0, 2, 0, 1, 2, 2, 0, 2])
    weights = np.array([0.6, 0.5, 0.0, -1.0, 0.5, -0.5, 0.8, 0.5])
    return Aggregation(labels, 3, weights)


OPERATORS: dict[str, Operator] = {
    "identity": Identity(8),
    "dense": orthonormal(8, 3),
    "uneven": uneven(),
    "I x dense": Kronecker(Identity(4), orthonormal(6, 3)),
    "dense x I": Kronecker(orthonormal(6, 3), Identity(4)),
    "dense x dense": Kronecker(orthonormal(6, 2), orthonormal(4, 3)),
    "uneven x dense": Kronecker(uneven(), orthonormal(4, 2)),
    "I x I": Kronecker(Identity(2), Identity(3)),
}


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", OPERATORS)
def test_products_are_those_with_the_matrix(name: str) -> None:
    operator = OPERATORS[name]
    P, found = torch.from_numpy(operator.matrix()), layer_map(operator, LIKE)
    n_fine, n_coarse = P.shape
    assert (found.n_fine, found.n_coarse) == (n_fine, n_coarse)
    fine, across, down = random(5, n_fine), random(5, n_coarse), random(n_coarse, 5)
    out = torch.empty(5, n_coarse, dtype=torch.float64)
    cases = [
        (found.gather(fine, out), fine @ P),
        (found.columns(across), across @ P.T),
        (found.rows(down), P @ down),
    ]
    for add, W, X, expected in (
        (found.add_columns, fine.clone(), across, fine + across @ P.T),
        (found.add_rows, fine.T.clone(), down, fine.T + P @ down),
    ):
        add(W, X)
        cases.append((W, expected))
    for result, expected in cases:
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
    assert found.gather(fine, out) is out


@pytest.mark.parametrize(
    ("strategy", "form"),
    [("random", "DenseMap"), ("injection", "AggregationMap"), ("product", "KroneckerMap")],
)
def test_no_form_is_given_up_on_the_way_to_the_finest_level(strategy: str, form: str) -> None:
    operators = build_operators((64, 16, 64), 4, strategy)
    for level in range(1, 5):
        transfer = transfer_to_finest(operators, level, LIKE)
        assert isinstance(transfer, MappedTransfer)
        assert {type(each).__name__ for each in transfer.maps} == {form}


@pytest.mark.parametrize("first", [(40, 2), (6, 5)])
@pytest.mark.parametrize("second", [(30, 3), (7, 6)])
def test_a_weight_is_prolonged_in_either_order(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    """Which product comes first depends on the sizes; the result does not."""
    into, out_of = (layer_map(orthonormal(*shape), LIKE) for shape in (first, second))
    assert isinstance(into, DenseMap)
    assert isinstance(out_of, DenseMap)
    W, V = random(first[0], second[0]), random(first[1], second[1])
    prolonged = W.clone()
    maps: list[LayerMap] = [into, out_of]
    MappedTransfer(maps)._add_weight(prolonged, V, 0)
    torch.testing.assert_close(prolonged, W + into.P @ V @ out_of.P.T, rtol=0, atol=1e-12)


def test_a_layer_that_is_kept_costs_nothing() -> None:
    operators = build_operators((16, 8, 10), 2, "random", kept=(2,))
    transfer = transfer_to_finest(operators, 2, LIKE)
    assert isinstance(transfer, MappedTransfer)
    assert isinstance(transfer.maps[2], IdentityMap)
    assert transfer.maps[2].multiplications == 0
