"""The command line as a user meets it: real processes, real Ray, Optuna, MLflow and SQLite."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import ViewType

ROOT = Path(__file__).parents[1]
SMOKE = ROOT / "search_spaces" / "smoke.yaml"
# On a busy machine two seconds may end a trial early.
UNHURRIED = ("--set", "training.budget_s=null")


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "msann_sweep", *map(str, arguments)]


def accept_interrupts() -> None:
    """Undo what a shell that runs the tests in the background has its children inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(folder: Path, *arguments: str | Path, timeout_s: float = 900) -> Any:
    return subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, timeout=timeout_s
    )


def results(folder: Path, sweep: str) -> dict[str, Any]:
    answer = run(folder, "results", sweep, "--json")
    assert answer.returncode == 0, answer.stderr
    parsed: dict[str, Any] = json.loads(answer.stdout)
    return parsed


def measured(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Trials without what differs from run to run: seconds."""
    seconds = ("wall_s", "wall_to_tenth_s")
    return [{key: trial[key] for key in trial if key not in seconds} for trial in trials]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the smoke sweep has run to its end."""
    folder = tmp_path_factory.mktemp("finished")
    answer = run(folder, "launch", SMOKE, *UNHURRIED)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Best MsANN" in answer.stdout
    assert "Traceback" not in answer.stderr
    return folder


@pytest.mark.slow
class TestFinishedSweep:
    def test_results(self, finished: Path) -> None:
        answer = results(finished, "smoke")
        trials = {trial["id"]: trial for trial in answer["trials"]}
        assert len(trials) == 3 + 6
        assert {trial["status"] for trial in trials.values()} <= {"finished", "stopped"}
        assert trials[answer["default"]]["role"] == "default"
        assert trials[answer["tuned_default"]]["params"]["L"] == 0
        best, worst = trials[answer["best"]], trials[answer["worst"]]
        assert best["params"]["L"] > 0
        assert best["cost_to_tenth"] < (worst["cost_to_tenth"] or float("inf"))
        assert best["initial_mse"] * 0.1 >= best["final_mse"]
        assert len(best["steps_per_level"]) == best["params"]["L"] + 1

    def test_status(self, finished: Path) -> None:
        answer = run(finished, "status", "runs/smoke")
        assert answer.returncode == 0
        assert "sweep smoke: finished" in answer.stdout
        assert "9 of 9 ended" in answer.stdout

    def test_operators_are_built_once(self, finished: Path) -> None:
        operators = json.loads((finished / "runs/smoke/sweep.json").read_text())["operators"]
        assert operators["built"] == len(set(operators["keys"])) == 3
        trials = results(finished, "smoke")["trials"]
        assert operators["served"] == sum(trial["params"]["L"] > 0 for trial in trials)

    def test_mlflow_has_one_parent_and_a_run_per_trial(self, finished: Path) -> None:
        client = MlflowClient(f"sqlite:///{finished}/runs/mlflow.db")
        runs = client.search_runs(["1"], run_view_type=ViewType.ALL)
        parents = [each for each in runs if "mlflow.parentRunId" not in each.data.tags]
        children = {each.data.tags["trial"]: each for each in runs if each not in parents}
        trials = {trial["id"]: trial for trial in results(finished, "smoke")["trials"]}
        assert [parent.info.run_name for parent in parents] == ["smoke"]
        assert {each.info.status for each in runs} == {"FINISHED"}
        assert children.keys() == trials.keys()
        for trial_id, trial in trials.items():
            logged = children[trial_id]
            assert logged.data.params["L"] == str(trial["params"]["L"])
            assert logged.data.metrics["final_mse"] == trial["final_mse"]
            curve = client.get_metric_history(logged.info.run_id, "val_mse")
            costs = client.get_metric_history(logged.info.run_id, "cost")
            assert [point.step for point in curve] == [round(point.value) for point in costs]
            assert curve[-1].value == trial["final_mse"]
            assert logged.inputs.dataset_inputs[0].dataset.name == "one_object"

    def test_mlflow_has_the_artifacts(self, finished: Path) -> None:
        client = MlflowClient(f"sqlite:///{finished}/runs/mlflow.db")
        (parent,) = client.search_runs(["1"], "tags.`msann.kind` = 'sweep'")
        found = {each.path for each in client.list_artifacts(parent.info.run_id)}
        assert {"sweep.yaml", "environment.json", "weights"} <= found
        weights = {each.path for each in client.list_artifacts(parent.info.run_id, "weights")}
        roles = ("best", "worst", "default", "tuned_default")
        assert weights == {f"weights/{role}" for role in roles}
        best = results(finished, "smoke")["best"]
        path = client.download_artifacts(parent.info.run_id, f"weights/best/{best}.pt")
        state = torch.load(path, weights_only=True)
        assert state["0.weight"].shape == (16, 64)

    def test_the_report_is_written_and_logged(self, finished: Path) -> None:
        page = (finished / "runs/smoke/report/index.html").read_text(encoding="utf-8")
        assert "9 of 9" in page
        assert "data-reloads" not in page
        client = MlflowClient(f"sqlite:///{finished}/runs/mlflow.db")
        (parent,) = client.search_runs(["1"], "tags.`msann.kind` = 'sweep'")

        def logged(run_id: str) -> set[str]:
            return {each.path for each in client.list_artifacts(run_id, "report")}

        path = client.download_artifacts(parent.info.run_id, "report/index.html")
        assert Path(path).read_text(encoding="utf-8") == page
        assert logged(parent.info.run_id) == {"report/index.html"}
        answer = run(finished, "report", "smoke", "--to-mlflow")
        assert answer.returncode == 0, answer.stderr
        written = {f"report/{file.name}" for file in (finished / "runs/smoke/report").iterdir()}
        assert logged(parent.info.run_id) == written
        assert {"report/curves-cost.png", "report/curves-cost.csv"} <= written

    def test_only_the_compared_weights_are_kept(self, finished: Path) -> None:
        answer = results(finished, "smoke")
        compared = {answer[role] for role in ("best", "worst", "default", "tuned_default")}
        kept = {file.stem for file in (finished / "runs/smoke/weights").iterdir()}
        assert kept == compared

    def test_the_name_is_taken(self, finished: Path) -> None:
        answer = run(finished, "launch", SMOKE)
        assert answer.returncode == 2
        assert "exists already; go on with it by `msann-sweep resume smoke`" in answer.stderr

    def test_resuming_a_finished_sweep_changes_nothing(self, finished: Path) -> None:
        before = results(finished, "smoke")
        assert run(finished, "resume", "smoke").returncode == 0
        assert results(finished, "smoke") == before


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_sweep_goes_on(tmp_path: Path, how: signal.Signals) -> None:
    # Nothing may depend on seconds: no budget of them, and one trial after the other.
    settings = ("search.concurrency=1", "stopping.target=0.03", "training.budget_s=null")
    slower = [part for setting in settings for part in ("--set", setting)]
    undisturbed = run(tmp_path, "launch", SMOKE, "--name", "undisturbed", *slower)
    assert undisturbed.returncode == 0, undisturbed.stderr
    process = subprocess.Popen(
        command("launch", SMOKE, "--name", "cut", *slower),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=accept_interrupts,
    )
    record = tmp_path / "runs/cut/trials.jsonl"
    deadline = time.monotonic() + 600
    while not record.exists() or record.read_text().count('"ended"') < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(how)
    _, errors = process.communicate(timeout=600)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "Traceback" not in errors
        assert "interrupted; `resume`" in run(tmp_path, "status", "cut").stdout
    else:
        assert "cut off" in run(tmp_path, "status", "cut").stdout
    resumed = run(tmp_path, "resume", "cut")
    assert resumed.returncode == 0, resumed.stderr
    first, second = (results(tmp_path, name) for name in ("undisturbed", "cut"))
    assert measured(second["trials"]) == measured(first["trials"])
    client = MlflowClient(f"sqlite:///{tmp_path}/runs/mlflow.db")
    runs = client.search_runs(["1"], "tags.trial != ''")
    assert sorted(each.data.tags["trial"] for each in runs) == sorted(
        2 * [trial["id"] for trial in first["trials"]]
    )


@pytest.fixture
def user_interface(finished: Path) -> Iterator[str]:
    port = 5987
    server = subprocess.Popen(
        command("ui", "smoke", "--port", str(port)),
        cwd=finished,
        stdout=subprocess.DEVNULL,
        preexec_fn=accept_interrupts,
    )
    yield f"http://127.0.0.1:{port}"
    server.send_signal(signal.SIGINT)
    server.wait(timeout=120)


@pytest.mark.slow
def test_ui_serves_mlflow_on_loopback(user_interface: str) -> None:
    deadline = time.monotonic() + 600
    while True:
        try:
            with urlopen(user_interface, timeout=5) as page:
                assert "MLflow" in page.read().decode()
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.5)


