"""A sweep's record with an MLflow database of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sweep.serving import TrackingServer
from tests.sweep.tracked import Recorded


@pytest.fixture
def sweep(tmp_path: Path, empty_database: Path) -> Recorded:
    """A sweep that has begun."""
    recorded = Recorded(tmp_path)
    shutil.copy(empty_database, tmp_path / "runs" / "mlflow.db")
    return recorded


@pytest.fixture
def server(tmp_path: Path, empty_database: Path) -> Iterator[TrackingServer]:
    database = tmp_path / "served.db"
    database.write_bytes(empty_database.read_bytes())
    server = TrackingServer(tmp_path, database)
    server.start()
    yield server
    server.kill()
