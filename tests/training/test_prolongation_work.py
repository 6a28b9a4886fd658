"""Multiplications, counted by hand for a chain of two layers."""

from __future__ import annotations

from msann_sweep.training.prolongation_work import (
    PER_ENTRY,
    at_once,
    by_batches,
    columns_first,
    rows_first,
    waiting_pays,
)

FINE, COARSE, DENSE = (8, 6, 4), (4, 3, 2), (32, 18, 8)


def test_the_two_orders_of_a_triple_product() -> None:
    # P_in (8, 4), V (4, 3), P_outᵀ (3, 6)
    layer = (8, 6), (4, 3), (32, 18)
    assert rows_first(*layer) == 8 * 4 * 3 + 8 * 3 * 6
    assert columns_first(*layer) == 4 * 3 * 6 + 8 * 4 * 6


def test_at_once_takes_the_better_order_and_the_biases() -> None:
    first = min(96 + 144, 72 + 192) + 6 * 3
    second = min(6 * 3 * 2 + 6 * 2 * 4, 3 * 2 * 4 + 6 * 3 * 4) + 4 * 2
    assert at_once(FINE, COARSE, DENSE) == first + second == 258 + 92


def test_a_batch_goes_through_both_layers_and_back_through_one() -> None:
    forwards = (4 * 3 + 3 * 6) + (3 * 2 + 2 * 4)
    backwards = 2 * 3 + 3 * 6
    assert by_batches(COARSE, DENSE, 5) == 5 * (forwards + backwards) == 5 * 68


def test_waiting_pays_up_to_some_batch() -> None:
    most = (350 + PER_ENTRY * (48 + 24)) / 68
    assert waiting_pays(FINE, COARSE, DENSE, int(most))
    assert not waiting_pays(FINE, COARSE, DENSE, int(most) + 1)
