"""Operators of a trial, and what the configuration says of the strategies there are."""

from __future__ import annotations

from typing import get_args

import pytest

from msann_sweep.config.hyperparameters import AGGREGATIONS, Prolongation
from msann_sweep.operators import LEARNED, STRATEGIES, build_operators


def test_the_configuration_names_every_strategy() -> None:
    assert set(get_args(Prolongation)) == {*STRATEGIES, LEARNED}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_galerkin_steps_are_allowed_where_a_strategy_folds(strategy: str) -> None:
    folds = build_operators([64, 16], 3, strategy).folded_order(0) is not None
    assert folds == (strategy in AGGREGATIONS)
