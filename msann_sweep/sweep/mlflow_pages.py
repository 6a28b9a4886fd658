"""What a person reads in MLflow: names of runs, tags, descriptions, the saved view of charts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from msann_sweep.config import SweepConfig, describe
from msann_sweep.sweep.assignment import DEFAULT, SAMPLE, Assignment
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.sweep.sample import Sample
from msann_sweep.sweep.summary import Comparison, SampleComparison

TITLES = {
    "best": "Best MsANN",
    "worst": "Worst MsANN",
    "default": "Default",
    "tuned_default": "Tuned default",
}
# Okabe and Ito's colours, told apart by everybody.
COLOURS = {
    "best": "#009e73",
    "worst": "#d55e00",
    "default": "#56b4e9",
    "tuned_default": "#0072b2",
}
OTHERS = "#999999"
TAG_LENGTH = 5000
VIEW = "curves"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
# The tag of what the view shows: the sweeps' own runs and those of the trials compared.
COMPARISON = "comparison"
TRAINING = "workflowType=machine_learning"
LIVE = "best_cost_to_tenth"


def parameters(params: Mapping[str, Any]) -> str:
    """Hyperparameters as a name says them: "γ3 L6 k4 grid lr 0.004"."""
    if params.get("L", 0) == 0:
        return f"plain lr {params['learning_rate']:.3g}" if "learning_rate" in params else "plain"
    parts = [
        f"{sign}{params[name]}"
        for name, sign in (("gamma", "γ"), ("L", "L"), ("k", "k"))
        if name in params
    ]
    parts += [str(params[name]) for name in ("prolongation", "coarse_step") if name in params]
    if params.get("cascade"):
        parts.append(f"cascade {params['cascade']}")
    if "learning_rate" in params:
        parts.append(f"lr {params['learning_rate']:.3g}")
    return " ".join(parts)


def run_name(assignment: Assignment, params: Mapping[str, Any], seeds: int) -> str:
    """The name of a trial's run; with several seeds each says its own."""
    name = "default" if assignment.role == DEFAULT else parameters(params)
    return f"{name} seed {assignment.seed}" if seeds > 1 else name


def role_of(assignment: Assignment) -> str:
    """The ``role`` of a run whose trial is none of the compared ones: baseline or sample."""
    return SAMPLE if assignment.role == SAMPLE else "baseline"


def compared_name(sweep: str, role: str, name: str) -> str:
    """The name of a compared trial's run: what a legend says where sweeps stand side by side."""
    return f"{sweep} {role.replace('_', ' ')}: {name}"


def colour_tag(role: str) -> dict[str, str]:
    """The colour in which MLflow draws a run of that role."""
    return {"mlflow.runColor": COLOURS.get(role, OTHERS)}


def trials_of_roles(compared: Comparison) -> dict[str, str]:
    """Trial by role; a lone trial is the best, not also the worst."""
    named = {role: record.id for role, record in vars(compared).items() if record}
    if named.get("worst") == named.get("best"):
        named.pop("worst", None)
    return named


def shown_params(config: SweepConfig, params: Mapping[str, Any], seed: int) -> dict[str, str]:
    """What tells a trial from the others: the space's hyperparameters; the rest is the sweep's."""
    varied = {"L", "learning_rate", *config.space.entries}
    shown = {name: str(value) for name, value in params.items() if name in varied}
    return {**shown, "seed": str(seed)}


def sweep_params(config: SweepConfig) -> dict[str, str]:
    """Parameters of the sweep's own run: what its trials have in common."""
    training = config.training
    return {
        "task": config.task.kind,
        "layers": " ".join(map(str, config.network.layers)),
        "optimizer": training.optimizer,
        "batch_size": str(training.batch_size),
        "target": str(config.stopping.accuracy or config.stopping.target),
        "trials": str(describe(config).trials),
        "seeds": str(config.search.seeds),
    }


def sweep_description(
    config: SweepConfig,
    trained_on: str,
    records: Mapping[str, TrialRecord],
    compared: SampleComparison,
) -> str:
    """The description of the sweep's run, in Markdown: the comparison first.

    What it says of a sample are means over its seeds ± their standard errors.
    """
    goal = f"{config.stopping.target:g} of initial MSE" if config.stopping.target != 0.1 else "1/10"
    if config.stopping.accuracy:
        goal = f"accuracy {config.stopping.accuracy:g}"
    lines = [
        _row("", "final MSE", f"cost to {goal}", f"seconds to {goal}", "hyperparameters", "trial"),
        "|---|--:|--:|--:|---|---|",
        *(_standing(title, getattr(compared, role)) for role, title in TITLES.items()),
    ]
    ended = sum(record.result is not None for record in records.values())
    text = "\n".join(
        [
            *lines,
            "",
            f"{ended} trials have ended. Cost is in training examples of the finest network; "
            "charts have it as step, and seconds of training as relative time.",
            "",
            f"Trained on {trained_on}.",
        ]
    )
    return text[:TAG_LENGTH]


