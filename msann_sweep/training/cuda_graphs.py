"""Steps on a GPU as CUDA graphs: one launch in place of dozens, which small kernels wait for."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from msann_sweep.training.stepper import Stepper

Step = Callable[[Tensor, Tensor], None]


def fastest_step(stepper: Stepper) -> Step:
    """``stepper.step``, on a GPU in the form of graphs; the results are the same bit for bit."""
    if stepper.theta.device.type != "cuda":
        return stepper.step
    return GraphedSteps(stepper).step


@dataclass(frozen=True)
class Recording:
    """The smoothing of one level, and where it reads its batch, (B, resolution) each."""

    graph: torch.cuda.CUDAGraph
    inputs: Tensor
    targets: Tensor


class GraphedSteps:
    """A stepper's steps, recorded at each level once and then replayed.

    The first step at a level is taken as it is: libraries choose and load their kernels in it.
    """

    def __init__(self, stepper: Stepper) -> None:
        self.stepper = stepper
        self.visited: set[int] = set()
        self.recordings: dict[int, Recording] = {}

    def step(self, inputs: Tensor, targets: Tensor) -> None:
        """See :meth:`Stepper.step`."""
        stepper, level = self.stepper, self.stepper.level
        if level not in self.visited:
            self.visited.add(level)
            stepper.step(inputs, targets)
            return
        if level not in self.recordings:
            self.recordings[level] = self._record(inputs, targets)
        recording = self.recordings[level]
        recording.inputs.copy_(inputs)
        recording.targets.copy_(targets)
        stepper.begin_step()
        recording.graph.replay()

    def _record(self, inputs: Tensor, targets: Tensor) -> Recording:
        """Record, which changes nothing: the kernels run when they are replayed."""
        kept_inputs, kept_targets = inputs.clone(), targets.clone()
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream), _no_collection():
            graph.capture_begin(capture_error_mode="thread_local")
            self.stepper.smooth(kept_inputs, kept_targets)
            graph.capture_end()
        torch.cuda.current_stream().wait_stream(stream)
        return Recording(graph, kept_inputs, kept_targets)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Collect no garbage: to free an earlier trial's graphs would break off the recording."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
