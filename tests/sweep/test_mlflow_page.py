"""MLflow's pages of a sweep as a person meets them, in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from msann_sweep.sweep.mlflow_connection import charts_url
from msann_sweep.sweep.mlflow_pages import TITLES
from msann_sweep.sweep.servers import Serving, mlflow_server
from tests.browser import PATIENCE_MS, browser_page, needs_chromium, screenshot
from tests.sweep.serving import free_port
from tests.sweep.tracked import Recorded, rows

pytestmark = [pytest.mark.slow, needs_chromium]
REPORT = """<!doctype html><html><body><h1>Report of the sweep</h1>
<script>document.body.append("its script has run")</script></body></html>"""


@pytest.fixture
def pages(sweep: Recorded, tmp_path: Path) -> Iterator[tuple[Recorded, str, Page]]:
    """A sweep that was extended, the address of its server, and a browser."""
    tracker = sweep.tracker()
    sweep.trial(tracker, "default", rows(60), L=0)
    for number in range(4):
        curve = [row | {"cost": row["cost"] * (0.2 + number)} for row in rows(60)]
        sweep.trial(tracker, f"t{number:04d}", curve, learning_rate=0.001 * (number + 1))  # type: ignore[arg-type]
    sweep.trial(tracker, "tuned", rows(80), L=0, learning_rate=0.01)
    page = tmp_path / "index.html"
    page.write_text(REPORT)
    tracker.log_page(page)
    sweep.close(tracker)
    assert tracker.lost is None
    extended = sweep.tracker()
    curve = [row | {"cost": row["cost"] * 0.1} for row in rows(60)]
    sweep.trial(extended, "t0004", curve, learning_rate=0.02)  # type: ignore[arg-type]
    sweep.close(extended)
    assert extended.lost is None
    server = mlflow_server(f"sqlite:///{sweep.config.storage}/mlflow.db", free_port())
    with Serving([server]), browser_page(tmp_path / "profile") as browser:
        yield sweep, server.url, browser


def test_a_person_sees_at_once_who_is_compared_now(pages: tuple[Recorded, str, Page]) -> None:
    sweep, url, browser = pages
    browser.goto(charts_url(url, "msann"))
    expect(browser.get_by_role("link", name="recorded").first).to_be_visible(timeout=PATIENCE_MS)
    chart = browser.get_by_role("heading", name="val_mse", exact=True).first
    expect(chart).to_be_visible(timeout=PATIENCE_MS)
    # MLflow draws each line twice: as it is, and smoothed.
    lines = browser.locator(".js-plotly-plot").first.locator(".scatterlayer .trace path.js-line")
    expect(lines).to_have_count(2 * len(TITLES), timeout=PATIENCE_MS)
    shown = browser.get_by_role("link", name="recorded")
    expect(shown).to_have_count(1 + len(TITLES))
    assert sorted(shown.all_inner_texts()) == [
        "recorded",
        "recorded best: γ1 L2 k1 path exact lr 0.02",
        "recorded default: default",
        "recorded tuned default: plain lr 0.01",
        "recorded worst: γ1 L2 k1 path exact lr 0.004",
    ]
    screenshot(browser, "mlflow-experiment")

    run = f"{url}/#/experiments/1/runs/{sweep.runs()['sweep'].info.run_id}"
    browser.goto(f"{run}?workflowType=machine_learning")
    expect(browser.get_by_text("Best MsANN").first).to_be_visible(timeout=PATIENCE_MS)
    expect(browser.get_by_role("link", name="recorded best: γ1 L2")).to_be_visible()
    screenshot(browser, "mlflow-run")

    browser.goto(f"{run}/model-metrics?workflowType=machine_learning")
    expect(browser.locator(".js-plotly-plot .js-line").first).to_be_attached(timeout=PATIENCE_MS)
    screenshot(browser, "mlflow-run-charts")

    browser.goto(f"{run}/artifacts/report/index.html?workflowType=machine_learning")
    report = browser.frame_locator("iframe").first
    expect(report.get_by_text("its script has run")).to_be_visible(timeout=PATIENCE_MS)
    screenshot(browser, "mlflow-report")
