"""What importing a room brings with it, seen in a fresh process."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "ray", "mlflow", "optuna", "pymanopt", "matplotlib")


@pytest.mark.parametrize(
    ("room", "allowed"),
    [
        ("errors", set()),
        ("config", set()),
        ("operators", set()),
        ("data", {"torch"}),
        ("training", {"torch"}),
        ("cli", set()),
        ("report.status", set()),
    ],
)
def test_a_room_brings_no_more_than_it_may(room: str, allowed: set[str]) -> None:
    look = f"import sys, msann_sweep.{room}; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60
    )
    assert set(answer.stdout.split()) <= allowed
