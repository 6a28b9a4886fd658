"""What the operator actors have done; their processes read this and do without Ray Tune."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OperatorCounters:
    """What the operator actors of a sweep have done so far.

    ``built`` sets were computed and ``loaded`` ones found on disk, ``bytes`` is what they take
    of a node's shared memory; sets were ``served`` to trials that ``waited_s`` seconds for them,
    all together. ``restarts`` of the registry made it load its sets anew. ``keys`` name the sets.
    """

    built: int = 0
    loaded: int = 0
    served: int = 0
    bytes: int = 0
    waited_s: float = 0.0
    restarts: int = 0
    keys: tuple[str, ...] = ()

    def after(self, earlier: OperatorCounters) -> OperatorCounters:
        """These counters, of a registry that has been restarted, on top of the earlier ones."""
        return OperatorCounters(
            built=earlier.built + self.built,
            loaded=earlier.loaded + self.loaded,
            served=earlier.served + self.served,
            bytes=max(earlier.bytes, self.bytes),
            waited_s=earlier.waited_s + self.waited_s,
            restarts=earlier.restarts + 1,
            keys=tuple(sorted({*earlier.keys, *self.keys})),
        )
