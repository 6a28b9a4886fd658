"""Eigenvalue matching and its ties."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from msann_sweep.errors import OperatorError
from msann_sweep.operators import eigenvalue_matching, laplacian, matching_prolongation, objective


def first_minimal_matching(A1: np.ndarray[Any, Any], A2: np.ndarray[Any, Any]) -> list[Any]:
    """Occupied indices of the lexicographically first of all minimal matchings, by trying all."""
    coarse, fine = np.linalg.eigvalsh(A1), np.linalg.eigvalsh(A2)
    costs = {
        rows: sum((coarse[j] - fine[i]) ** 2 for j, i in enumerate(rows))
        for rows in permutations(range(len(fine)), len(coarse))
    }
    least = min(costs.values())
    minimal = [rows for rows, cost in costs.items() if cost <= least + 1e-10]
    return min(sorted((i, j) for j, i in enumerate(rows)) for rows in minimal)


CYCLES = [(n1, n2) for n2 in range(3, 8) for n1 in range(3, min(n2, 5) + 1)]


@pytest.mark.parametrize(("n1", "n2"), CYCLES)
def test_ties_of_degenerate_spectra_are_broken_as_in_the_paper(n1: int, n2: int) -> None:
    A1, A2 = laplacian(nx.cycle_graph(n1)), laplacian(nx.cycle_graph(n2))
    occupied = [(int(i), int(j)) for i, j in np.argwhere(eigenvalue_matching(A1, A2))]
    assert occupied == first_minimal_matching(A1, A2)


def test_a_spectrum_of_one_value_is_matched_to_the_first_of_many() -> None:
    M = eigenvalue_matching(np.zeros((2, 2)), np.diag([0.0, 0.0, 0.0, 3.0]))
    np.testing.assert_array_equal(M, np.eye(4, 2))


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.integers(1, 12), st.integers(0, 8), st.integers(0, 9999))
def test_it_costs_what_scipys_assignment_costs(n1: int, more: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse, fine = np.sort(rng.normal(size=n1)), np.sort(rng.normal(size=n1 + more))
    cost = (coarse[None, :] - fine[:, None]) ** 2
    M = eigenvalue_matching(np.diag(coarse), np.diag(fine))
    assert M.sum(axis=0).tolist() == [1.0] * n1
    assert M.sum(axis=1).max() == 1.0
    assert (M * cost).sum() == pytest.approx(cost[linear_sum_assignment(cost)].sum(), abs=1e-9)


@pytest.mark.parametrize("n", [3, 4, 5, 8, 16, 33])
@pytest.mark.parametrize("family", [nx.path_graph, nx.cycle_graph])
def test_paths_and_cycles_have_a_map_without_diffusion_cost(family: Any, n: int) -> None:
    P = matching_prolongation(family(n), family(2 * n))
    np.testing.assert_allclose(P.T @ P, np.eye(n), atol=1e-10)
    assert objective(P, family(n), family(2 * n), s=0, alpha=1.0).diffusion < 1e-10


@pytest.mark.parametrize(
    ("A1", "A2", "message"),
    [
        (np.eye(3), np.eye(2), "got n1 = 3 and n2 = 2"),
        (np.ones((2, 3)), np.eye(3), r"A1: got shape \(2, 3\)"),
        (np.eye(2), np.triu(np.ones((3, 3))), "A2: got |A - Aᵀ| up to 1"),
        (np.full((1, 1), np.nan), np.eye(2), "A1: got entries that are not finite"),
    ],
)
def test_bad_input(A1: Any, A2: Any, message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        eigenvalue_matching(A1, A2)
