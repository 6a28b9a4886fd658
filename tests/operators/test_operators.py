"""Laws every operator obeys, checked against its dense matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msann_sweep.errors import OperatorError
from msann_sweep.operators import (
    STRATEGIES,
    Aggregation,
    Dense,
    Identity,
    Operator,
    build_operators,
    grid_shape,
)

PAPER_LAYERS = [1024, 256, 128, 256, 1024]


@st.composite
def aggregations(draw: st.DrawFn, n_fine: int | None = None) -> Aggregation:
    """Aggregations with aggregates of any sizes and any signed weights of unit norm."""
    n_coarse = draw(st.integers(1, n_fine or 6))
    n_fine = n_fine or n_coarse + draw(st.integers(0, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = np.concatenate([np.arange(n_coarse), rng.integers(n_coarse, size=n_fine - n_coarse)])
    rng.shuffle(labels)
    weights = rng.uniform(0.1, 1.0, n_fine) * rng.choice([-1, 1], n_fine)
    weights /= np.sqrt(np.bincount(labels, weights**2))[labels]
    return Aggregation(labels, n_coarse, weights)


def assert_obeys_the_laws(operator: Operator) -> None:
    P = operator.matrix()
    assert P.shape == (operator.n_fine, operator.n_coarse)
    np.testing.assert_allclose(P.T @ P, np.eye(operator.n_coarse), atol=1e-12)
    rng = np.random.default_rng(0)
    fine = rng.standard_normal((3, 2, operator.n_fine))
    coarse = rng.standard_normal((3, 2, operator.n_coarse))
    np.testing.assert_allclose(operator.restrict(fine), fine @ P, atol=1e-12)
    np.testing.assert_allclose(operator.prolong(coarse), coarse @ P.T, atol=1e-12)
    np.testing.assert_allclose(operator.restrict(operator.prolong(coarse)), coarse, atol=1e-12)


@given(aggregations())
def test_any_aggregation_obeys_the_laws(operator: Aggregation) -> None:
    assert_obeys_the_laws(operator)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("level", range(6))
def test_every_strategy_obeys_the_laws(strategy: str, level: int) -> None:
    operators = build_operators([64, 16, 8, 16, 64], 6, strategy, seed=3)
    for layer in range(5):
        assert_obeys_the_laws(operators.operators[layer][level])
        assert_obeys_the_laws(operators.to_finest(layer, level + 1))


@given(aggregations(n_fine=12), st.data())
def test_composition_is_the_matrix_product(finer: Aggregation, data: st.DataObject) -> None:
    coarser = data.draw(aggregations(n_fine=finer.n_coarse))
    composed = finer @ coarser
    assert isinstance(composed, Aggregation)
    np.testing.assert_allclose(composed.matrix(), finer.matrix() @ coarser.matrix(), atol=1e-12)


def test_composition_with_dense_and_identity() -> None:
    aggregation = Aggregation([0, 1, 1, 0], 2)
    dense = Dense([[0.6], [0.8]])
    np.testing.assert_allclose(
        (aggregation @ dense).matrix(), aggregation.matrix() @ dense.matrix()
    )
    assert Identity(4) @ aggregation is aggregation
    assert aggregation @ Identity(2) is aggregation
    with pytest.raises(OperatorError, match="2 coarse units and the second 4"):
        aggregation @ aggregation


def test_path_pairs_neighbours() -> None:
    operator = build_operators([8], 1, "path").operators[0][0]
    expected = np.kron(np.eye(4), np.full((2, 1), 0.5**0.5))
    np.testing.assert_allclose(operator.matrix(), expected)


@pytest.mark.parametrize(
    ("n_units", "shape"), [(1024, (32, 32)), (512, (32, 16)), (256, (16, 16)), (128, (16, 8))]
)
def test_grid_shapes_of_the_design(n_units: int, shape: tuple[int, int]) -> None:
    assert grid_shape(n_units) == shape


def test_two_grid_levels_average_square_blocks() -> None:
    operator = build_operators([64], 2, "grid").to_finest(0, 2)
    image = np.arange(64.0).reshape(8, 8)
    block_sums = image.reshape(4, 2, 4, 2).sum(axis=(1, 3)).ravel()
    np.testing.assert_allclose(operator.restrict(image.ravel()), block_sums / 2)


def test_path_and_grid_hierarchies_have_equal_sizes() -> None:
    path, grid = (build_operators(PAPER_LAYERS, 6, name) for name in ("path", "grid"))
    assert path.sizes == grid.sizes
    assert path.sizes[6] == (16, 4, 2, 4, 16)


def test_shuffled_grid_keeps_the_connectivity_and_depends_on_the_seed() -> None:
    first, again, other = (build_operators([64], 2, "grid_shuffled", seed) for seed in (1, 1, 2))
    labels = [chain.operators[0][0].labels for chain in (first, again, other)]
    assert (labels[0] == labels[1]).all()
    assert (labels[0] != labels[2]).any()
    assert (np.bincount(labels[0]) == 2).all()
    regular = build_operators([64], 2, "grid").operators[0]
    assert (first.operators[0][1].labels == regular[1].labels).all()


def test_layers_of_one_unit_stay() -> None:
    operators = build_operators([8, 2, 8], 3, "path")
    assert operators.sizes == ((8, 2, 8), (4, 1, 4), (2, 1, 2), (1, 1, 1))


@pytest.mark.parametrize("strategy", ["path", "grid", "grid_shuffled"])
def test_folded_order_makes_aggregates_residue_classes(strategy: str) -> None:
    operators = build_operators([64, 4], 4, strategy, seed=5)
    for layer in range(2):
        order = operators.folded_order(layer)
        assert order is not None
        assert sorted(order) == list(range(operators.layers[layer]))
        x = np.random.default_rng(0).standard_normal(operators.layers[layer])
        for level in range(1, 5):
            n_coarse = operators.sizes[level][layer]
            s = operators.layers[layer] // n_coarse
            order_coarse = build_order_at(operators, layer, level)
            folded = x[order].reshape(s, n_coarse).sum(axis=0) / s**0.5
            expected = operators.to_finest(layer, level).restrict(x)[order_coarse]
            np.testing.assert_allclose(folded, expected)


def build_order_at(operators: object, layer: int, level: int) -> np.ndarray:
    """The folded order that the coarser part of a hierarchy has by itself."""
    from msann_sweep.operators import OperatorSet

    assert isinstance(operators, OperatorSet)
    coarser = OperatorSet(
        operators.sizes[level],
        operators.strategy,
        operators.seed,
        tuple(chain[level:] for chain in operators.operators),
    )
    order = coarser.folded_order(layer)
    assert order is not None
    return order


def test_random_operators_have_no_folded_order() -> None:
    assert build_operators([8], 1, "random").folded_order(0) is None


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_truncated_set_is_the_shallower_set(strategy: str) -> None:
    deep, shallow = (build_operators([32, 8], L, strategy, seed=4) for L in (5, 2))
    truncated = deep.truncated(2)
    assert truncated.key == shallow.key != deep.key
    for layer in range(2):
        for level in range(2):
            np.testing.assert_array_equal(
                truncated.operators[layer][level].matrix(),
                shallow.operators[layer][level].matrix(),
            )
    with pytest.raises(OperatorError, match="depth 6 asked; allowed: 0 to 5"):
        deep.truncated(6)


def test_aggregations_of_the_paper_stay_small() -> None:
    assert build_operators(PAPER_LAYERS, 6, "grid").size_bytes < 2_000_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([8], 1, "spiral"), "strategy: got 'spiral'; allowed: path, grid"),
        (([8, 12, 8], 1, "path"), r"sizes \[12\]; allowed at L > 0: powers of two"),
        (([8, 4], 4, "path"), "L: got 4; allowed for layers .* 0 to 3"),
        (([8, 4], -1, "path"), "L: got -1"),
        (([8, 0], 1, "path"), "one size of at least 1"),
        (([], 0, "path"), "one size of at least 1"),
    ],
)
def test_rejections(arguments: tuple[list[int], int, str], message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        build_operators(*arguments)


def test_operators_reject_what_they_cannot_be() -> None:
    with pytest.raises(OperatorError, match="labels run from 0 to 2; allowed: 0 to 1"):
        Aggregation([0, 1, 2], 2)
    with pytest.raises(OperatorError, match="aggregate 1 has no units"):
        Aggregation([0, 0, 2], 3)
    with pytest.raises(OperatorError, match="add up to 2; they must add up to 1"):
        Aggregation([0, 0], 1, weights=[1.0, 1.0])
    with pytest.raises(OperatorError, match="differs from the identity by 3"):
        Dense([[2.0], [0.0]])
    with pytest.raises(OperatorError, match="nan"):
        Dense([[np.nan], [0.0]])
    with pytest.raises(OperatorError, match="last axis must have 4"):
        Aggregation([0, 1, 1, 0], 2).restrict(np.ones((2, 3)))
