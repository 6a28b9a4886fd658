"""``bench gpu``: its comparison here between the CPU and itself; the real one needs a GPU."""

from __future__ import annotations

import pytest
import torch
from click.testing import CliRunner

from msann_sweep.bench.gpu import device_difference
from msann_sweep.cli import cli
from msann_sweep.errors import ResourceError
from msann_sweep.training.optimizer import OPTIMIZERS


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_cpu_agrees_with_itself(optimizer: str) -> None:
    assert device_difference("galerkin", optimizer, "cpu") == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("coarse_step", ["exact", "galerkin"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_gpu_agrees_with_the_cpu(coarse_step: str, optimizer: str) -> None:
    assert device_difference(coarse_step, optimizer, "cuda") < 1e-9


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_machine_without_a_gpu_is_told_so() -> None:
    answer = CliRunner().invoke(cli, ["bench", "gpu"])
    assert isinstance(answer.exception, ResourceError)
