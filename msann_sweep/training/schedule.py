"""Which level is visited when: the recursive cycle of Algorithm 3.1 as a pure function."""

from __future__ import annotations

from collections.abc import Iterator

from msann_sweep.config import TrialConfig


def cycle_schedule(gamma: int, L: int) -> list[int]:
    """Levels visited by one ``MsANNCycle(0)``, each visit being k smoothing steps.

    Level l is smoothed once on entry and once after each of its ``gamma`` recursions into level
    l + 1; level L does not recurse. ``gamma`` = 1 gives V-cycles, 2 gives W-cycles (Figure 4).

    Raises ValueError for a negative argument.

    >>> cycle_schedule(1, 2)
    [0, 1, 2, 1, 0]
    >>> cycle_schedule(2, 1)
    [0, 1, 0, 1, 0]
    """
    if gamma < 0 or L < 0:
        raise ValueError(f"gamma and L must not be negative, got gamma={gamma}, L={L}")
    visits = [L]
    for level in reversed(range(L)):
        visits = [level, *(visit for _ in range(gamma) for visit in (*visits, level))]
    return visits


def trial_schedule(trial: TrialConfig) -> Iterator[tuple[int, int | None]]:
    """The schedule that a trial asks for; one that trains all levels at once stays at level 0."""
    if trial.schedule == "simultaneous":
        return training_schedule(0, 0, 1, 0)
    return training_schedule(trial.gamma, trial.L, trial.k, trial.cascade)


def training_schedule(
    gamma: int, L: int, k: int, cascade: int | str
) -> Iterator[tuple[int, int | None]]:
    """Endless (level, batches) pairs: the cascadic start, then cycle after cycle.

    The start is ``cascade`` batches at each level from the coarsest to level 1; with "auto" their
    number is None: until the level's loss stalls.
    """
    if cascade == "auto" or int(cascade) > 0:
        for level in range(L, 0, -1):
            yield level, None if cascade == "auto" else int(cascade)
    cycle = cycle_schedule(gamma, L)
    while True:
        for level in cycle:
            yield level, k
