"""What a sweep's tables call its loss and its target."""

from __future__ import annotations

from dataclasses import dataclass

from msann_sweep.config import SweepConfig


@dataclass(frozen=True)
class Terms:
    """``loss`` is "MSE" or, where the network has another one, "loss"; ``target`` in a few words.

    ``is_share``: the target is a share of each trial's own initial loss, no accuracy.
    """

    loss: str = "MSE"
    target: str = "1/10 MSE"
    is_share: bool = True

    @classmethod
    def of(cls, config: SweepConfig) -> Terms:
        """Those of a sweep."""
        stopping = config.stopping
        loss = "MSE" if config.trial({"L": 0}).loss == "mse" else "loss"
        if stopping.accuracy is not None:
            return cls(loss, f"{stopping.accuracy:.1%} right", is_share=False)
        if stopping.target == 0.1:
            return cls(loss, f"1/10 {loss}")
        return cls(loss, f"{stopping.target:g} of initial {loss}")
