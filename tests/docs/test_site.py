"""The pages as MkDocs builds them: without a warning, complete, and without the network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from msann_sweep.config import Hyperparameters
from msann_sweep.config.reference import reference
from tests.docs.pages import DOCS, ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    answer = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    return folder


@pytest.mark.slow
class TestSite:
    def test_every_page_is_there(self, site: Path) -> None:
        assert {page.stem for page in DOCS} <= {page.stem for page in site.glob("*.html")}

    def test_nothing_is_fetched_from_the_network(self, site: Path) -> None:
        loaded = re.compile(r'<(?:script|img|iframe)[^>]* src="https?:|<link[^>]* href="https?:')
        for page in site.glob("*.html"):
            assert loaded.search(page.read_text(encoding="utf-8")) is None, page.name
        for sheet in site.rglob("*.css"):
            assert re.search(r"url\([\"']?https?:", sheet.read_text(encoding="utf-8")) is None

    def test_formulas_are_mathml(self, site: Path) -> None:
        for page in site.glob("*.html"):
            text = page.read_text(encoding="utf-8")
            assert r'class="arithmatex">\(' not in text, page.name
            assert r'class="arithmatex">\[' not in text, page.name
        assert (site / "mathematics.html").read_text(encoding="utf-8").count("<math") > 50

    def test_the_reference_is_on_its_page(self, site: Path) -> None:
        text = (site / "search_space.html").read_text(encoding="utf-8")
        for name in Hyperparameters.model_fields:
            assert f"<code>{name}</code>" in text


def test_the_reference_has_every_field_and_what_it_means() -> None:
    text = reference()
    for name, field in Hyperparameters.model_fields.items():
        meaning = " ".join((field.description or "").split())
        assert re.search(rf"^\| `{name}` \| .+ \| .+ \| {re.escape(meaning)} \|$", text, re.M)
    assert "| `layers` | a list of values, each a whole number ≥ 1 | `null` |" in text
    assert "| `file` | a path | needed |" in text
