"""What the recorder makes of Tune's events, told twice, out of step or while the disk fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ray.tune.experiment import Trial

from msann_sweep.errors import SweepError
from msann_sweep.sweep import recorder
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.interrupts import Interrupts
from msann_sweep.sweep.lease import Lease, LeaseLostError
from msann_sweep.sweep.recorder import Recorder
from msann_sweep.sweep.tracking import Tracker
from msann_sweep.sweep.views import Views
from msann_sweep.training import Row, TrialResult
from tests.sweep.tracked import DATA, Recorded, rows

ASSIGNMENT = Assignment("t0000", "t0000", "sample", 3, {"L": 2, "gamma": 1})


class NeverStops:
    """A stopper that lets every trial go on."""

    stopped: dict[str, str] = {}  # noqa: RUF012


class Part:
    """One part of a sweep: a recorder between a start and a crash, told of one trial by "Tune"."""

    def __init__(self, sweep: Recorded, lease: Lease) -> None:
        self.tracker: Tracker = sweep.tracker()
        self.told: list[TrialResult] = []
        self.kept_time = 0
        self.recorder = Recorder(
            sweep.config,
            sweep.directory,
            self.tracker,
            NeverStops(),  # type: ignore[arg-type]  # all that the recorder asks of it
            Views(()),
            DATA,
            lambda _, result: self.told.append(result),
            self.keep_time,
            Interrupts(),
            lease,
        )
        self.trial = Trial("msann", stub=True, config=asdict(ASSIGNMENT))
        self.event("start")

    def keep_time(self) -> None:
        self.kept_time += 1

    def event(self, kind: str, **more: Any) -> None:
        method = getattr(self.recorder, f"on_trial_{kind}")
        method(iteration=0, trials=[self.trial], trial=self.trial, **more)

    def report(self, curve: list[Row], first: int, **more: Any) -> None:
        """Results from an evaluation on, as MsannTrial makes them."""
        for evaluation, row in enumerate(curve[first:], start=first):
            result = {**row, "evaluation": evaluation}
            known = {"id": "t0000", "stop_reason": None, "message": None, **more}
            self.event("result", result={**known, **result})

    def end(self) -> None:
        self.recorder.last["t0000"]["stop_reason"] = "target"
        self.event("complete")
        self.tracker.end_sweep("finished", [])


@pytest.fixture
def sweep(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path)


@pytest.fixture
def lease(sweep: Recorded) -> Iterator[Lease]:
    held = Lease.take(sweep.directory.path)
    yield held
    held.release()


def from_checkpoint(curve: list[Row], checkpoint: int, pace: float) -> list[Row]:
    """The rows that a trial tells that goes on from that many, faster or slower than before."""
    at_s = curve[checkpoint]["wall_s"]
    later = [
        Row(**{**row, "wall_s": at_s + pace * (row["wall_s"] - at_s)})  # type: ignore[typeddict-item]
        for row in curve[checkpoint:]
    ]
    return curve[:checkpoint] + later


@pytest.mark.parametrize(("checkpoint", "pace"), [(0, 2.0), (3, 0.3), (7, 0.3)])
def test_rows_told_again_are_recorded_once(
    sweep: Recorded, lease: Lease, checkpoint: int, pace: float
) -> None:
    """Cut off after 5 rows; the checkpoint may be behind what was told, or ahead of it."""
    curve = rows(12)
    first = Part(sweep, lease)
    first.report(curve[:5], first=0)
    first.tracker.end_sweep("interrupted", [(first.recorder.records["t0000"], curve[:5])])
    second = Part(sweep, lease)
    second.report(from_checkpoint(curve, checkpoint, pace), first=0)
    second.end()
    kept = sweep.directory.curve("t0000")
    assert [row["cost"] for row in kept] == [row["cost"] for row in curve]
    seconds = [row["wall_s"] for row in kept]
    assert seconds == sorted(seconds)
    assert seconds[:5] == [row["wall_s"] for row in curve[:5]]
    assert len(second.told) == 1
    assert second.told[0].final_mse == curve[-1]["val_mse"]
    sweep.records = sweep.directory.trials()
    sweep.check_equal()


def test_crashes_count_until_there_is_something_new(sweep: Recorded, lease: Lease) -> None:
    part = Part(sweep, lease)
    part.report(rows(3), first=0)
    for crashes in (1, 2):
        part.trial.run_metadata.num_failures = crashes
        part.event("recover")
        part.event("start")
        part.report(rows(3), first=0)
        assert part.trial.config["attempt"] == part.trial.num_failures == crashes
    part.report(rows(4), first=0)
    assert part.trial.config["attempt"] == part.trial.num_failures == 0


def test_the_time_is_kept_every_few_seconds(
    sweep: Recorded, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "TIME_KEPT_EVERY_S", 1e6)
    part = Part(sweep, lease)
    for kept in (0, 1, 2):
        part.recorder.on_step_end(0, [])
        part.recorder.on_step_end(0, [])
        assert part.kept_time == kept
        part.recorder._next_time_s -= 1e6


@pytest.mark.parametrize("fault", ["disk", "worker's disk"])
def test_a_storage_that_fails_ends_the_sweep_in_words(
    sweep: Recorded, lease: Lease, fault: str
) -> None:
    part = Part(sweep, lease)
    part.report(rows(2), first=0)
    part.recorder.on_step_begin(0, [])
    if fault == "disk":
        curves, aside = sweep.directory.path / "curves", sweep.directory.path / "aside"
        curves.rename(aside)
        curves.write_text("")
        part.report(rows(4), first=2)
        curves.unlink()
        aside.rename(curves)
    else:
        full = "cannot write t0000.ckpt: No space left"
        part.report(rows(3), first=2, storage_fault=full, node_ip="10.0.0.7")
    part.report(rows(6), first=3)
    part.end()
    assert not part.told
    with pytest.raises(
        SweepError, match=r"storage failed: .*; nothing recorded so far is lost"
    ) as caught:
        part.recorder.on_step_begin(0, [])
    assert ("No space left (node 10.0.0.7)" in str(caught.value)) == (fault != "disk")
    kept = sweep.directory.curve("t0000")
    assert kept == rows(6)[: len(kept)]
    # MLflow cannot take points back: it must not have what the record lacks.
    assert part.recorder.curves["t0000"] == kept


def test_nothing_is_written_once_the_lease_is_lost(sweep: Recorded, lease: Lease) -> None:
    part = Part(sweep, lease)
    part.report(rows(2), first=0)
    lease.lost = "taken over by somebody"
    part.report(rows(4), first=2)
    part.end()
    with pytest.raises(LeaseLostError, match="writes nothing more"):
        part.recorder.on_step_begin(0, [])
    assert len(sweep.directory.curve("t0000")) == 2
    assert sweep.directory.trials()["t0000"].status == "running"
