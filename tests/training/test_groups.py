"""Groups cover the flat parameters once, in order, and train as one."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from msann_sweep.config import OneObjectTask, SweepConfig
from msann_sweep.training import Trainer, groups, parameter_count
from msann_sweep.training.groups import parameter_groups


@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=5),
    st.booleans(),
    st.sampled_from([1, 7, 64, 1 << 18]),
)
def test_groups_cover_all_parameters_once_in_order(
    sizes: list[int], whole_layers: bool, most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "MOST_ENTRIES", most)
        found = parameter_groups(sizes, whole_layers)
    assert found[0].where.start == 0
    assert found[-1].where.stop == parameter_count(sizes)
    for one, other in itertools.pairwise(found):
        assert one.where.stop == other.where.start
    covered = []
    for group in found:
        position = 0
        for piece in group.pieces:
            assert piece.where.start == position
            position = piece.where.stop
            rows = range(sizes[piece.layer] + 1)[piece.rows] if piece.rows else [sizes[piece.layer]]
            assert piece.where.stop - piece.where.start == len(rows) * sizes[piece.layer + 1]
            covered += [(piece.layer, row) for row in rows]
        assert position == group.size
        if not whole_layers:
            assert group.size <= max(most + sum(sizes[1:]), 2 * max(sizes))
    rows_of = [(layer, row) for layer in range(len(sizes) - 1) for row in range(sizes[layer] + 1)]
    assert covered == rows_of
    if whole_layers:
        assert len(found) == len(sizes) - 1


@pytest.mark.parametrize("optimizer", ["tf1_rmsprop", "rmsprop", "adam"])
def test_many_groups_train_as_one(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = SweepConfig(name="x", task=OneObjectTask(n=6))
    params = {"L": 2, "coarse_step": "galerkin", "optimizer": optimizer, "batch_size": 8}
    config = sweep.trial(params).model_copy(update={"budget_cost": 400.0})
    thetas, counts = [], []
    for most in (1 << 18, 100):
        monkeypatch.setattr(groups, "MOST_ENTRIES", most)
        trainer = Trainer(config, dtype=torch.float64)
        for _ in trainer.rows():
            pass
        thetas.append(trainer.stepper.composed().clone())
        counts.append(len(trainer.stepper.optimizers[0].groups))
    assert counts[0] == 1 < 10 < counts[1]
    torch.testing.assert_close(thetas[0], thetas[1], rtol=1e-10, atol=1e-12)
