"use strict";

// Charts take the page's colours: plotly itself knows nothing of light and dark.
function paint() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  for (const chart of document.querySelectorAll(".plotly-graph-div")) {
    if (chart.closest(".light")) continue; // its lines run from pale to dark, whatever the page
    const changes = {
      "font.color": color("--text"),
      "title.font.color": color("--text"),
      "legend.bgcolor": "rgba(0,0,0,0)",
      "hoverlabel.bgcolor": color("--box"),
      "hoverlabel.bordercolor": color("--line"),
      "hoverlabel.font.color": color("--text"),
    };
    for (const axis of Object.keys(chart._fullLayout || {}).filter((key) => /^[xy]axis\d*$/.test(key))) {
      changes[axis + ".gridcolor"] = color("--line");
      changes[axis + ".zerolinecolor"] = color("--line");
      changes[axis + ".linecolor"] = color("--soft");
      changes[axis + ".tickcolor"] = color("--soft");
    }
    Plotly.relayout(chart, changes);
  }
}

paint();
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

// A running sweep's page is looked for again, but not from under somebody who is reading a chart.
if (document.documentElement.dataset.reloads && window.top === window) {
  let touched = 0;
  document.addEventListener("pointermove", () => { touched = Date.now(); });
  setInterval(() => {
    if (!document.hidden && Date.now() - touched > 15000) location.reload();
  }, 20000);
}