def test_check_prints_the_resolved_file_and_its_size(tmp_path: Path) -> None:
    answer = run(tmp_path, "check", SMOKE, "--set", "search.trials=10")
    assert answer.returncode == 0
    assert "budget_cost: 20000" in answer.stdout
    assert "trials: 13 (3 baselines, 10 samples)" in answer.stdout
    assert not list(tmp_path.iterdir())


def test_train_runs_one_trial_without_ray(tmp_path: Path) -> None:
    params = ("--param", "L=2", "--param", "learning_rate=0.03")
    answers = [run(tmp_path, "train", SMOKE, *UNHURRIED, *params, "--json") for _ in range(2)]
    trials = [json.loads(answer.stdout) for answer in answers]
    assert trials[0]["status"] == "finished"
    assert trials[0]["params"]["L"] == 2
    assert measured(trials)[0] == measured(trials)[1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("launch", "nowhere.yaml"), "nowhere.yaml: got no such file"),
        (("launch", SMOKE, "--set", "space.gamma=-1"), "space.gamma: got -1"),
        (("launch", SMOKE, "--set", "storage=memory://runs"), "allowed: a store that keeps"),
        (("launch", SMOKE, "--set", "storage=file"), "no folder that can be written to"),
        (("launch", SMOKE, "--set", "resources.address=127.0.0.1:9"), "no cluster answers (Conn"),
        (("train", SMOKE, "--param", "k"), "--param: got 'k'; allowed: NAME=VALUE"),
        (("train", SMOKE, "--param", "L=1", "--param", "k=0"), "params.k: got 0"),
        (("results", "nothing"), "'nothing': no such sweep; known under runs: none"),
        (("ui",), "runs holds no mlflow.db"),
        (("lunch",), "No such command 'lunch'"),
    ],
)
def test_bad_input(tmp_path: Path, arguments: tuple[str | Path, ...], message: str) -> None:
    (tmp_path / "file").write_text("")
    answer = run(tmp_path, *arguments)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "message"),
    [
        pytest.param(
            "resources.gpus_per_trial=1",
            "resources.gpus_per_trial: got 1; the cluster has 0 GPUs",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU"),
        ),
        ("resources.cpus_per_trial=4096", "resources.cpus_per_trial: got 4096"),
        ("tracking.uri=http://user:secret@127.0.0.1:9", "http://user:***@127.0.0.1:9: "),
    ],
)
def test_what_the_cluster_or_the_tracking_server_refuses(
    tmp_path: Path, override: str, message: str
) -> None:
    answer = run(tmp_path, "launch", SMOKE, "--set", override)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert "secret" not in answer.stderr + answer.stdout
    assert not (tmp_path / "runs/smoke").exists()
