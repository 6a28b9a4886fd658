"""Plain training as a user of PyTorch would write it: the opponent of ``bench wall``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

import torch
from torch import Tensor, nn

from msann_sweep.data import Feed
from msann_sweep.training import Row

PLAIN_OPTIMIZERS = ("rmsprop", "adam", "muon")
EVALUATION_CHUNK = 500


def plain_network(layers: Sequence[int], seed: int = 0) -> nn.Sequential:
    """Dense sigmoid layers; weights glorot normal as in the paper, biases zero."""
    generator = torch.Generator().manual_seed(seed)
    modules: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(layers):
        linear = nn.Linear(n_in, n_out)
        nn.init.xavier_normal_(linear.weight, generator=generator)
        nn.init.zeros_(linear.bias)
        modules += [linear, nn.Sigmoid()]
    return nn.Sequential(*modules)


def plain_optimizers(
    network: nn.Module, name: str, learning_rate: float
) -> list[torch.optim.Optimizer]:
    """torch's own. Muon takes matrices only: biases go to Adam, at a tenth of the rate."""
    if name != "muon":
        kind = {"rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam}[name]
        return [kind(network.parameters(), lr=learning_rate)]
    matrices = [each for each in network.parameters() if each.ndim == 2]
    vectors = [each for each in network.parameters() if each.ndim == 1]
    return [
        torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0),
        torch.optim.Adam(vectors, lr=0.1 * learning_rate),
    ]


def plain_step(
    network: nn.Module, optimizers: Sequence[torch.optim.Optimizer]
) -> Callable[[Tensor, Tensor], None]:
    """One training step on a batch of inputs and targets, mean squared error."""

    def step(inputs: Tensor, targets: Tensor) -> None:
        network.zero_grad()
        nn.functional.mse_loss(network(inputs), targets).backward()  # type: ignore[no-untyped-call]  # torch's own
        for optimizer in optimizers:
            optimizer.step()

    return step


def plain_rows(
    feed: Feed,
    layers: Sequence[int],
    optimizer: str,
    learning_rate: float,
    *,
    batch_size: int,
    evaluations_per_decade: int,
    budget_s: float,
    seed: int,
) -> Iterator[Row]:
    """Train for that many seconds, yielding rows as :meth:`Trainer.rows` does, timed alike.

    The last evaluation is where the seconds are over.
    """
    network = plain_network(layers, seed)
    step = plain_step(network, plain_optimizers(network, optimizer, learning_rate))
    generator = torch.Generator().manual_seed(seed + 1)
    wall_s, examples, next_cost = 0.0, 0, 0.0
    while True:
        yield Row(
            val_mse=_validation_mse(network, feed),
            cost=float(examples),
            wall_s=wall_s,
            level=0,
            steps_per_level=[examples // batch_size],
        )
        if wall_s >= budget_s:
            return
        exponent = math.floor(math.log10(max(examples, 1)) * evaluations_per_decade + 1e-9) + 1
        next_cost = 10 ** (exponent / evaluations_per_decade)
        started = perf_counter()
        while examples < next_cost and wall_s + perf_counter() - started < budget_s:
            step(*feed.draw(batch_size, generator, feed.n_pixels))
            examples += batch_size
        wall_s += perf_counter() - started


@torch.no_grad()
def _validation_mse(network: nn.Module, feed: Feed) -> float:
    total, count = 0.0, 0
    for x, y in feed.validation(EVALUATION_CHUNK):
        total += float((network(x) - y).square_().sum(dtype=torch.float64))
        count += y.numel()
    return total / count
