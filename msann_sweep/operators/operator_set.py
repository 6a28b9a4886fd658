"""The prolongation operators of every layer and level of one hierarchy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import matmul

import networkx as nx
import numpy as np
import numpy.typing as npt

from msann_sweep.errors import OperatorError
from msann_sweep.operators.graphs import adjacency
from msann_sweep.operators.operator import Aggregation, Dense, Identity, IntArray, Operator

RECIPE_VERSION = 2


def operator_key(
    layers: Sequence[int],
    L: int,
    strategy: str,
    seed: int,
    graphs: str | None = None,
    kept: Sequence[int] = (),
) -> str:
    """Content key of an operator set: equal keys mean equal operators, on any machine.

    ``graphs`` is the digest of the graphs it is made from, if any, see :func:`graphs_digest`;
    ``kept`` are the layers that are not coarsened.
    """
    recipe = [list(layers), L, strategy, seed, RECIPE_VERSION, graphs, list(kept)]
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]


def graphs_digest(graphs: Mapping[int, nx.Graph]) -> str | None:
    """A digest of layers' graphs, of edges and weights in vertex order; None without graphs."""
    if not graphs:
        return None
    digest = hashlib.sha256()
    for layer in sorted(graphs):
        A = adjacency(graphs[layer])
        A.sort_indices()
        digest.update(f"{layer} {A.shape[0]} ".encode())
        for part in (A.indptr.astype("<i8"), A.indices.astype("<i8"), A.data.astype("<f8")):
            digest.update(part.tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class OperatorSet:
    """``operators[j][l]`` prolongs layer j from level l + 1 to level l (level 0 is the finest).

    ``composed[j, l]`` is the prolongation of layer j from level l to level 0 in single precision,
    shape (n_finest, n_l), where it is dense and was made ahead, see :meth:`with_composed`.
    """

    layers: tuple[int, ...]
    strategy: str
    seed: int
    operators: tuple[tuple[Operator, ...], ...]
    graphs: str | None = None
    kept: tuple[int, ...] = ()
    composed: Mapping[tuple[int, int], npt.NDArray[np.float32]] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def L(self) -> int:
        """Depth of the hierarchy: levels run from 0 to L."""
        return len(self.operators[0])

    @property
    def key(self) -> str:
        """Content key, see :func:`operator_key`."""
        return operator_key(self.layers, self.L, self.strategy, self.seed, self.graphs, self.kept)

    @cached_property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """``sizes[l][j]``: units of layer j at level l."""
        coarser = (
            tuple(chain[level].n_coarse for chain in self.operators) for level in range(self.L)
        )
        return (self.layers, *coarser)

    @property
    def size_bytes(self) -> int:
        """Bytes of all operators; one shared by several layers counts once."""
        distinct = {id(operator): operator for chain in self.operators for operator in chain}
        dense = {id(P): P.nbytes for P in self.composed.values()}
        return sum(operator.size_bytes for operator in distinct.values()) + sum(dense.values())

    def to_finest(self, layer: int, level: int) -> Operator:
        """Composed prolongation of a layer from ``level`` to level 0 (eq. 3.7)."""
        finest: Operator = Identity(self.layers[layer])
        return reduce(matmul, self.operators[layer][:level], finest)

    def truncated(self, L: int) -> OperatorSet:
        """The same operators down to level L only; a level's operator never depends on L.

        Raises OperatorError when the set is not that deep.
        """
        if not 0 <= L <= self.L:
            raise OperatorError(f"operator set {self.key}: depth {L} asked; allowed: 0 to {self.L}")
        return replace(self, operators=tuple(chain[:L] for chain in self.operators))

    @cached_property
    def folds(self) -> bool:
        """Whether every layer has a folded order, so that no dense matrix is ever needed."""
        return all(self.folded_order(layer) is not None for layer in range(len(self.layers)))

    def with_composed(self) -> OperatorSet:
        """The same set, the dense matrices that training needs made ahead, each only once."""
        if self.folds:
            return self
        made: dict[tuple[int, ...], npt.NDArray[np.float32] | None] = {}
        composed = {}
        for layer, chain in enumerate(self.operators):
            for level in range(1, self.L + 1):
                recipe = (self.layers[layer], *map(id, chain[:level]))
                if recipe not in made:
                    operator = self.to_finest(layer, level)
                    dense = isinstance(operator, Dense)
                    made[recipe] = operator.matrix().astype(np.float32) if dense else None
                P = made[recipe]
                if P is not None:
                    composed[layer, level] = P
        return replace(self, composed=composed)

    def folded_order(self, layer: int) -> IntArray | None:
        """Order of a layer's units that turns every level's aggregates into residue classes.

        Returns ``order``, shape (n,): ``order[p]`` is the unit to put at position p, so that at
        each level with n_l units the aggregate of position p is ``p % n_l``. Restriction is then
        a reshape and a sum, with the long axis innermost. None where a level is no aggregation
        into aggregates of equal size.
        """
        chain = self.operators[layer]
        order = np.arange(chain[-1].n_coarse if chain else self.layers[layer], dtype=np.int32)
        for operator in reversed(chain):
            if isinstance(operator, Identity):
                continue
            if not isinstance(operator, Aggregation) or operator.uniform_size is None:
                return None
            children = operator.members.reshape(operator.n_coarse, operator.uniform_size)
            order = children[order].T.ravel()
        return order
