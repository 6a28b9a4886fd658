"""A sweep while it runs: on Ray, from its beginning or from where it was cut off."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray import tune

from msann_sweep.config import ImagesTask, SweepConfig, describe
from msann_sweep.config.storage import local_folder
from msann_sweep.data import ImageSet
from msann_sweep.errors import StorageError, SweepError
from msann_sweep.secrets import masked
from msann_sweep.sweep import cluster
from msann_sweep.sweep.assignment import Assignment
from msann_sweep.sweep.capacity import FollowsCluster
from msann_sweep.sweep.environment import describe_environment
from msann_sweep.sweep.event_log import EventLog
from msann_sweep.sweep.failures import in_words
from msann_sweep.sweep.interrupts import Interrupts
from msann_sweep.sweep.lease import Lease, held
from msann_sweep.sweep.log import LOG_FILE, SWEEP, log_event, logging_to
from msann_sweep.sweep.metrics import LiveCounters
from msann_sweep.sweep.operator_actors import SharedOperators
from msann_sweep.sweep.operator_watch import OperatorWatch
from msann_sweep.sweep.page_keeper import PageKeeper, PageWriter, write_last_page
from msann_sweep.sweep.record import SweepDirectory, SweepState
from msann_sweep.sweep.recorder import Recorder, View
from msann_sweep.sweep.search import SweepSearcher
from msann_sweep.sweep.steering import Steering, check_search
from msann_sweep.sweep.study_storage import new_study_name
from msann_sweep.sweep.summary import Comparison, compare
from msann_sweep.sweep.tracking import Tracker, tracking_uri
from msann_sweep.sweep.trial import MsannTrial
from msann_sweep.sweep.views import Views
from msann_sweep.training import TrialResult, load_task_data
from msann_sweep.training.task import open_feed

RETRIES_PER_TRIAL = 3
WEIGHTS_WAIT_S = 5.0
EXAMPLES = 4


def run_new(
    config: SweepConfig,
    view: View,
    trainable: type[tune.Trainable] | None,
    write_page: PageWriter | None,
) -> SweepDirectory:
    """Run a sweep that may be kept where it is to be, as :func:`launch.launch` has found."""
    check_search(config)
    data = load_task_data(config.task)
    cluster.connect(config)
    try:
        make_storage(config)
        tracker = Tracker.connect(config)
        state = SweepState(
            name=config.name,
            status="running",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            tracking_uri=masked(tracking_uri(config)),
            trained_on=describe_data(config, data),
            environment=describe_environment(),
            planned_trials=describe(config).trials,
            study=new_study_name(config),
        )
        directory = SweepDirectory.create(config, state)
        with held(directory.path) as lease:
            run = SweepRun(
                config,
                directory,
                state,
                tracker,
                view,
                data,
                lease,
                trainable or MsannTrial,
                write_page,
            )
            run.run()
        return directory
    finally:
        ray.shutdown()


def make_storage(config: SweepConfig) -> None:
    """Make the folder that holds all sweeps. Raises StorageError where that cannot be."""
    try:
        local_folder(config.storage).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"storage: cannot make {config.storage}: {error.strerror}; give a writable folder"
        ) from None


def describe_data(config: SweepConfig, data: ImageSet | None) -> dict[str, Any]:
    """Name, digest, source and a description in words of what a sweep is trained on."""
    if data is not None:
        few = None if isinstance(config.task, ImagesTask) else config.task.validation
        subset = f" ({few:,} of them, drawn once)" if few else ""
        return {
            "name": data.name,
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
class SweepRun:
    """One stretch of a sweep, between its start or resumption and its end or interruption."""

    config: SweepConfig
    directory: SweepDirectory
    state: SweepState
    tracker: Tracker
    view: View
    data: ImageSet | None
    lease: Lease
    trainable: type[tune.Trainable] = MsannTrial
    write_page: PageWriter | None = None

    def run(self) -> None:
        """Run the trials that have not ended and record how the sweep ended.

        Raises SweepError when all of them failed, when Ray or the storage fails, and when
        another process has taken the sweep over.
        """
        with in_words(self.config), logging_to(self.directory.path / LOG_FILE):
            try:
                self._run()
            finally:
                log_event(SWEEP, self.state.status, self.state.message or "")

    def _run(self) -> None:
        started = time.monotonic()
        self.tracker.open_sweep(self.directory, self.state)
        operators = SharedOperators.start(self.config, self.data)
        watch = OperatorWatch(operators, self._count_operators)
        views = [self.view, EventLog(), LiveCounters(watch.known)]
        if self.write_page:
            views.append(PageKeeper(self.tracker.log_page))
        self.view = Views(views)
        before_s = self.state.wall_s

        def elapsed_s() -> float:
            return before_s + time.monotonic() - started

        study_name = self.state.study or self.config.name
        steering = Steering.of(self.config, self.directory, study_name, elapsed_s)
        recorder = self._recorder(steering, elapsed_s)
        self.view.opened(self.config, self.directory, self.state.planned_trials)
        status = "interrupted"
        try:
            self._fit(operators, recorder, steering.searcher, watch)
            results = [record.result for record in recorder.records.values() if record.result]
            failed = bool(results) and all(result.status == "failed" for result in results)
            status = "failed" if failed else "finished"
        finally:
            self.state.operators = watch.latest()
            self.view.closed()
            if not self.lease.lost:
                self.state.wall_s = elapsed_s()
                self.state.message = steering.close()
                self._close(status, recorder)
        if status == "failed":
            raise SweepError(f"sweep {self.config.name!r}: every trial failed; see `results`")

    def _count_operators(self, counters: dict[str, Any]) -> None:
        self.state.operators = counters
        self.directory.write_state(self.state)

    def _recorder(self, steering: Steering, elapsed_s: Callable[[], float]) -> Recorder:
        def keep_time() -> None:
            self.state.wall_s = elapsed_s()
            self.directory.write_state(self.state)

        def on_result(assignment: Assignment, result: TrialResult) -> None:
            steering.searcher.record_result(assignment, result)
            keep_time()

        return Recorder(
            self.config,
            self.directory,
            self.tracker,
            steering.stopper,
            self.view,
            self.state.trained_on,
            on_result,
            keep_time,
            Interrupts(),
            self.lease,
        )

    def _fit(
        self,
        operators: SharedOperators,
        recorder: Recorder,
        searcher: SweepSearcher,
        watch: OperatorWatch,
    ) -> None:
        wanted = self.config.search.concurrency
        resources = self.config.resources
        trainable = tune.with_parameters(
            self.trainable,
            sweep=self.config.without_secrets(),
            operators=operators,
            data=self.data,
            weights_path=self.directory.weights_path.resolve(),
            checkpoints_path=self.directory.checkpoints_path.resolve(),
        )
        shutil.rmtree(self.directory.tune_path, ignore_errors=True)
        tuner = tune.Tuner(
            tune.with_resources(
                trainable, {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial}
            ),
            tune_config=tune.TuneConfig(
                search_alg=FollowsCluster(searcher, resources) if wanted == "auto" else searcher,
                num_samples=-1,
                max_concurrent_trials=None if wanted == "auto" else wanted,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name=self.directory.tune_path.name,
                storage_path=str(self.directory.path.resolve()),
                stop=recorder.stopper,
                callbacks=[recorder, watch],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=RETRIES_PER_TRIAL),
                verbose=0,
            ),
        )
        with recorder.interrupts:
            try:
                tuner.fit()
            except KeyboardInterrupt:
                recorder.save_running()
                raise

    def _close(self, status: str, recorder: Recorder) -> None:
        records, tracker = recorder.records, self.tracker
        compared = compare(records.values())
        if status == "finished":
            self._log_weights(compared)
            patience = time.monotonic() + WEIGHTS_WAIT_S
            while recorder.keep_compared_weights() and time.monotonic() < patience:
                time.sleep(0.1)
        tracker.sync_sweep(records, self.state.trained_on["description"], self.state.operators)
        tracker.sync_roles(records, self.directory.curve)
        self.state.status = status
        self.directory.write_state(self.state)
        page = write_last_page(self.write_page, self.directory, status)
        if page:
            tracker.log_page(page)
        running = [record for record in records.values() if not record.result]
        tracker.end_sweep(
            status, [(record, recorder.curves.get(record.id, [])) for record in running]
        )
        self.state.run_id = tracker.run_id
        if tracker.lost:
            note = (
                f"MLflow lacks some of this sweep: {tracker.lost}; `resume` writes what is missing"
            )
            self.state.message = "; ".join(filter(None, (self.state.message, note)))
        self.directory.write_state(self.state)

    def _log_weights(self, compared: Comparison) -> None:
        """Log the compared trials' weights; a stopped trial's may take a moment to appear."""
        for role, record in vars(compared).items():
            if record is None:
                continue
            file = self.directory.weights_file(record.id)
            patience = time.monotonic() + WEIGHTS_WAIT_S
            while not file.exists() and time.monotonic() < patience:
                time.sleep(0.1)
            if file.exists():
                self.tracker.log_artifacts([file], f"weights/{role}")
                if role == "best":
                    self.tracker.log_model(record, file, self._example())

    def _example(self) -> NDArray[np.float32]:
        """A few validation examples, (B, n_in)."""
        feed = open_feed(self.config.task, self.data, None, "cpu")
        inputs, _ = next(iter(feed.validation(EXAMPLES)))
        example: NDArray[np.float32] = inputs[:EXAMPLES].numpy()
        return example
