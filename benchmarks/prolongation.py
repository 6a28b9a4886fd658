"""Speed of finding and building prolongation maps, each ratio taken in one run.

    python benchmarks/prolongation.py

Cycle 32 to 64, s = 0.5, both scales profiled, from pair aggregation: plain pymanopt with its own
automatic differentiation (autograd where that package is installed, otherwise torch) against our
derivatives in the same method, and against the best translation-invariant map.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

import networkx as nx
import numpy as np
import pymanopt
from pymanopt.manifolds import Stiefel
from pymanopt.optimizers import TrustRegions

from msann_sweep.operators import (
    build_operators,
    closed_form,
    laplacian,
    manhattan_distance,
    objective,
    optimize_circulant,
    optimize_prolongation,
)

N, S, ITERATIONS = 32, 0.5, 60
G1, G2 = nx.cycle_graph(N), nx.cycle_graph(2 * N)
LAYERS = [1024, 256, 128, 256, 1024]


def best_of(repeats: int, run: Callable[[], Any]) -> tuple[float, Any]:
    """The least seconds of several runs, and the last result."""
    seconds, result = [], None
    for _ in range(repeats):
        started = perf_counter()
        result = run()
        seconds.append(perf_counter() - started)
    return min(seconds), result


def plain_pymanopt() -> tuple[str, Callable[[], Any]]:
    """Eq. 3.3 as a user of pymanopt would write it, and the back-end that differentiates it."""
    manifold = Stiefel(2 * N, N)
    matrices = [f(g) for f in (laplacian, manhattan_distance) for g in (G1, G2)]
    backend = "autograd" if importlib.util.find_spec("autograd") else "pytorch"
    if backend == "autograd":
        import autograd.numpy as xp
    else:
        import torch as xp

        matrices = [xp.from_numpy(matrix) for matrix in matrices]
    L1, L2, T1, T2 = matrices

    @getattr(pymanopt.function, backend)(manifold)
    def cost(P: Any) -> Any:
        terms = []
        for X1, X2 in ((L1, L2), (T1, T2)):
            left, right = P @ X1, X2 @ P
            norms = xp.sqrt(xp.sum(left**2)) * xp.sqrt(xp.sum(right**2))
            terms.append(2 * (norms - xp.sum(left * right)))
        return (1 - S) * terms[0] + S * terms[1]

    problem = pymanopt.Problem(manifold, cost)
    solver = TrustRegions(max_iterations=ITERATIONS, max_time=math.inf, verbosity=0)
    start = closed_form("cycle", "pair", N)
    return backend, lambda: solver.run(problem, initial_point=start)


def main() -> None:
    backend, plain = plain_pymanopt()
    plain_s, found = best_of(2, plain)
    plain_value = objective(found.point, G1, G2, s=S).total
    start = closed_form("cycle", "pair", N)
    ours_s, ours = best_of(
        3,
        lambda: optimize_prolongation(G1, G2, s=S, start=start, max_iterations=ITERATIONS),
    )
    exact_s, exact = best_of(5, lambda: optimize_circulant("cycle", N, s=S))
    print(f"cycle {N} to {2 * N}, s = {S}, {ITERATIONS} iterations of trust regions")
    print(f"plain pymanopt ({backend})  {plain_s:8.3f} s   value {plain_value:.6g}")
    print(
        f"derivatives by hand        {ours_s:8.3f} s   value {ours.value.total:.6g}   "
        f"{plain_s / ours_s:.1f} times faster"
    )
    print(
        f"best translation-inv.      {exact_s:8.4f} s   value {exact.value.total:.6g}   "
        f"{plain_s / exact_s:.0f} times faster"
    )
    print("\ncomplete operator sets")
    for strategy in ("path", "grid"):
        build_s, built = best_of(5, lambda s=strategy: build_operators(LAYERS, 6, s))
        print(f"{strategy:5} {LAYERS}, L = 6: {1e3 * build_s:.2f} ms, {built.size_bytes:,} bytes")
    for exponent in (14, 16, 18, 20):
        n = 2**exponent
        build_s, built = best_of(3, lambda n=n: build_operators([n], 6, "path"))
        applied_s, _ = best_of(3, lambda o=built, n=n: o.to_finest(0, 6).restrict(np.ones(n)))
        print(
            f"path  2^{exponent} units, L = 6: built {1e9 * build_s / n:.1f} ns a unit, "
            f"restricted {1e9 * applied_s / n:.1f} ns a unit"
        )


if __name__ == "__main__":
    main()
