"""Putting the page together."""

from __future__ import annotations

import html
import os
from datetime import UTC, datetime
from importlib.resources import files as package_files
from pathlib import Path

from plotly.offline import get_plotlyjs

from msann_sweep.errors import StorageError
from msann_sweep.report.loaded import LoadedSweep
from msann_sweep.report.page.curves import curve_sections
from msann_sweep.report.page.images import images_section
from msann_sweep.report.page.overview import comparison_section, state_notes, tiles
from msann_sweep.report.page.prolongations import prolongations_section
from msann_sweep.report.page.provenance import provenance_section
from msann_sweep.report.page.search import search_section
from msann_sweep.report.page.section import Context, Section
from msann_sweep.report.page.trials import timeline_section, trials_section

KINDS_BESIDE = (".png", ".csv", ".json")


def write_page(sweep: LoadedSweep, pictures: bool = True) -> Path:
    """Write the sweep's page and, if ``pictures``, PNG and CSV files of each part beside it.

    The page is replaced in one go, so that whoever reads it while it is rewritten sees the old one
    or the new one. Raises StorageError when the sweep's directory cannot be written to.
    """
    file = sweep.directory.page_file
    try:
        file.parent.mkdir(exist_ok=True)
        context = Context(sweep, file.parent if pictures else None)
        sections = [
            comparison_section(context),
            *curve_sections(context),
            search_section(context),
            images_section(context),
            prolongations_section(context),
            timeline_section(context),
            trials_section(context),
            provenance_section(context),
        ]
        top = state_notes(context) + tiles(context)
        content = page(f"Sweep {sweep.name}", subtitle(sweep), top, sections, sweep.running)
        return replace(file, content)
    except OSError as error:
        raise StorageError(f"report: cannot write to {file.parent}: {error.strerror}") from None


def files_beside(page: Path) -> list[Path]:
    """The pictures and tables beside a page, not what is half written."""
    return sorted(file for file in page.parent.iterdir() if file.suffix in KINDS_BESIDE)


def replace(file: Path, content: str) -> Path:
    """Write a file whole or not at all."""
    fresh = file.with_suffix(f".{os.getpid()}")
    try:
        fresh.write_text(content, encoding="utf-8")
        fresh.replace(file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    return file


def subtitle(sweep: LoadedSweep) -> str:
    """State and age in one line."""
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    trained_on = sweep.state.trained_on.get("description", "")
    status = sweep.state.status if sweep.running or sweep.state.status != "running" else "cut off"
    return f"{status}; trained on {trained_on}; written {written}"


def page(title: str, subtitle: str, top: str, sections: list[Section], reloads: bool) -> str:
    """The whole page as HTML; ``reloads`` makes it look for a newer one by itself."""
    own = package_files("msann_sweep.report.page")
    style, script = (
        own.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "page.js")
    )
    links = "".join(f'<a href="#{s.anchor}">{html.escape(s.title)}</a>' for s in sections)
    body = "".join(
        f'<section id="{s.anchor}"><h2>{html.escape(s.title)}</h2>{s.body}</section>'
        for s in sections
    )
    return f"""<!DOCTYPE html>
<html lang="en"{' data-reloads="yes"' if reloads else ""}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{html.escape(title)}</title>
<style>{style}</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<header><h1>{html.escape(title)}</h1><p class="subtitle">{html.escape(subtitle)}</p></header>
<nav>{links}</nav>
<main>{top}{body}</main>
<script>{script}</script>
</body>
</html>
"""
