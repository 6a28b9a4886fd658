"""Training one hierarchy: Algorithm 3.1 under a budget, evaluated on a geometric grid of cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from msann_sweep.config import TrialConfig
from msann_sweep.data import ImageSet
from msann_sweep.errors import CheckpointError, OperatorError, ResourceError
from msann_sweep.operators import OperatorSet
from msann_sweep.training.cost import CostMeter
from msann_sweep.training.cuda_graphs import fastest_step
from msann_sweep.training.initialise import initial_theta
from msann_sweep.training.network import Form, Layer, apply_hidden, apply_last, total_loss
from msann_sweep.training.optimizer import OPTIMIZERS
from msann_sweep.training.result import Row, TrialResult, has_reached, summarise
from msann_sweep.training.schedule import trial_schedule
from msann_sweep.training.stall import StallWatch
from msann_sweep.training.stepper import STEPPERS, SimultaneousStepper, Stepper
from msann_sweep.training.task import open_feed, trial_operators

EVALUATION_CHUNK = 250
PRECISIONS = {"float32": "highest", "tf32": "high", "bf16": "medium"}


class Trainer:
    """One trial, advanced from evaluation to evaluation by iterating over :meth:`rows`.

    ``operators`` and ``data`` may be given when they are already at hand (a sweep shares them);
    ``dtype`` is for numerical checks. Raises ResourceError when the device is not there,
    OperatorError when the operators are those of another network or depth.
    """

    def __init__(
        self,
        config: TrialConfig,
        *,
        operators: OperatorSet | None = None,
        data: ImageSet | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if config.device == "cuda" and not torch.cuda.is_available():
            raise ResourceError(
                "resources.gpus_per_trial: a GPU was asked for; this machine has none"
            )
        torch.set_float32_matmul_precision(PRECISIONS[config.precision])
        self.config = config
        self.form = Form(config.activation, config.loss)
        self.operators = operators or trial_operators(config, data)
        _check_fit(self.operators, config)
        like = torch.empty(0, dtype=dtype, device=config.device)
        initial_seed, batch_seed = np.random.SeedSequence(config.seed).generate_state(2)
        generator = torch.Generator(config.device).manual_seed(int(initial_seed))
        self.batches = torch.Generator(config.device).manual_seed(int(batch_seed))
        theta = initial_theta(self.operators, config.coarse_init, generator, like)
        self.stepper = self._new_stepper(theta)
        self._step = fastest_step(self.stepper)
        self.feed = open_feed(config.task, data, self._pixel_order(), config.device)
        self.meter = CostMeter(self.operators.sizes, config.batch_size)
        self.curve: list[Row] = []
        self.wall_s = 0.0
        self.stop_reason: str | None = None
        self.message: str | None = None
        self.visits = 0
        self.batches_in_visit = 0
        self.watch: StallWatch | None = None
        self._running_since: float | None = None

    def _new_stepper(self, theta: Tensor) -> Stepper:
        config = self.config
        rates = [
            config.learning_rate * config.level_lr_growth**level for level in range(config.L + 1)
        ]
        optimizers = [
            OPTIMIZERS[config.optimizer](sizes, rate, theta)
            for sizes, rate in zip(self.operators.sizes, rates, strict=True)
        ]
        at_once = config.schedule == "simultaneous"
        kind = SimultaneousStepper if at_once else STEPPERS[config.coarse_step]
        return kind(self.operators, theta, optimizers, config.batch_size, self.form)

    def _pixel_order(self) -> Tensor | None:
        order = self.operators.folded_order(0)
        if order is None or self.config.L == 0:
            return None
        return torch.from_numpy(order).long().to(self.config.device)

    def rows(self, after_batch: Callable[[], None] | None = None) -> Iterator[Row]:
        """Train, yielding one row per evaluation, the first before any step.

        Ends by itself at the target (unless ``on_target`` is "continue"), at the budget, or when
        the validation MSE is no longer finite; ``stop_reason`` then says which. ``after_batch`` is
        called between any two batches, where :meth:`state_dict` may be taken; a trainer that has
        loaded one goes on from there.
        """
        if not self.curve:
            yield from self._evaluate()
        next_cost = self._next_evaluation()
        self._start_clock()
        for level, batches in islice(trial_schedule(self.config), self.visits, None):
            self.stepper.move_to(level)
            while not self._visit_is_over(batches):
                if self.stop_reason:
                    return
                self._smooth()
                self.batches_in_visit += 1
                out_of_budget = self._out_of_budget()
                if self.meter.cost >= next_cost or out_of_budget:
                    self._stop_clock()
                    self.stop_reason = out_of_budget
                    yield from self._evaluate()
                    next_cost = self._next_evaluation()
                    self._start_clock()
                if after_batch is not None:
                    after_batch()
            self.visits += 1
            self.batches_in_visit, self.watch = 0, None

    def _visit_is_over(self, batches: int | None) -> bool:
        if batches is not None:
            return self.batches_in_visit >= batches
        if self.watch is None:
            size = self.config.batch_size
            self.watch = StallWatch.begin(self.feed, self.stepper, size, self.batches)
        return self.watch.stalled(self.stepper, self.batches_in_visit)

    def _smooth(self) -> None:
        inputs, targets = self.feed.draw(
            self.config.batch_size, self.batches, self.stepper.resolution()
        )
        dtype = self.stepper.theta.dtype
        self._step(inputs.to(dtype), targets.to(dtype))
        for level in self.stepper.trained_levels():
            self.meter.count(level)

    def _start_clock(self) -> None:
        self._running_since = perf_counter()

    def _stop_clock(self) -> None:
        """Bring ``wall_s`` up to date."""
        if self.config.device == "cuda":
            torch.cuda.synchronize()
        if self._running_since is not None:
            self.wall_s += perf_counter() - self._running_since
        self._running_since = None

    def _out_of_budget(self) -> str | None:
        config = self.config
        if self.meter.cost >= config.budget_cost:
            return "budget_cost"
        if config.budget_s is None:
            return None
        since_s = perf_counter() - self._running_since if self._running_since else 0.0
        return "budget_s" if self.wall_s + since_s >= config.budget_s else None

    def _next_evaluation(self) -> float:
        """The next cost on the grid 10^(i / evaluations_per_decade), i >= 0."""
        per_decade = self.config.evaluations_per_decade
        cost = self.curve[-1]["cost"] if self.curve else 0.0
        if cost < 1:
            return 1.0
        exponent = math.floor(math.log10(cost) * per_decade + 1e-9) + 1
        return float(10 ** (exponent / per_decade))

    def _evaluate(self) -> Iterator[Row]:
        """Record the validation loss; yields the row, or nothing when it is not finite."""
        val_mse, val_accuracy = self.validate()
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
        if val_accuracy is not None:
            row["val_accuracy"] = val_accuracy
        self.curve.append(row)
        reached = has_reached(row, self.curve[0], self.config.target, self.config.accuracy)
        if reached and self.config.on_target == "stop":
            self.stop_reason = "target"
        yield row

    def validate(self) -> tuple[float, float | None]:
        """Mean loss of Θ over validation examples and outputs; accuracy where there are labels."""
        dtype = self.stepper.theta.dtype
        values: Iterable[Tensor] = (x.to(dtype) for x, _ in self.feed.validation(EVALUATION_CHUNK))
        # All examples pass a layer before the next one is composed: Θ never exists twice.
        layers = self.stepper.composed_layers()
        for layer in islice(layers, len(self.config.layers) - 2):
            values = [apply_hidden(layer, chunk, self.form) for chunk in values]
        return self._validate_outputs(next(layers), values)

    def _validate_outputs(
        self, last: Layer, values: Iterable[Tensor]
    ) -> tuple[float, float | None]:
        labels = self.form.loss == "cross_entropy"
        device, dtype = last[0].device, last[0].dtype
        total, count = torch.zeros((), dtype=torch.float64, device=device), 0
        right = torch.zeros((), dtype=torch.int64, device=device)
        for chunk, (_, y) in zip(values, self.feed.validation(EVALUATION_CHUNK), strict=True):
            outputs = apply_last(last, chunk, self.form)
            if labels:
                right += (outputs.argmax(1) == y.argmax(1)).sum()
            loss, n_terms = total_loss(outputs, y.to(dtype), self.form.loss)
            total += loss
            count += n_terms
        return float(total) / count, float(right) / count if labels else None

    def result(self) -> TrialResult:
        """The outcome so far."""
        return summarise(
            self.curve,
            target=self.config.target,
            accuracy=self.config.accuracy,
            params=self.config.params(),
            seed=self.config.seed,
            status="failed" if self.stop_reason == "non_finite" else "finished",
            stop_reason=self.stop_reason or "interrupted",
            message=self.message,
        )

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the trial depends on, of plain values and tensors (not copied)."""
        running = self._running_since is not None
        self._stop_clock()
        if running:
            self._start_clock()
        return {
            "trial": self._identity(),
            "stepper": self.stepper.state_dict(),
            "batches": self.batches.get_state(),
            "visits": self.visits,
            "batches_in_visit": self.batches_in_visit,
            "watch": vars(self.watch).copy() if self.watch else None,
            "steps_per_level": self.meter.steps_per_level,
            "curve": self.curve,
            "wall_s": self.wall_s,
            "stop_reason": self.stop_reason,
            "message": self.message,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on as the trainer went whose state this is, to the same result bit for bit.

        Raises CheckpointError when that one was of another trial.
        """
        if state["trial"] != self._identity():
            raise CheckpointError("checkpoint: it is another trial's; give its own, or none")
        self.stepper.load_state_dict(state["stepper"])
        self.batches.set_state(state["batches"].cpu())
        self.visits = state["visits"]
        self.batches_in_visit = state["batches_in_visit"]
        self.watch = StallWatch(**state["watch"]) if state["watch"] else None
        self.meter.load(state["steps_per_level"])
        self.curve = list(state["curve"])
        self.wall_s = state["wall_s"]
        self.stop_reason, self.message = state["stop_reason"], state["message"]
        if self.stop_reason in ("budget_cost", "budget_s"):
            self.stop_reason = self._out_of_budget()

    def _identity(self) -> str:
        """What makes it this trial; its budget may be raised, and threads given or taken."""
        return self.config.model_dump_json(exclude={"budget_cost", "budget_s", "threads"})

    def weights(self) -> dict[str, Tensor]:
        """Θ as a state dict of ``torch.nn.Sequential(Linear, φ, ...)``, pixels in order.

        Keys "0.weight" (n_out, n_in), "0.bias" (n_out,), "2.weight" and so on.
        """
        order = self._pixel_order()
        position = None if order is None else torch.argsort(order)
        state, last = {}, len(self.config.layers) - 2
        for j, (W, b) in enumerate(self.stepper.composed_layers()):
            if position is not None and j == 0:
                W = W[position]
            if position is not None and j == last and not self.config.kept_layers:
                W, b = W[:, position], b[position]
            state[f"{2 * j}.weight"] = W.T.clone(memory_format=torch.contiguous_format).cpu()
            state[f"{2 * j}.bias"] = b.clone().cpu()
        return state


def _check_fit(operators: OperatorSet, config: TrialConfig) -> None:
    got, allowed = (operators.layers, operators.L), (tuple(config.layers), config.L)
    if got != allowed:
        raise OperatorError(
            f"operators: got those of layers {got[0]}, L = {got[1]}; "
            f"allowed: of layers {allowed[0]}, L = {allowed[1]}"
        )
