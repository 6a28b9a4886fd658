"""Links between the README, the pages and the files of the repository lead somewhere."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import PAGES, ROOT, prose

LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<words>.+)$", re.M)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs both make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    words = [re.sub(r"[^\w\s-]", "", match["words"].lower()) for match in HEADING.finditer(text)]
    return {re.sub(r"\s", "-", each.strip()) for each in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for match in LINK.finditer(prose(page)):
        target, _, anchor = match["target"].partition("#")
        if re.match(r"https?:", target):
            continue
        file = page.parent / target if target else page
        assert file.exists(), match["target"]
        if anchor:
            assert anchor in anchors(file), match["target"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_headings_are_told_apart(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = Counter(match["words"] for match in HEADING.finditer(text))
    assert max(headings.values()) == 1


def test_the_citation_names_the_paper_and_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert citation["preferred-citation"]["year"] == 2019
