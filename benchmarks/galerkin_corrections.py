"""Do a τ-correction or an occasional exact step improve the Galerkin step?

    python benchmarks/galerkin_corrections.py     # five minutes; prints docs/galerkin.md's table

Galerkin as it is, against two variants that pay for fine-level information once a visit:
"τ" adds to every coarse gradient of a visit the difference, on the visit's first batch, between the
finer level's restricted gradient and the coarse one (the full approximation scheme); "exact" takes
the visit's first gradient from the finest network (eq. 3.13). Both are counted: τ as a step of the
finer level, exact as the paper counts it, and in seconds as they are.
"""

from __future__ import annotations

import itertools
from statistics import mean, stdev

from torch import Tensor

from msann_sweep.config import MnistTask, OneObjectTask, SweepConfig
from msann_sweep.config.schema import Stopping, Training
from msann_sweep.data.restriction import fold_means
from msann_sweep.training import Trainer, load_task_data, threads
from msann_sweep.training.groups import parameter_groups
from msann_sweep.training.network import Network, new_parameters
from msann_sweep.training.result import find_crossing
from msann_sweep.training.stepper import GalerkinStepper

SEEDS = (1, 2, 3)


class Corrected(Trainer):
    """A trainer whose coarse visits begin with one of the corrections."""

    variant = "none"

    def _smooth(self) -> None:
        stepper, level = self.stepper, self.stepper.level
        if level == 0 or self.batches_in_visit > 0 or not isinstance(stepper, GalerkinStepper):
            super()._smooth()
        elif self.variant == "τ":
            self._find_tau(stepper, level)
            super()._smooth()
        else:
            self._exact(stepper, level)

    def _gradient(self, network: Network, inputs: Tensor, targets: Tensor) -> Tensor:
        gradient = new_parameters(network.sizes, network.parameters)
        network.propagate(inputs, targets)
        for group in parameter_groups(network.sizes):
            views = network.gradient_views(group, gradient[group.where])
            network.write_gradient(inputs, views)
        return gradient

    def _draw(self, level: int) -> tuple[Tensor, Tensor]:
        n_units = self.operators.sizes[level][0]
        return self.feed.draw(self.config.batch_size, self.batches, n_units)

    def _find_tau(self, stepper: GalerkinStepper, level: int) -> None:
        coarse = stepper.networks[level]
        fine = self._finer_now(stepper, level)
        fine_batch = self._draw(level - 1)
        tau = new_parameters(coarse.sizes, coarse.parameters)
        stepper.transfers[level - 1].restriction(self._gradient(fine, *fine_batch), tau).apply()
        inputs, targets = (fold_means(each, coarse.sizes[0]) for each in fine_batch)
        tau -= self._gradient(coarse, inputs, targets)
        self.meter.count(level - 1)
        optimizer = stepper.optimizers[level]
        plain_step = type(optimizer).step
        optimizer.step = lambda gradient, group, parameters=None: plain_step(  # type: ignore[method-assign]  # for this visit
            optimizer, gradient.add_(tau[group.where]), group, parameters
        )

    def _finer_now(self, stepper: GalerkinStepper, level: int) -> Network:
        """The finer level with what has been trained below since it was left: Res of it is V."""
        finer, on_arrival = stepper.networks[level - 1], stepper.on_arrival[level - 1]
        parameters = finer.parameters.clone()
        change = stepper.networks[level].parameters - on_arrival
        stepper.transfers[level - 1].prolongation(parameters, change).add()
        finest = self.operators.sizes[0]
        return Network(finer.sizes, finest, parameters, self.config.batch_size)

    def _exact(self, stepper: GalerkinStepper, level: int) -> None:
        sizes = self.operators.sizes
        finest = Network(sizes[0], sizes[0], stepper.composed(), self.config.batch_size)
        gradient = self._gradient(finest, *self._draw(0))
        for each in range(level):
            coarser = new_parameters(sizes[each + 1], gradient)
            stepper.transfers[each].restriction(gradient, coarser).apply()
            gradient = coarser
        stepper.begin_step()
        for group in stepper.optimizers[level].groups:
            stepper.optimizers[level].step(gradient[group.where], group)
        stepper.networks[level].parameters.add_(gradient)
        self.meter.count(level)


class Tau(Corrected):
    variant = "τ"


class Exact(Corrected):
    variant = "exact"


VARIANTS: dict[str, type[Trainer]] = {"none": Trainer, "τ": Tau, "exact": Exact}


def main() -> None:
    """Print the table: every variant at its best of three learning rates."""
    tasks = {
        "one object, n = 10": (OneObjectTask(n=10), "path", 4, 1.5, (1e-3, 2e-3, 4e-3)),
        "MNIST": (MnistTask(), "grid", 3, 3.0, (1e-3, 2e-3, 4e-3)),
    }
    print("| task | correction | learning rate | cost to 1/10 | seconds to 1/10 | lowest MSE |")
    print("|---|---|---|---|---|---|")
    for name, (task, prolongation, L, budget_s, rates) in tasks.items():
        data = load_task_data(task)
        sweep = SweepConfig(
            name="x",
            task=task,
            training=Training(
                optimizer="rmsprop", batch_size=32, budget_cost=1e12, budget_s=budget_s
            ),
            stopping=Stopping(on_target="continue"),
        )
        found: dict[tuple[str, float], list[tuple[float, float, float]]] = {}
        for seed, (variant, kind), rate in itertools.product(SEEDS, VARIANTS.items(), rates):
            params = {
                "L": L,
                "gamma": 1,
                "k": 8,
                "prolongation": prolongation,
                "coarse_step": "galerkin",
                "level_lr_growth": 2.0,
                "cascade": 100,
                "learning_rate": rate,
            }
            trainer = kind(sweep.trial(params, seed), data=data)
            curve = list(trainer.rows())
            crossing = find_crossing(curve, 0.1)
            measured = (crossing.cost, crossing.wall_s) if crossing else (float("inf"),) * 2
            found.setdefault((variant, rate), []).append(
                (*measured, min(row["val_mse"] for row in curve))
            )
        for variant in VARIANTS:
            best = min(rates, key=lambda rate: mean(each[1] for each in found[variant, rate]))
            print(f"| {name} | {variant} | {best:g} | {describe(found[variant, best])} |")


def describe(measured: list[tuple[float, float, float]]) -> str:
    """Cells of cost, seconds and lowest MSE: mean ± standard deviation over the seeds."""
    cells = []
    for values, form in zip(zip(*measured, strict=True), (",.0f", ".2f", ".5f"), strict=True):
        arrived = [value for value in values if value < float("inf")]
        if len(arrived) < len(values):
            cells.append(f"reached by {len(arrived)} of {len(values)}")
        else:
            cells.append(f"{mean(values):{form}} ± {stdev(values):{form}}")
    return " | ".join(cells)


if __name__ == "__main__":
    with threads(1):
        main()
