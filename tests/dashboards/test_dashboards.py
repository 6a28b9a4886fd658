"""The Grafana dashboard and the Prometheus configuration fit the metrics that a sweep exports."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import jsonschema
import pytest

from msann_sweep.sweep.metrics import COUNTERS, GAUGES
from tests.test_cli import ROOT, SMOKE, accept_interrupts, command

DASHBOARDS = ROOT / "dashboards"
EXPORTED = {f"ray_{name}" for name in GAUGES} | {f"ray_{name}_total" for name in COUNTERS}
METRIC = re.compile(r"\bray_msann_\w+")

# The classic dashboard model, as Grafana documents it, as far as this dashboard uses it.
DATASOURCE = {
    "type": "object",
    "required": ["type", "uid"],
    "properties": {"type": {"const": "prometheus"}, "uid": {"const": "${datasource}"}},
}
TARGET = {
    "type": "object",
    "required": ["datasource", "expr", "legendFormat", "refId"],
    "additionalProperties": False,
    "properties": {
        "datasource": DATASOURCE,
        "expr": {"type": "string", "minLength": 1},
        "legendFormat": {"type": "string"},
        "refId": {"type": "string", "pattern": "^[A-Z]$"},
    },
}
GRID = {
    "type": "object",
    "required": ["x", "y", "w", "h"],
    "additionalProperties": False,
    "properties": {
        "x": {"type": "integer", "minimum": 0, "maximum": 23},
        "y": {"type": "integer", "minimum": 0},
        "w": {"type": "integer", "minimum": 1, "maximum": 24},
        "h": {"type": "integer", "minimum": 1},
    },
}
PANEL = {
    "type": "object",
    "required": ["id", "type", "title", "datasource", "gridPos", "fieldConfig", "targets"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "type": {"enum": ["timeseries", "stat"]},
        "title": {"type": "string", "minLength": 1},
        "description": {"type": "string"},
        "datasource": DATASOURCE,
        "gridPos": GRID,
        "fieldConfig": {
            "type": "object",
            "required": ["defaults", "overrides"],
            "properties": {"defaults": {"type": "object"}, "overrides": {"type": "array"}},
        },
        "options": {"type": "object"},
        "targets": {"type": "array", "minItems": 1, "items": TARGET},
    },
}
DASHBOARD = {
    "type": "object",
    "required": ["title", "uid", "panels", "templating", "time", "schemaVersion", "version"],
    "properties": {
        "uid": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,40}$"},
        "title": {"type": "string", "minLength": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
        "timezone": {"enum": ["browser", "utc", ""]},
        "editable": {"type": "boolean"},
        "graphTooltip": {"enum": [0, 1, 2]},
        "refresh": {"type": "string"},
        "schemaVersion": {"type": "integer", "minimum": 36},
        "version": {"type": "integer"},
        "time": {"type": "object", "required": ["from", "to"]},
        "annotations": {"type": "object", "required": ["list"]},
        "templating": {
            "type": "object",
            "required": ["list"],
            "properties": {
                "list": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "type", "query"],
                        "properties": {"type": {"enum": ["datasource", "query"]}},
                    },
                }
            },
        },
        "panels": {"type": "array", "minItems": 1, "items": PANEL},
    },
}


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((DASHBOARDS / "grafana.json").read_text())
    return parsed


def queries(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_the_dashboard_follows_the_classic_model(dashboard: dict[str, Any]) -> None:
    jsonschema.validate(dashboard, DASHBOARD)
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_panels_do_not_overlap(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken
        taken |= cells


def test_every_query_names_exported_metrics_and_all_are_shown(dashboard: dict[str, Any]) -> None:
    named = [set(METRIC.findall(query)) for query in queries(dashboard)]
    assert all(named)
    assert set.union(*named) == EXPORTED


def test_the_variables_choose_among_exported_metrics(dashboard: dict[str, Any]) -> None:
    (sweep,) = (each for each in dashboard["templating"]["list"] if each["name"] == "sweep")
    assert set(METRIC.findall(sweep["definition"])) <= EXPORTED
    assert all('sweep=~"$sweep"' in query for query in queries(dashboard))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def endless_sweep(tmp_path: Path) -> Iterator[Path]:
    """A folder beside a copy of dashboards/, with a sweep in runs/ that runs until it is ended."""
    shutil.copytree(DASHBOARDS, tmp_path / "dashboards")
    endless = (
        "stopping.target=1e-9",
        "training.budget_cost=1e15",
        "training.budget_s=null",
        "search.concurrency=1",
    )
    arguments = [word for value in endless for word in ("--set", value)]
    with (tmp_path / "output").open("w") as output:
        sweep = subprocess.Popen(
            command("launch", SMOKE, "--name", "endless", *arguments),
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=accept_interrupts,
        )
    targets = tmp_path / "runs/prometheus/endless.json"
    deadline = time.monotonic() + 600
    while not targets.exists():
        assert sweep.poll() is None, (tmp_path / "output").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield tmp_path
    sweep.send_signal(signal.SIGINT)
    assert sweep.wait(timeout=300) == 130, (tmp_path / "output").read_text()
    assert not (tmp_path / "runs/prometheus/endless.json").exists()


@pytest.fixture
def prometheus(endless_sweep: Path) -> Iterator[str]:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    port = free_port()
    server = subprocess.Popen(
        [
            "prometheus",
            "--config.file=dashboards/prometheus.yml",
            f"--storage.tsdb.path={endless_sweep / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        cwd=endless_sweep,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(timeout=300)


def ask(server: str, query: str) -> list[dict[str, Any]]:
    """The instant vector that Prometheus answers; empty while it is not up."""
    try:
        with urlopen(f"{server}/api/v1/query?{urlencode({'query': query})}", timeout=60) as page:
            answer = json.load(page)
    except HTTPError:
        raise
    except URLError:
        return []
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def wait_for(server: str, query: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 400
    while not (found := ask(server, query)):
        assert time.monotonic() < deadline, query
        time.sleep(0.5)
    return found


@pytest.mark.slow
def test_prometheus_scrapes_a_running_sweep(
    prometheus: str, endless_sweep: Path, dashboard: dict[str, Any]
) -> None:
    (running,) = wait_for(prometheus, 'ray_msann_trials{status="running",sweep="endless"} == 1')
    assert running["metric"]["job"] == "msann_sweep"
    assert running["metric"]["instance"].startswith("127.0.0.1:")
    wait_for(prometheus, "ray_msann_examples_total > 0")
    wait_for(prometheus, "ray_msann_examples_per_second > 0")
    wait_for(prometheus, "ray_msann_operators_built > 0")
    for query in queries(dashboard):
        # Grafana puts the chosen sweep where the variable is; each query must be PromQL.
        chosen = query.replace("$sweep", "endless").replace("[5m]", "[30s]")
        ask(prometheus, chosen)
    status = subprocess.run(
        command("status", "endless", "--json"), cwd=endless_sweep, capture_output=True, text=True
    )
    live = json.loads(status.stdout)
    assert live["status"] == "running"
    assert live["counters"]["trials"]["running"] == 1
    log = (endless_sweep / "runs/endless/log.txt").read_text()
    assert " default    started " in log
