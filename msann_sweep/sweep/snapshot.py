"""Keeping live objects out of the snapshots that Tune pickles as it goes."""

from __future__ import annotations

from typing import Any


class LeftOutOfSnapshots:
    """Pickled as an empty shell: Tune's snapshots are never restored, the record on disk is."""

    def __getstate__(self) -> dict[str, Any]:
        return {}
