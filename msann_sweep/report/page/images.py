"""Examples of the validation set and what the compared networks make of them."""

from __future__ import annotations

import base64
import html
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure

from msann_sweep.config import ImagesTask, MnistLabelsTask, MnistTask, Task, TrialConfig
from msann_sweep.report.chart import write_csv
from msann_sweep.report.page.section import Context, Section, files, note, paragraph
from msann_sweep.report.terms import Terms
from msann_sweep.report.wording import mse, parameters
from msann_sweep.sweep.record import TrialRecord
from msann_sweep.training.network import Form, predict
from msann_sweep.training.task import open_feed

EXAMPLES = 8
MNIST_SHAPE = (32, 32)
ROLES = {
    "best": "best MsANN",
    "worst": "worst MsANN",
    "default": "default",
    "tuned_default": "tuned default",
}

Images = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Examples:
    """Inputs (B, n) and targets (B, n_out) of the validation set, outputs (B, n_out) by role.

    ``shape`` are the rows and columns of one, if it is an image.
    """

    inputs: Images
    targets: Images
    outputs: Mapping[str, Images]
    shape: tuple[int, ...] | None


def images_section(context: Context) -> Section:
    """Inputs above, reconstructions below, a row a network."""
    title = "Reconstructions"
    if not context.data_is_here:
        return Section(title, note("The images the sweep was trained on are not on this machine."))
    kept = {
        role: record
        for role, record in vars(context.compared).items()
        if record and context.sweep.directory.weights_file(record.id).is_file()
    }
    outputs = {
        role: weights for role, record in kept.items() if (weights := _load(context, record))
    }
    if not outputs:
        return Section(title, note("No weights of the compared trials are kept (yet)."))
    some = context.sweep.config.trial({"L": 0})
    feed = open_feed(some.task, context.data, None, "cpu")
    inputs, targets = (each[:EXAMPLES] for each in next(iter(feed.validation(EXAMPLES))))
    made = {ROLES[role]: apply(state, inputs, some) for role, state in outputs.items()}
    examples = Examples(inputs.numpy(), targets.numpy(), made, image_shape(some.task))
    if some.kept_layers:
        title, words = "Predictions", "The digit that each network tells; the true one above."
    else:
        words = "Validation examples, and what each network's final weights make of them."
    loss = Terms.of(context.sweep.config).loss
    about = "; ".join(
        f"{ROLES[role]}: {record.id}, {parameters(record.result.params)}, "
        f"final {loss} {mse(record.result.final_mse)}"
        for role, record in kept.items()
        if record.result
    )
    drawn, name = picture(
        context,
        "images.png",
        lambda file: _draw(examples, file, labels=bool(some.kept_layers)),
        f"Examples and outputs. {about}",
    )
    errors = context.keep("images.csv", lambda file: _write_errors(examples, file))
    return Section(title, paragraph(words) + drawn + paragraph(about) + files(name, errors))


def _load(context: Context, record: TrialRecord) -> dict[str, torch.Tensor] | None:
    """A trial's weights; None where the file is damaged."""
    file = context.sweep.directory.weights_file(record.id)
    try:
        state: dict[str, torch.Tensor] = torch.load(file, weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError):
        return None
    return state


def apply(state: Mapping[str, torch.Tensor], inputs: torch.Tensor, trial: TrialConfig) -> Images:
    """Outputs (B, n_out) for inputs (B, n) of the network with the weights that a trial kept."""
    parts = []
    for number in range(len(list(pairwise(trial.layers)))):
        parts += [state[f"{2 * number}.weight"].T.reshape(-1), state[f"{2 * number}.bias"]]
    form = Form(trial.activation, trial.loss)
    return predict(torch.cat(parts), trial.layers, inputs, form).numpy()


def _write_errors(examples: Examples, file: Path) -> None:
    rows = [
        (name, number, float(np.mean((output - target) ** 2)))
        for name, outputs in examples.outputs.items()
        for number, (output, target) in enumerate(zip(outputs, examples.targets, strict=True))
    ]
    write_csv(file, ("network", "example", "squared error"), rows)


def _draw(examples: Examples, file: Path, labels: bool) -> None:
    rows = {"input": examples.inputs}
    if not labels:
        if not np.array_equal(examples.inputs, examples.targets):
            rows["target"] = examples.targets
        rows |= dict(examples.outputs)
    if examples.shape:
        _draw_grid(examples, rows, file, labels)
    else:
        _draw_strips(rows, file)


def image_shape(task: Task) -> tuple[int, ...] | None:
    """Rows and columns of the task's images; None where its examples are vectors."""
    if isinstance(task, MnistTask | MnistLabelsTask):
        return MNIST_SHAPE
    if isinstance(task, ImagesTask) and len(task.padded_shape) > 1:
        return task.padded_shape
    return None


def _draw_grid(examples: Examples, rows: Mapping[str, Images], file: Path, labels: bool) -> None:
    count = len(examples.inputs)
    figure = Figure(figsize=(1.1 * count + 1.2, 1.15 * len(rows) + 0.9 * labels), dpi=110)
    axes = figure.subplots(len(rows), count, squeeze=False)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, images, strict=True):
            axis.imshow(image.reshape(examples.shape), cmap="gray", vmin=0, vmax=1)
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(name.replace(" ", "\n"), rotation=0, ha="right", va="center", fontsize=9)
    if labels:
        for number, axis in enumerate(axes[0]):
            told = [f"{n}: {out[number].argmax()}" for n, out in examples.outputs.items()]
            axis.set_title(f"true: {examples.targets[number].argmax()}", fontsize=8)
            axis.set_xlabel("\n".join(told), fontsize=7)
    figure.subplots_adjust(left=0.13, right=0.99, top=0.94, bottom=0.03 + 0.3 * labels)
    figure.savefig(file)


def _draw_strips(rows: Mapping[str, Images], file: Path) -> None:
    """One-dimensional examples: a strip each, one block of strips a network."""
    figure = Figure(figsize=(9, 0.95 * len(rows) + 0.5), dpi=110, layout="constrained")
    axes = np.ravel(figure.subplots(len(rows), 1, squeeze=False, sharex=True))
    for axis, (name, images) in zip(axes, rows.items(), strict=True):
        axis.imshow(images, cmap="gray", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axis.set_yticks([])
        axis.set_ylabel(name.replace(" ", "\n"), rotation=0, ha="right", va="center", fontsize=9)
    axes[-1].set_xlabel("pixel; one line an example")
    figure.savefig(file)


def picture(
    context: Context, name: str, draw: Callable[[Path], object], description: str
) -> tuple[str, str]:
    """A PNG picture as part of the page itself, and the name of its file if that is kept."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / name
        draw(file)
        content = file.read_bytes()
    data, safe = base64.b64encode(content).decode(), html.escape(description, quote=True)
    drawn = f'<img class="picture" src="data:image/png;base64,{data}" alt="{safe}">'
    return drawn, context.keep(name, lambda kept: kept.write_bytes(content))
