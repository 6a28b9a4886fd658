"""Learning from an earlier sweep: its samples, where they could have been this sweep's own."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from msann_sweep.config import SweepConfig
from msann_sweep.errors import StorageError
from msann_sweep.sweep.assignment import SAMPLE
from msann_sweep.sweep.objective import sample_objectives
from msann_sweep.sweep.record import SweepDirectory
from msann_sweep.sweep.sample import Sample, samples_of
from msann_sweep.sweep.samplers import suggest
from msann_sweep.sweep.study import WARM_START, SweepStudy
from msann_sweep.sweep.study_storage import SAMPLE_ATTR

Earlier = tuple[str, int, list[tuple[Sample, dict[str, Any]]]]


def learn_from(config: SweepConfig, study: SweepStudy) -> str:
    """Add the earlier sweep's samples to a study that has none of its own yet; says how many."""
    name, n_ended, usable = earlier_samples(config)
    for sample, params in usable:
        known_as = f"{name}/{sample.name}"
        study.learn(known_as, _as_trial(config, known_as, sample, params))
    return f"{len(usable)} of the {n_ended} ended samples of {name}"


def earlier_samples(config: SweepConfig) -> Earlier:
    """The earlier sweep's name, how many of its samples ended, and those that can be learnt from.

    These come with their hyperparameters in this sweep's space. Raises StorageError where there is
    no such sweep, it is of another problem, or nothing can be learnt from it.
    """
    where = config.search.warm_start
    assert where is not None
    try:
        directory = SweepDirectory.find(where, config.storage)
        earlier = directory.config()
    except StorageError as error:
        raise StorageError(f"search.warm_start: {error}") from None
    _check_alike(config, earlier)
    ended = [s for s in samples_of(directory.trials().values()) if s.role == SAMPLE]
    found = ((sample, _in_space(config, earlier, sample)) for sample in ended)
    usable = [(sample, params) for sample, params in found if params is not None]
    if not usable:
        raise StorageError(
            f"search.warm_start: none of the {len(ended)} ended samples of {earlier.name!r} could "
            "have been drawn in this space; allowed: a sweep over a space that overlaps with it"
        )
    return earlier.name, len(ended), usable


def _check_alike(config: SweepConfig, earlier: SweepConfig) -> None:
    """Costs to the target can be learnt from only where target and problem are the same."""
    problems = [
        (each.task.model_dump(exclude={"data_dir"}), each.network) for each in (config, earlier)
    ]
    pairs = zip(("task", "network"), *problems, strict=True)
    differing = [name for name, ours, theirs in pairs if ours != theirs]
    differing += [
        f"stopping.{name}"
        for name in ("target", "accuracy")
        if getattr(config.stopping, name) != getattr(earlier.stopping, name)
    ]
    if len(config.search.objectives) > 1 and earlier.stopping.on_target != "continue":
        differing.append("stopping.on_target")
    if differing:
        raise StorageError(
            f"search.warm_start: {earlier.name!r} differs in {', '.join(differing)}; allowed: a "
            "sweep with the same task, network and target"
        )


def _in_space(config: SweepConfig, earlier: SweepConfig, sample: Sample) -> dict[str, Any] | None:
    """The sample of this space that trains just as the earlier one did, if there is one."""
    effective = earlier.trial(sample.params).params()
    try:
        params = config.space.walk(lambda name, _: effective[name])
    except KeyError:
        return None
    if not config.space.contains(params) or config.trial(params).params() != effective:
        return None
    return params


def _as_trial(
    config: SweepConfig, known_as: str, sample: Sample, params: dict[str, Any]
) -> FrozenTrial:
    """The sample as an ended trial of Optuna's."""
    study = optuna.create_study(directions=["minimize"] * len(config.search.objectives))
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    study.enqueue_trial(params)
    trial = study.ask()
    config.space.walk(lambda name, entry: suggest(trial, name, entry))
    attributes = {SAMPLE_ATTR: known_as, "params": params, WARM_START: True, "role": "warm start"}
    for key, value in attributes.items():
        trial.set_user_attr(key, value)
    values = sample_objectives(config, sample.results)
    if any(result.status == "stopped" for result in sample.results):
        if len(values) == 1:
            trial.report(values[0], 0)
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, values)
    return study.trials[0]
