"""The report in headless Chromium: what a person sees and can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from msann_sweep.report.page import write_page
from tests.browser import browser_page, needs_chromium, screenshot
from tests.report.sweeps import fill, keep_weights, loaded, make_sweep

pytestmark = [pytest.mark.slow, needs_chromium]
DRAWN = "[...document.querySelectorAll('.plotly-graph-div')].every(c => c._fullLayout)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a finished sweep."""
    config, directory = make_sweep(tmp_path_factory.mktemp("report"), seeds=2)
    fill(config, directory, n_samples=12)
    for trial_id in ("t0000.1", "t0011.2", "default.1", "tuned-2.1"):
        keep_weights(config, directory, trial_id)
    return write_page(loaded(directory), pictures=False)


@pytest.fixture
def opened(report: Path, tmp_path: Path) -> Iterator[Page]:
    """The page on a wide screen."""
    with browser_page(tmp_path / "profile") as page:
        _open(page, report)
        yield page


def _open(page: Page, report: Path) -> None:
    """Open the page, which says nothing and asks the network for nothing."""
    noted: list[str] = []
    page.on("console", lambda message: noted.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: noted.append(f"error: {error}"))
    page.on("request", lambda request: noted.append(request.url))
    page.goto(report.as_uri())
    page.wait_for_function(DRAWN)
    assert noted == [report.as_uri()]


def test_it_opens_without_errors_or_network_and_all_charts_have_curves(opened: Page) -> None:
    screenshot(opened, "report-light")
    charts = opened.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.plotly-graph-div')]"
        ".map(c => [c.id, c.data.length]))"
    )
    assert set(charts) == {
        *(f"chart-curves-{axis}-{panel}" for axis in ("cost", "seconds") for panel in (1, 2)),
        *("chart-search-parallel", "chart-search-importance", "chart-search-slices"),
        "chart-timeline",
    }
    assert all(charts.values())
    lines = "#chart-curves-cost-1 .scatterlayer path.js-line"
    assert opened.locator(lines).count() == 5
    assert opened.locator("img.picture").evaluate_all("all => all.every(i => i.naturalWidth > 99)")


def test_a_click_in_the_legend_hides_a_curve(opened: Page) -> None:
    chart = opened.locator("#chart-curves-cost-1")
    chart.scroll_into_view_if_needed()
    chart.locator(".legendtoggle").first.click()
    opened.wait_for_function(
        "document.getElementById('chart-curves-cost-1')._fullData[0].visible === 'legendonly'"
    )


def test_hovering_says_in_words_what_a_point_is(opened: Page) -> None:
    chart = opened.locator("#chart-curves-cost-2")
    chart.scroll_into_view_if_needed()
    opened.evaluate(
        "Plotly.Fx.hover('chart-curves-cost-2', [{curveNumber: 0, pointNumber: 5}], 'xy')"
    )
    words = chart.locator(".hoverlayer .hovertext")
    words.first.wait_for()
    text = words.first.text_content() or ""
    assert "L = 1" in text
    assert "trial t0003" in text
    assert "after cost" in text


def test_nothing_sticks_out_or_overlaps_on_a_phone(report: Path, tmp_path: Path) -> None:
    with browser_page(tmp_path / "profile", width=390, height=844) as page:
        _open(page, report)
        screenshot(page, "report-phone")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        # A chart's legend begins below its axis' title.
        apart = page.evaluate(
            """[...document.querySelectorAll('[id^=chart-curves]')].every(chart =>
                chart.querySelector('.legend').getBoundingClientRect().top >=
                chart.querySelector('.xtitle').getBoundingClientRect().bottom)"""
        )
        assert apart


def test_a_dark_page_has_light_text_in_its_charts(report: Path, tmp_path: Path) -> None:
    with browser_page(tmp_path / "profile", dark=True) as page:
        _open(page, report)
        screenshot(page, "report-dark")
        colors = page.evaluate(
            """[getComputedStyle(document.body).backgroundColor,
                document.getElementById('chart-timeline')._fullLayout.font.color]"""
        )
        assert colors == ["rgb(20, 23, 27)", "#e8eaed"]
        page.emulate_media(color_scheme="light")
        page.wait_for_function(
            "document.getElementById('chart-timeline')._fullLayout.font.color === '#1b1e23'"
        )
