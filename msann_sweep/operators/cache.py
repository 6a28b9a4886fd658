"""Operator sets on disk, named by what they are made from.

A file is a sealed NumPy archive without pickled objects: a planted one cannot run code, a damaged
one is noticed and built again, and any number of processes may share a folder.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import networkx as nx
import numpy as np

from msann_sweep.operators.operator import Aggregation, Dense, Identity, Operator
from msann_sweep.operators.operator_set import OperatorSet, graphs_digest, operator_key
from msann_sweep.operators.products import Kronecker
from msann_sweep.operators.strategies import build_operators
from msann_sweep.sealed_file import read_sealed, write_sealed


class OperatorCache:
    """A folder of operator sets. ``built``, ``loaded`` and ``rejected`` count what was done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.built = self.loaded = self.rejected = 0

    def get(
        self,
        layers: Sequence[int],
        L: int,
        strategy: str,
        seed: int = 0,
        graphs: Mapping[int, nx.Graph] | None = None,
        kept: Sequence[int] = (),
    ) -> OperatorSet:
        """The set for these arguments of :func:`build_operators`, from disk if it is there.

        Raises OperatorError as that function does, and OSError when the folder cannot be written.
        """
        key = operator_key(layers, L, strategy, seed, graphs_digest(graphs or {}), kept)
        stored = self._load(key)
        if stored is not None:
            self.loaded += 1
            return stored
        operators = build_operators(layers, L, strategy, seed, graphs, kept)
        self.built += 1
        self._store(operators)
        return operators

    def file(self, key: str) -> Path:
        """Where the set with this key is kept."""
        return self.folder / f"{key}.operators"

    def _load(self, key: str) -> OperatorSet | None:
        try:
            content = read_sealed(self.file(key))
        except FileNotFoundError:
            return None
        if content is not None:
            # What another version wrote, or nobody of ours, is as good as not there.
            with contextlib.suppress(KeyError, ValueError, TypeError, OSError, BadZipFile):
                operators = _decode(content)
                if operators.key == key:
                    return operators
        self.rejected += 1
        return None

    def _store(self, operators: OperatorSet) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_sealed(self.file(operators.key), _encode(operators))


def _encode(operators: OperatorSet) -> bytes:
    distinct: dict[int, int] = {}
    described: list[Any] = []
    arrays: dict[str, Any] = {}
    for chain in operators.operators:
        for operator in chain:
            if id(operator) not in distinct:
                distinct[id(operator)] = len(described)
                described.append(_describe(operator, arrays))
    header = {
        "layers": operators.layers,
        "strategy": operators.strategy,
        "seed": operators.seed,
        "graphs": operators.graphs,
        "kept": operators.kept,
        "operators": described,
        "chains": [[distinct[id(each)] for each in chain] for chain in operators.operators],
    }
    buffer = io.BytesIO()
    np.savez(buffer, header=np.array(json.dumps(header)), **arrays)
    return buffer.getvalue()


def _decode(content: bytes) -> OperatorSet:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        header = json.loads(str(archive["header"]))
        known = [_restore(each, archive) for each in header["operators"]]
    chains = tuple(tuple(known[index] for index in chain) for chain in header["chains"])
    layers, kept = tuple(header["layers"]), tuple(header["kept"])
    return OperatorSet(layers, header["strategy"], header["seed"], chains, header["graphs"], kept)


def _describe(operator: Operator, arrays: dict[str, Any]) -> list[Any]:
    """A JSON description; arrays go to ``arrays`` under names that it states."""
    name = f"a{len(arrays)}"
    if isinstance(operator, Identity):
        return ["identity", operator.n_fine]
    if isinstance(operator, Kronecker):
        return [
            "kronecker",
            *(_describe(each, arrays) for each in (operator.first, operator.second)),
        ]
    if isinstance(operator, Aggregation):
        arrays[name], arrays[f"{name}w"] = operator.labels, operator.weights
        return ["aggregation", operator.n_coarse, name, f"{name}w"]
    arrays[name] = operator.matrix()
    return ["dense", name]


def _restore(description: list[Any], arrays: Mapping[str, Any]) -> Operator:
    kind, *rest = description
    if kind == "identity":
        return Identity(rest[0])
    if kind == "kronecker":
        return Kronecker(*(_restore(each, arrays) for each in rest))
    if kind == "aggregation":
        return Aggregation(arrays[rest[1]], rest[0], arrays[rest[2]])
    return Dense(arrays[rest[0]])
