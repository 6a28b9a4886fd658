"""Charts as interactive plotly figures, and figures as parts of a page."""

from __future__ import annotations

import html
import math

import plotly.graph_objects as go

from msann_sweep.report.chart import Chart, Panel

PANEL_HEIGHT = 400
CLEAR = "rgba(0,0,0,0)"
CONFIG = {
    "responsive": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["lasso2d", "select2d"],
}


def embed(figure: go.Figure, name: str, description: str) -> str:
    """A figure as HTML, for a page that holds plotly.js; ``description`` is read to the blind."""
    figure.update_layout(paper_bgcolor=CLEAR, plot_bgcolor=CLEAR, font={"size": 13})
    drawn = figure.to_html(
        full_html=False, include_plotlyjs=False, config=CONFIG, div_id=f"chart-{name}"
    )
    label = html.escape(description, quote=True)
    return f'<figure class="chart" role="img" aria-label="{label}">{drawn}</figure>'


def embed_chart(chart: Chart) -> str:
    """The chart's panels, next to each other where there is room, below each other on a phone."""
    parts = [
        embed(_panel(chart, panel), f"{chart.stem}-{number}", f"{chart.title}. {panel.title}")
        for number, panel in enumerate(chart.panels, start=1)
    ]
    return f'<div class="panels panels-{min(len(parts), 3)}">{"".join(parts)}</div>'


def _panel(chart: Chart, panel: Panel) -> go.Figure:
    figure = go.Figure()
    for series in (each.positive() for each in panel.series):
        if series.x:
            figure.add_scatter(
                x=series.x,
                y=series.y,
                mode="lines+markers" if len(series.x) < 3 else "lines",
                name=series.name,
                line={"color": series.color, "dash": series.dash, "width": 2},
                text=series.hover,
                hovertemplate="%{text}<extra></extra>",
            )
    rows = len(figure.data)
    figure.update_layout(
        title={"text": panel.title, "font": {"size": 14}, "x": 0.5, "xanchor": "center"},
        height=PANEL_HEIGHT + 20 * rows,
        margin={"l": 64, "r": 12, "t": 44, "b": 60 + 20 * rows},
        legend={"orientation": "v", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        hovermode="closest",
        hoverlabel={"align": "left"},
        showlegend=True,
    )
    decades = {"type": "log", "dtick": 1, "exponentformat": "power", "minor": {"ticks": "inside"}}
    figure.update_xaxes(title=chart.x_label, **decades)
    figure.update_yaxes(title=chart.y_label, type="log", exponentformat="power", **_limits(chart))
    return figure


def _limits(chart: Chart) -> dict[str, object]:
    """A common range of y for all panels."""
    shown = [y for panel in chart.panels for each in panel.series for y in each.positive().y]
    if not shown:
        return {}
    low, high = math.log10(min(shown)), math.log10(max(shown))
    room = 0.05 * max(high - low, 0.2)
    return {"range": [low - room, high + room]}
