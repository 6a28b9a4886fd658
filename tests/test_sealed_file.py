"""Files that are whole or known not to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from msann_sweep.sealed_file import read_sealed, write_sealed


@example(content=b"", cut=64, flip=0)
@given(content=st.binary(max_size=200), cut=st.integers(0, 300), flip=st.integers(0, 300))
def test_whatever_is_written_is_read_and_damage_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cut: int, flip: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "sealed"
    write_sealed(file, content)
    assert read_sealed(file) == content
    written = file.read_bytes()
    if cut < len(written):
        file.write_bytes(written[:cut])
        assert read_sealed(file) is None
    damaged = bytearray(written)
    damaged[flip % len(written)] ^= 1
    file.write_bytes(damaged)
    assert read_sealed(file) is None


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    taken = tmp_path / "folder"
    taken.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_sealed(taken, b"x")
    assert list(tmp_path.iterdir()) == [taken]
