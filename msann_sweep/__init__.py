"""Distributed hyperparameter sweeps for multilevel neural-network training (MsANN)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from msann_sweep.report.loaded import LoadedSweep, load_sweep

__version__ = "0.1.0"
__all__ = ["LoadedSweep", "load_sweep"]


def __getattr__(name: str) -> Any:
    """Import what reads sweeps at its first use: pandas and torch come with it."""
    if name in __all__:
        from msann_sweep.report import loaded

        return getattr(loaded, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
