"""What a sweep ran on: versions, commit, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from msann_sweep.training.newton_schulz import cpu_multiplies_bf16

PACKAGES = ("msann-sweep", "torch", "ray", "optuna", "mlflow", "numpy", "scipy", "pymanopt")


def describe_environment() -> dict[str, Any]:
    """Package versions, the commit of the working tree if there is one, and the hardware."""
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "versions": {package: installed_version(package) for package in PACKAGES},
        "commit": _commit(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "bf16_cpu": cpu_multiplies_bf16(),
        "gpus": gpus,
    }


def installed_version(package: str) -> str | None:
    """None of this package itself, where Ray has brought it to a node that has it not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
