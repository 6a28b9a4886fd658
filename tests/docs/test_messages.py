"""Messages on the pages that no example shows: the program has them in these words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.docs.pages import ROOT, blocks

# Share of a message that must be the program's own words.
LEAST_FIXED = 0.3
MARK = "error: "


@cache
def _strings() -> list[tuple[int, re.Pattern[str]]]:
    """Every string of the package and the length of its fixed words; what is filled in is free."""
    return list(_walk())


def _walk() -> Iterator[tuple[int, re.Pattern[str]]]:
    for file in (ROOT / "msann_sweep").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            fixed = [
                part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else ""
                for part in parts
            ]
            words = [re.escape(each) for each in fixed if each]
            if words:
                yield sum(map(len, fixed)), re.compile(".+".join(words))


def _messages() -> list[tuple[str, str]]:
    lines = [(str(block), line) for block in blocks("text") for line in block.text.splitlines()]
    return [(place, line[len(MARK) :]) for place, line in lines if line.startswith(MARK)]


@pytest.mark.parametrize(("place", "message"), _messages())
def test_the_program_says_so(place: str, message: str) -> None:
    assert any(
        length >= LEAST_FIXED * len(message) and pattern.search(message)
        for length, pattern in _strings()
    ), place
