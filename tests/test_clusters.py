"""The files of clusters/: as far as they can be tried without the services they are for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml

from tests.raylets import PATIENCE_S, free_port, wait_until
from tests.sweep.test_joining import SPACE, Watched

CLUSTERS = Path(__file__).parents[1] / "clusters"


@pytest.mark.parametrize("name", ["aws", "onprem"])
def test_ray_takes_the_cluster_files(name: str) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load((CLUSTERS / f"{name}.yaml").read_text())
    validate_config(prepare_config(config))
    for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
        starts = [line for line in config[commands] if " start " in line]
        assert len(starts) == 1
        assert "RAY_AUTH_MODE=token" in starts[0]
    assert "--autoscaling-config" in config["head_start_ray_commands"][-1]


def pods(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pod specifications of a RayJob's cluster."""
    cluster = job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        yield group["template"]["spec"]


def test_the_ray_job_is_whole() -> None:
    job = yaml.safe_load((CLUSTERS / "kuberay.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert job["metadata"]["name"]
    assert job["spec"]["submissionMode"] in ("K8sJobMode", "HTTPMode", "SidecarMode")
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"] == ray.__version__
    assert cluster["authOptions"] == {"mode": "token"}
    for group in cluster["workerGroupSpecs"]:
        assert group["groupName"]
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    for pod in pods(job):
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert container["name"]
            assert container["image"]
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    entrypoint = job["spec"]["entrypoint"]
    subprocess.run(["bash", "-n", "-c", entrypoint], check=True)
    for command in ("launch search_spaces/mnist.yaml", "resume /shared/runs/mnist"):
        assert f"python -m msann_sweep {command}" in entrypoint


def slurm(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["bash", str(CLUSTERS / "slurm.sh"), *arguments], cwd=folder,
        env={**os.environ, "PYTHON": sys.executable, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [(), ("launch",), ("status", "mnist")])
def test_the_slurm_script_says_how_it_is_used(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    process = slurm(tmp_path, {}, *arguments)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert errors.startswith("usage: sbatch")


SRUN = """#!/usr/bin/env bash
tasks=1
while [[ $1 == --* ]]; do
  case $1 in --ntasks=*) tasks=${1#*=} ;; esac
  shift
done
trap 'kill $(jobs -p)' TERM
for _ in $(seq "$tasks"); do "$@" & done
wait
wait
"""
SCONTROL = """#!/usr/bin/env bash
case $1 in
  show) printf 'localhost\\nnode2\\nnode3\\n' ;;
  requeue) echo "$2" >> requeued ;;
esac
"""


@pytest.mark.long
def test_a_slurm_job_is_requeued_in_time_and_goes_on_with_its_sweep(tmp_path: Path) -> None:
    """All of the script is real, but srun and scontrol, which work on this machine."""
    (tmp_path / "space.yaml").write_text(SPACE)
    (tmp_path / "bin").mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    watched = Watched(tmp_path / "runs/space")
    before = 0
    for restarts in range(2):
        # The script makes its ports of the job's number.
        job = str(free_port() % 20000)
        environment = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "SLURM_JOB_ID": job,
            "SLURM_JOB_NUM_NODES": "3",
            "SLURM_JOB_NODELIST": "node[1-3]",
            "SLURM_CPUS_PER_TASK": "1",
            "SLURM_RESTART_COUNT": str(restarts),
        }
        process = slurm(tmp_path, environment, "launch", "space.yaml", "--set", "search.trials=3")
        # One trial on each node: head and workers have formed a cluster.
        wait_until(lambda: watched.training(3), process)
        wait_until(lambda: watched.lengths()["t0000"] > before + 1, process)  # noqa: B023
        process.send_signal(signal.SIGUSR1)
        output, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 130, output + errors
        assert (tmp_path / "requeued").read_text().split()[-1] == job
        before = watched.lengths()["t0000"]
