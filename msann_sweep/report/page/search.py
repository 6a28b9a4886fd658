"""What the search saw: parallel coordinates, importance and slices, by Optuna."""

from __future__ import annotations

from msann_sweep.report.chart import PALETTE, write_csv
from msann_sweep.report.chart_html import embed
from msann_sweep.report.page.section import Context, Section, files, note, paragraph
from msann_sweep.sweep.study_figures import MOST_SAMPLES, SearchPictures

TITLES = {
    "parallel": "Every sample, a line across its hyperparameters; darker is cheaper",
    "importance": "Importance: share of the spread among the better samples",
    "slices": "Cost to the target against each hyperparameter",
}


def search_section(context: Context) -> Section:
    """Three of Optuna's pictures, of the multilevel samples that have ended."""
    title = "Hyperparameters"
    pictures = SearchPictures(context.sweep.config, context.sweep.records)
    if not pictures.enough:
        return Section(title, note("Too few MsANN trials that differ have ended for a picture."))
    shown = len(pictures.samples)
    words = (
        f"The {shown:,} MsANN samples that have ended. A trial that did not reach its target "
        "counts with what it cost, times a penalty for the distance that was left: what the "
        "search is told, too."
    )
    if shown == MOST_SAMPLES:
        words = words.replace(f"The {shown:,}", f"The best {shown:,}")
    parts = [paragraph(words)]
    figures = pictures.figures()
    for name, figure in figures.items():
        _restyle(name, figure, len(pictures.names))
        drawn = embed(figure, f"search-{name}", TITLES[name])
        width = 150 * (len(pictures.names) + 1)
        inner = f'<div style="min-width:{width}px">{drawn}</div>' if name != "importance" else drawn
        light = " light" if name == "parallel" else ""
        parts.append(f'<h3>{TITLES[name]}</h3><div class="wide{light}">{inner}</div>')
    return Section(title, "".join(parts) + files(*_keep(context, pictures)))


def _keep(context: Context, pictures: SearchPictures) -> list[str]:
    """The pictures by matplotlib, the importances, and the samples themselves."""
    if context.folder is not None:
        names = pictures.write(context.folder)
        importances = pictures.importances.items()
        write_csv(
            context.folder / "search-importance.csv", ("hyperparameter", "importance"), importances
        )
        samples = pictures.study.trials_dataframe(attrs=("value", "params"))
        samples.to_csv(context.folder / "search-samples.csv", index=False)
        return [*names, "search-importance.csv", "search-samples.csv"]
    return []


def _restyle(name: str, figure: object, n_names: int) -> None:
    """Optuna's figure in the page's colours and sizes."""
    from plotly.graph_objects import Figure

    assert isinstance(figure, Figure)
    figure.update_layout(title=None, template="none", margin={"l": 70, "r": 20, "t": 40, "b": 70})
    if name == "parallel":
        figure.update_layout(height=420, margin={"l": 70, "r": 90, "t": 60, "b": 40})
    elif name == "slices":
        figure.update_layout(height=380, width=None, showlegend=False)
        figure.update_traces(marker={"color": PALETTE[0], "showscale": False, "size": 7})
    else:
        figure.update_layout(height=120 + 40 * n_names, margin={"l": 130, "t": 10})
        figure.update_traces(marker={"color": PALETTE[0]})
        figure.update_yaxes(title=None)
