"""Training one hierarchy: Algorithm 3.1 under a budget, evaluated on a geometric grid of cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from msann_sweep.config import TrialConfig
from msann_sweep.data import Mnist
from msann_sweep.errors import ResourceError
from msann_sweep.operators import OperatorSet
from msann_sweep.training.cost import CostMeter, parameter_count
from msann_sweep.training.initialise import initial_theta
from msann_sweep.training.network import parameter_views, predict
from msann_sweep.training.optimizer import OPTIMIZERS
from msann_sweep.training.result import Row, TrialResult, summarise
from msann_sweep.training.schedule import training_schedule
from msann_sweep.training.stepper import STEPPERS
from msann_sweep.training.task import open_feed, trial_operators

EVALUATION_CHUNK = 500


class Trainer:
    """One trial, advanced from evaluation to evaluation by iterating over :meth:`rows`.

    ``operators`` and ``data`` may be given when they are already at hand (a sweep shares them);
    ``dtype`` is for numerical checks. Raises ResourceError when the device is not there.
    """

    def __init__(
        self,
        config: TrialConfig,
        *,
        operators: OperatorSet | None = None,
        data: Mnist | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if config.device == "cuda" and not torch.cuda.is_available():
            raise ResourceError(
                "resources.gpus_per_trial: a GPU was asked for; this machine has none"
            )
        self.config = config
        self.operators = operators or trial_operators(config, data)
        like = torch.empty(0, dtype=dtype, device=config.device)
        initial_seed, batch_seed = np.random.SeedSequence(config.seed).generate_state(2)
        generator = torch.Generator(config.device).manual_seed(int(initial_seed))
        self.batches = torch.Generator(config.device).manual_seed(int(batch_seed))
        theta = initial_theta(self.operators, config.coarse_init, generator, like)
        rates = [
            config.learning_rate * config.level_lr_growth**level for level in range(config.L + 1)
        ]
        optimizers = [
            OPTIMIZERS[config.optimizer](parameter_count(sizes), rate, like)
            for sizes, rate in zip(self.operators.sizes, rates, strict=True)
        ]
        stepper = STEPPERS[config.coarse_step]
        self.stepper = stepper(self.operators, theta, optimizers, config.batch_size)
        self.feed = open_feed(config.task, data, self._pixel_order(), config.device)
        self.meter = CostMeter(self.operators.sizes, config.batch_size)
        self.curve: list[Row] = []
        self.wall_s = 0.0
        self.stop_reason: str | None = None
        self.message: str | None = None

    def _pixel_order(self) -> Tensor | None:
        order = self.operators.folded_order(0)
        if order is None or self.config.L == 0:
            return None
        return torch.from_numpy(order).long().to(self.config.device)

    def rows(self) -> Iterator[Row]:
        """Train, yielding one row per evaluation, the first before any step.

        Ends by itself at the target (unless ``on_target`` is "continue"), at the budget, or when
        the validation MSE is no longer finite; ``stop_reason`` then says which.
        """
        config, meter = self.config, self.meter
        yield from self._evaluate()
        next_cost = self._next_evaluation()
        started = perf_counter()
        schedule = training_schedule(config.gamma, config.L, config.k, config.cascade)
        for level, batches in schedule:
            self.stepper.move_to(level)
            for _ in range(batches):
                if self.stop_reason:
                    return
                self._smooth(level)
                out_of_budget = self._out_of_budget(perf_counter() - started)
                if meter.cost >= next_cost or out_of_budget:
                    self._synchronize()
                    self.wall_s += perf_counter() - started
                    self.stop_reason = out_of_budget
                    yield from self._evaluate()
                    next_cost = self._next_evaluation()
                    started = perf_counter()

    def _smooth(self, level: int) -> None:
        inputs, targets = self.feed.draw(
            self.config.batch_size, self.batches, self.stepper.resolution()
        )
        dtype = self.stepper.theta.dtype
        self.stepper.step(inputs.to(dtype), targets.to(dtype))
        self.meter.count(level)

    def _out_of_budget(self, since_evaluation_s: float) -> str | None:
        config = self.config
        if self.meter.cost >= config.budget_cost:
            return "budget_cost"
        if config.budget_s is not None and self.wall_s + since_evaluation_s >= config.budget_s:
            return "budget_s"
        return None

    def _next_evaluation(self) -> float:
        """The next cost on the grid 10^(i / evaluations_per_decade), i >= 0."""
        per_decade = self.config.evaluations_per_decade
        if self.meter.cost < 1:
            return 1.0
        exponent = math.floor(math.log10(self.meter.cost) * per_decade + 1e-9) + 1
        return float(10 ** (exponent / per_decade))

    def _evaluate(self) -> Iterator[Row]:
        """Record the validation MSE; yields the row, or nothing when it is not finite."""
        val_mse = self.validation_mse()
        if not math.isfinite(val_mse):
            self.stop_reason = "non_finite"
            self.message = f"validation MSE became {val_mse} at cost {self.meter.cost:.0f}"
            return
        row = Row(
            val_mse=val_mse,
            cost=self.meter.cost,
            wall_s=self.wall_s,
            level=self.stepper.level,
            steps_per_level=list(self.meter.steps_per_level),
        )
        self.curve.append(row)
        reached = val_mse <= self.config.target * self.curve[0]["val_mse"]
        if reached and self.config.on_target == "stop":
            self.stop_reason = "target"
        yield row

    def validation_mse(self) -> float:
        """Mean over validation examples and outputs of the squared error of Θ."""
        inputs, targets = self.feed.validation()
        theta = self.stepper.composed()
        total = torch.zeros((), dtype=torch.float64, device=theta.device)
        batches = (torch.split(tensor, EVALUATION_CHUNK) for tensor in (inputs, targets))
        for x, y in zip(*batches, strict=True):
            error = predict(theta, self.config.layers, x.to(theta.dtype)).sub_(y)
            total += error.square_().sum(dtype=torch.float64)
        return float(total) / targets.numel()

    def _synchronize(self) -> None:
        if self.config.device == "cuda":
            torch.cuda.synchronize()

    def result(self) -> TrialResult:
        """The outcome so far."""
        return summarise(
            self.curve,
            target=self.config.target,
            params=self.config.params(),
            seed=self.config.seed,
            status="failed" if self.stop_reason == "non_finite" else "finished",
            stop_reason=self.stop_reason or "interrupted",
            message=self.message,
        )

    def weights(self) -> dict[str, Tensor]:
        """Θ as a state dict of ``torch.nn.Sequential(Linear, Sigmoid, ...)``, pixels in order.

        Keys "0.weight" (n_out, n_in), "0.bias" (n_out,), "2.weight" and so on.
        """
        W, b = parameter_views(self.stepper.composed(), self.config.layers)
        W, b = [w.clone() for w in W], [c.clone() for c in b]
        order = self._pixel_order()
        if order is not None:
            position = torch.argsort(order)
            W[0] = W[0][position]
            W[-1], b[-1] = W[-1][:, position], b[-1][position]
        state = {}
        for j in range(len(W)):
            state[f"{2 * j}.weight"] = W[j].T.contiguous().cpu()
            state[f"{2 * j}.bias"] = b[j].cpu()
        return state


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(trial_config: TrialConfig, report: Callable[[Row], None] | None = None) -> TrialResult:
    """Run one trial in this process, calling ``report`` with every evaluation's row.

    A seed gives the same result bit for bit on the same machine and thread count (but for the
    seconds). A validation MSE that is no longer finite ends it with status "failed".
    Raises DataError or ResourceError where its data or device are not to be had.
    """
    with threads(trial_config.threads):
        trainer = Trainer(trial_config)
        for row in trainer.rows():
            if report is not None:
                report(row)
        return trainer.result()
