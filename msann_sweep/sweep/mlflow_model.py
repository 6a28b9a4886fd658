"""The best network as an MLflow model: loads by ``mlflow.pyfunc.load_model``, runs no stored code.

The model's folder holds the state dict and a description of the network; this module, named as
the model's loader, makes the network of them. Nothing in the folder is unpickled but tensors.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from msann_sweep.config import TrialConfig
from msann_sweep.sweep.environment import installed_version
from msann_sweep.training.network import Form, predict

WEIGHTS, NETWORK = "weights.pt", "network.json"
REQUIRED = ("msann-sweep", "torch", "numpy")


class Reconstruction:
    """A trained network: vectors of pixels, (B, n_in), to its outputs, (B, n_out), float32."""

    def __init__(self, state: dict[str, torch.Tensor], layers: list[int], form: Form) -> None:
        self.layers = layers
        self.form = form
        count = len(layers) - 1
        weights = [state[f"{2 * j}.weight"].T.reshape(-1) for j in range(count)]
        biases = [state[f"{2 * j}.bias"] for j in range(count)]
        pairs = zip(weights, biases, strict=True)
        self.parameters = torch.cat([part for pair in pairs for part in pair])

    def predict(
        self,
        model_input: NDArray[np.float32],
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's signature
    ) -> NDArray[np.float32]:
        """The network's outputs for any number of inputs."""
        inputs = torch.from_numpy(np.ascontiguousarray(model_input, dtype=np.float32))
        with torch.no_grad():
            outputs: NDArray[np.float32] = predict(
                self.parameters, self.layers, inputs, self.form
            ).numpy()
        return outputs


def _load_pyfunc(data_path: str) -> Reconstruction:
    """MLflow's entry: the network of a model's folder."""
    folder = Path(data_path)
    network = json.loads((folder / NETWORK).read_text(encoding="utf-8"))
    state = torch.load(folder / WEIGHTS, weights_only=True, map_location="cpu")
    form = Form(network["activation"], network["loss"])
    return Reconstruction(state, network["layers"], form)


def _requirement(package: str) -> str:
    version = installed_version(package)
    return f"{package}=={version}" if version else package


def save_model(folder: Path, weights: Path, trial: TrialConfig, example: NDArray[Any]) -> None:
    """Write the MLflow model of a trial's weights into ``folder``, which must not exist.

    ``example`` is an input as the network takes it, (B, n_in).
    """
    # MLflow warns of its own types when this is imported.
    warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType")
    import mlflow.pyfunc
    from mlflow.models import infer_signature

    data = folder.with_name(f"{folder.name}-data")
    data.mkdir()
    (data / WEIGHTS).write_bytes(weights.read_bytes())
    network = {"layers": trial.layers, "activation": trial.activation, "loss": trial.loss}
    (data / NETWORK).write_text(json.dumps(network), encoding="utf-8")
    inputs = example.astype(np.float32)
    outputs = _load_pyfunc(str(data)).predict(inputs)
    mlflow.pyfunc.save_model(
        path=str(folder),
        loader_module=__name__,
        data_path=str(data),
        signature=infer_signature(inputs, outputs),
        input_example=inputs,
        pip_requirements=[_requirement(package) for package in REQUIRED],
    )