def _standing(title: str, sample: Sample | None) -> str:
    if sample is None:
        return _row(f"**{title}**", "", "", "", "none yet", "")
    mse = sample.final_mse.shown("{:.3e}".format)
    cost = sample.cost_to_tenth.shown("{:,.0f}".format)
    seconds = sample.wall_to_tenth_s.shown("{:.2f}".format)
    params = parameters(sample.results[0].params)
    return _row(f"**{title}**", mse, cost, seconds, params, sample.name)


def _row(*cells: str) -> str:
    """A row of a table; MLflow draws tables without room between their columns."""
    return "|" + "|".join(f" {cell}&emsp; " for cell in cells) + "|"


def best_so_far(records: Iterable[TrialRecord]) -> list[tuple[int, float, float]]:
    """(trials ended, seconds since 1970, lowest cost to target of MsANN), as trials ended."""
    ended = [record for record in records if record.result and record.ended_s]
    points, best = [], None
    for count, record in enumerate(sorted(ended, key=lambda each: each.ended_s or 0.0), start=1):
        result = record.result
        cost = result.cost_to_tenth if result and result.params.get("L", 0) > 0 else None
        if cost is not None and (best is None or cost < best):
            best = cost
            points.append((count, record.ended_s or 0.0, cost))
    return points


def charts_page(experiment_id: str) -> str:
    """Where the curves of an experiment's sweeps are, below an MLflow server's address.

    Without the workflow type MLflow opens its pages for agents, whatever the experiment's kind.
    """
    options = f"{TRAINING}&compareRunsMode=CHART&viewStateShareKey={VIEW}"
    return f"/#/experiments/{experiment_id}/runs?{options}"


def experiment_tags(experiment_id: str) -> dict[str, str]:
    """Tags of an experiment that decide how its page opens, and its description."""
    return {
        "mlflow.experimentKind": "custom_model_development",
        VIEW_TAG: charts_view(),
        "mlflow.note.content": f"Sweeps of MsANN; each is a run with its trials below it. "
        f"[Curves of all sweeps]({charts_page(experiment_id)[1:]})",
    }


def charts_view() -> str:
    """The saved view of an experiment's charts, as MLflow's page reads it.

    It lists the compared trials beside their sweeps, the latest first: ordered by date, MLflow
    would fold trials into their sweeps, and draw none. What it adds by itself, a chart a metric,
    is folded below.
    """
    charts = [
        _line_chart("curves", "val_mse", log=True),
        _line_chart("progress", LIVE, log=False),
    ]
    folded = ("val_mse", "operators", "Model metrics")
    sections = [("sweeps", "Sweeps", True), *((name, name, False) for name in folded)]
    return json.dumps(
        {
            "searchFilter": f"tags.{COMPARISON} != ''",
            "orderByKey": f"tags.`{COMPARISON}`",
            "orderByAsc": False,
            "runsHiddenMode": "FIRST_20_RUNS",
            "compareRunCharts": charts,
            "compareRunSections": [
                {
                    "uuid": uuid,
                    "name": name,
                    "display": shown,
                    "isReordered": True,
                    "deleted": False,
                    "isGenerated": not shown,
                    "columns": 1 if shown else 3,
                    "cardHeight": 480,
                }
                for uuid, name, shown in sections
            ],
            "isAccordionReordered": True,
        }
    )


def role_metric(role: str, trial_id: str | None = None) -> str:
    """The metric of a compared trial's curve on the sweep's run: one section of charts for all."""
    return f"val_mse/{role}" + (f"_{trial_id}" if trial_id else "")


def _line_chart(uuid: str, key: str, *, log: bool) -> dict[str, Any]:
    scale = "log" if log else "linear"
    return {
        "uuid": uuid,
        "type": "LINE",
        "metricKey": key,
        "selectedMetricKeys": [key],
        "metricSectionId": "sweeps",
        "isGenerated": False,
        "deleted": False,
        "xAxisKey": "step",
        "xAxisScaleType": scale,
        "scaleType": scale,
        "useGlobalXaxisKey": False,
        "useGlobalLineSmoothing": False,
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "lineSmoothness": 0,
        "displayPoints": not log,
    }
