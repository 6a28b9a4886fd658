"""A small search-space file, and what its tests ask of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from msann_sweep.config import ConfigError, Problem, load_search_space

SMALL = """\
task: {kind: one_object, n: 6}
space:
  L: {int: [0, 3]}
  gamma: {choice: [1, 2]}
  prolongation: {choice: [path, random]}
  learning_rate: {float: [1e-4, 1e-2], log: true}
"""
Write = Callable[[str], Path]


def problems(file: Path, *overrides: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_search_space(file, overrides)
    assert caught.value.exit_code == 2
    assert "pydantic" not in str(caught.value)
    assert "Input should" not in str(caught.value)
    return list(caught.value.problems)


def only(file: Path, *overrides: str) -> Problem:
    (problem,) = problems(file, *overrides)
    return problem
