"""Search-space files for the tests of the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.files import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        file = tmp_path / "small.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write_file
