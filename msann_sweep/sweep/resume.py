"""Going on with a sweep that was cut off, and changing what may be changed of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ray
import yaml

from msann_sweep.config import SweepConfig, describe, load_search_space
from msann_sweep.errors import ConfigError, Problem
from msann_sweep.secrets import masked
from msann_sweep.sweep import cluster
from msann_sweep.sweep.answering import check_answers
from msann_sweep.sweep.assignment import SAMPLE
from msann_sweep.sweep.failures import in_words
from msann_sweep.sweep.lease import held
from msann_sweep.sweep.page_keeper import PageWriter
from msann_sweep.sweep.record import SweepDirectory, SweepState
from msann_sweep.sweep.recorder import View
from msann_sweep.sweep.stored import kept_at
from msann_sweep.sweep.study_storage import check_study_storage
from msann_sweep.sweep.sweep_run import SweepRun
from msann_sweep.sweep.tracking import Tracker
from msann_sweep.training import load_task_data

# What may differ between the trials of one sweep: fields, and sections as a whole.
CHANGEABLE = (
    "search.trials",
    "search.concurrency",
    "search.storage",
    "stopping.sweep_budget_s",
    "stopping.sweep_budget_cost",
    "stopping.patience",
    "resources",
    "tracking",
)
REASONS = {
    "name": "it is the name of the sweep's directory",
    "storage": "it is where the sweep lives; move the directory and resume it there",
    "space": "the samples so far are of the space as it was",
    "search": "the samples so far depend on it",
}
INCOMPARABLE = "trials that have ended could not be compared with new ones"


def resume(
    directory: SweepDirectory,
    view: View,
    overrides: Sequence[str] = (),
    write_page: PageWriter | None = None,
) -> SweepDirectory:
    """Go on with a sweep: trials that have ended are kept, others go on from their checkpoints.

    ``overrides`` ("search.trials=48") change the sweep from now on. Raises as :func:`launch` does,
    StorageError when the sweep is still running, ConfigError when its search-space file was
    edited or something is overridden that must not change.
    """
    kept = kept_at(directory.config().storage, directory.path.name, new=False)
    with kept, held(directory.path) as lease:
        state = directory.read_state()
        config = resumed_config(directory, state, overrides)
        if config.resources.address:
            check_answers(config.resources.address)
        check_study_storage(config)
        data = load_task_data(config.task)
        cluster.connect(config)
        try:
            tracker = Tracker.connect(config)
            with in_words(config):
                directory.repair()
                state.status = "running"
                state.planned_trials = describe(config).trials
                directory.write_config(config, state)
            run = SweepRun(
                config, directory, state, tracker, view, data, lease, write_page=write_page
            )
            run.run()
            return directory
        finally:
            ray.shutdown()


def resumed_config(
    directory: SweepDirectory, state: SweepState, overrides: Sequence[str]
) -> SweepConfig:
    """The sweep's search space with what ``overrides`` change of it.

    Raises ConfigError with all that was edited in the file, or all that must not be overridden.
    """
    directory.finish_writing_config(state)
    problems = [
        Problem(
            f"{directory.config_file}: {path}",
            f"{after!r}, edited since the sweep ran with {before!r}",
            f"the file as it was; to change it, use `resume --set {path}=...`",
        )
        for path, before, after in differences(
            _masked(state.config), _plain(load_search_space(directory.config_file))
        )
    ]
    if problems:
        raise ConfigError(problems)
    config = load_search_space(directory.config_file, overrides)
    problems = [
        Problem(f"--set {path}", repr(after), f"{before!r}, as it was: {_reason(path)}")
        for path, before, after in differences(_masked(state.config), _plain(config))
        if not _is_changeable(path)
    ]
    asked = _samples(directory)
    if config.search.trials < min(asked, state.config["search"]["trials"]):
        given = str(config.search.trials)
        problems.append(Problem("--set search.trials", given, f"{asked} or more: so many began"))
    if problems:
        raise ConfigError(problems)
    return directory.located(config)


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, value before, value after) of every field that differs, None where there is none."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in {**before, **after}:
            at = f"{path}.{key}" if path else str(key)
            yield from differences(before.get(key), after.get(key), at)
    elif before != after:
        yield path, before, after


def _plain(config: SweepConfig) -> Any:
    """The file's content as plain values, as the sweep's state keeps it."""
    return yaml.safe_load(config.to_yaml())


def _masked(config: dict[str, Any]) -> Any:
    """As an earlier version kept it, without the passwords that are masked today."""
    return yaml.safe_load(masked(yaml.safe_dump(config, width=math.inf)))


def _is_changeable(path: str) -> bool:
    return any(path == field or path.startswith(f"{field}.") for field in CHANGEABLE)


def _reason(path: str) -> str:
    return REASONS.get(path.partition(".")[0], INCOMPARABLE)


def _samples(directory: SweepDirectory) -> int:
    """How many samples have begun."""
    assignments = [record.assignment for record in directory.trials().values()]
    return len({each.sample for each in assignments if each.role == SAMPLE})
