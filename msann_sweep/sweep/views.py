"""Several views of one running sweep."""

from __future__ import annotations

from collections.abc import Sequence

from msann_sweep.config import SweepConfig
from msann_sweep.sweep.record import SweepDirectory, TrialRecord
from msann_sweep.sweep.recorder import View
from msann_sweep.training import Row


class Views:
    """Shows what happens to every one of ``views``, in order."""

    def __init__(self, views: Sequence[View]) -> None:
        self.views = tuple(views)

    def opened(self, config: SweepConfig, directory: SweepDirectory, planned: int) -> None:
        """The sweep begins, or goes on."""
        for view in self.views:
            view.opened(config, directory, planned)

    def trial_started(self, record: TrialRecord) -> None:
        """A trial runs."""
        for view in self.views:
            view.trial_started(record)

    def trial_advanced(self, record: TrialRecord, curve: list[Row]) -> None:
        """A trial was evaluated; its curve so far."""
        for view in self.views:
            view.trial_advanced(record, curve)

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial has its result."""
        for view in self.views:
            view.trial_ended(record)

    def closed(self) -> None:
        """No more trials run."""
        for view in self.views:
            view.closed()
