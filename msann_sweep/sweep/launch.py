"""Running a sweep from beginning to end, or on from where it was cut off."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ray
from ray import tune

from msann_sweep.config import MnistLabelsTask, MnistTask, SweepConfig, describe
from msann_sweep.data import Mnist
from msann_sweep.errors import StorageError, SweepError
from msann_sweep.sweep import cluster
from msann_sweep.sweep.environment import describe_environment
from msann_sweep.sweep.interrupts import Interrupts
from msann_sweep.sweep.operator_actors import SharedOperators
from msann_sweep.sweep.record import SweepDirectory, SweepState, TrialRecord, is_alive
from msann_sweep.sweep.recorder import Recorder, View
from msann_sweep.sweep.search import SampleSource, SweepSearcher
from msann_sweep.sweep.stopping import RaceStopper
from msann_sweep.sweep.summary import Comparison, compare
from msann_sweep.sweep.tracking import Tracker, masked, tracking_uri
from msann_sweep.sweep.trial import MsannTrial
from msann_sweep.training import load_task_data

RETRIES_PER_TRIAL = 2
WEIGHTS_WAIT_S = 5.0


def launch(config: SweepConfig, view: View) -> SweepDirectory:
    """Run a new sweep to its end.

    Everything that can be wrong is looked at before anything is made. Raises InputError (bad data,
    storage, tracking, resources), SweepError when all trials failed, KeyboardInterrupt when
    interrupted: the sweep can then be resumed.
    """
    check_storage(config)
    data = load_task_data(config.task)
    concurrency = cluster.connect(config)
    try:
        make_storage(config)
        tracker = Tracker.connect(config)
        directory = SweepDirectory.create(config)
        environment = describe_environment()
        state = SweepState(
            name=config.name,
            status="running",
            pid=os.getpid(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            tracking_uri=masked(tracking_uri(config)),
            trained_on=describe_data(config, data),
            environment=environment,
            planned_trials=describe(config).trials,
        )
        state.run_id = tracker.start_sweep(
            config, directory.config_file, environment, state.trained_on
        )
        directory.write_state(state)
        _Sweep(config, directory, state, tracker, view, data).run(concurrency)
        return directory
    finally:
        ray.shutdown()


def resume(directory: SweepDirectory, view: View) -> SweepDirectory:
    """Go on with a sweep: trials that have ended are kept, those cut off begin again.

    Raises as :func:`launch` does, and StorageError when the sweep is still running.
    """
    state = directory.read_state()
    if state.status == "running" and is_alive(state.pid):
        raise StorageError(f"sweep {state.name!r}: still running, as process {state.pid}")
    directory.repair()
    config = directory.config()
    data = load_task_data(config.task)
    concurrency = cluster.connect(config)
    try:
        tracker = Tracker.connect(config)
        tracker.continue_sweep(state.run_id)
        state.status, state.pid = "running", os.getpid()
        directory.write_state(state)
        _Sweep(config, directory, state, tracker, view, data).run(concurrency)
        return directory
    finally:
        ray.shutdown()


def check_storage(config: SweepConfig) -> None:
    """Raise StorageError where the sweep could not be kept; makes nothing."""
    if "://" in config.storage:
        raise StorageError(f"storage: got {config.storage}; allowed as yet: a path on this machine")
    path = Path(config.storage) / config.name
    if path.exists():
        raise StorageError(
            f"sweep {config.name!r}: {path} exists already; go on with it by "
            f"`msann-sweep resume {config.name}`, or choose another name with --name"
        )
    existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise StorageError(f"storage: {existing} is no folder that can be written to")


def make_storage(config: SweepConfig) -> None:
    """Make the folder that holds all sweeps. Raises StorageError where that cannot be."""
    try:
        Path(config.storage).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"storage: cannot make {config.storage}: {error.strerror}; give a writable folder"
        ) from None


def describe_data(config: SweepConfig, data: Mnist | None) -> dict[str, Any]:
    """Name, digest, source and a description in words of what a sweep is trained on."""
    if isinstance(config.task, MnistTask | MnistLabelsTask) and data is not None:
        few = config.task.validation
        subset = f" ({few:,} of them, drawn once)" if few else ""
        return {
            "name": "mnist",
            "digest": data.digest,
            "source": data.source,
            "description": data.description + subset,
        }
    task = config.task.model_dump(mode="json")
    settings = ", ".join(f"{key} {value}" for key, value in task.items() if key != "kind")
    return {
        "name": config.task.kind,
        "digest": "-".join(str(value) for value in task.values()),
        "source": "generated",
        "description": f"{config.task.kind}, generated: {settings}",
    }


@dataclass
class _Sweep:
    """One stretch of a sweep, between its start or resumption and its end or interruption."""

    config: SweepConfig
    directory: SweepDirectory
    state: SweepState
    tracker: Tracker
    view: View
    data: Mnist | None

    def run(self, concurrency: int) -> None:
        """Run the trials that have not ended and record how the sweep ended."""
        started = time.monotonic()
        operators = SharedOperators.start(self.config, self.data)
        recorder, searcher = self._recorder()
        self.view.opened(self.config, self.directory, self.state.planned_trials)
        status = "interrupted"
        try:
            self._fit(concurrency, operators, recorder, searcher)
            results = [record.result for record in recorder.records.values() if record.result]
            failed = all(result.status == "failed" for result in results)
            status = "failed" if failed else "finished"
        finally:
            self.view.closed()
            self.state.wall_s += time.monotonic() - started
            self.state.operators = operators.statistics()
            self._close(status, recorder)
        if status == "failed":
            raise SweepError(f"sweep {self.config.name!r}: every trial failed; see `results`")

    def _recorder(self) -> tuple[Recorder, SweepSearcher]:
        source = SampleSource(self.config, self.directory.study_file)
        records = self.directory.trials()
        ended = {record.id: record.result for record in records.values() if record.result}
        searcher = SweepSearcher(self.config, source, ended)
        costs = [result.cost_to_tenth for result in ended.values() if result.cost_to_tenth]
        stopper = RaceStopper(self.config.stopping.race_factor, min(costs, default=None))
        recorder = Recorder(
            self.config,
            self.directory,
            self.tracker,
            stopper,
            self.view,
            self.state.trained_on,
            searcher.record_result,
            Interrupts(),
        )
        return recorder, searcher

    def _fit(
        self,
        concurrency: int,
        operators: SharedOperators,
        recorder: Recorder,
        searcher: SweepSearcher,
    ) -> None:
        wanted = self.config.search.concurrency
        resources = self.config.resources
        trainable = tune.with_parameters(
            MsannTrial,
            sweep=self.config,
            operators=operators,
            data=self.data,
            weights_path=self.directory.weights_path.resolve(),
        )
        shutil.rmtree(self.directory.tune_path, ignore_errors=True)
        tuner = tune.Tuner(
            tune.with_resources(
                trainable, {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial}
            ),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                num_samples=-1,
                max_concurrent_trials=concurrency if wanted == "auto" else wanted,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name=self.directory.tune_path.name,
                storage_path=str(self.directory.path.resolve()),
                stop=recorder.stopper,
                callbacks=[recorder],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=RETRIES_PER_TRIAL),
                verbose=0,
            ),
        )
        with recorder.interrupts:
            tuner.fit()

    def _close(self, status: str, recorder: Recorder) -> None:
        records = recorder.records
        compared = compare(records.values())
        running = [record.run_id for record in records.values() if not record.result]
        if status == "finished":
            self._log_weights(compared)
            recorder.keep_compared_weights()
        self._log_summary(compared)
        self.tracker.end_sweep(status, running)
        self.state.status = status
        if self.tracker.lost:
            self.state.message = f"tracking was lost: {self.tracker.lost}"
        self.directory.write_state(self.state)

    def _log_weights(self, compared: Comparison) -> None:
        """Log the compared trials' weights; a stopped trial's may take a moment to appear."""
        for role, record in vars(compared).items():
            if record is None:
                continue
            self.tracker.tag_trial(record.run_id, "compared", role)
            file = self.directory.weights_file(record.id)
            patience = time.monotonic() + WEIGHTS_WAIT_S
            while not file.exists() and time.monotonic() < patience:
                time.sleep(0.1)
            if file.exists():
                self.tracker.log_artifacts([file], f"weights/{role}")

    def _log_summary(self, compared: Comparison) -> None:
        named: dict[str, TrialRecord | None] = vars(compared)
        tags = {role: record.id for role, record in named.items() if record}
        tags["operator_keys"] = " ".join(self.state.operators.get("keys", []))
        metrics = {
            f"{role}_cost_to_tenth": record.result.cost_to_tenth
            for role, record in named.items()
            if record and record.result and record.result.cost_to_tenth is not None
        }
        self.tracker.describe(tags, metrics)
