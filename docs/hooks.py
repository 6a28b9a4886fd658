"""What MkDocs does beside rendering: formulas become MathML, the reference comes from the models.

No script runs in the browser for a formula, so pages need no network.
"""

from __future__ import annotations

import html
import re
from typing import Any

from math_core import LatexToMathML

from msann_sweep.config.reference import reference

FORMULA = re.compile(
    r'(?P<open><(?P<tag>span|div) class="arithmatex">)'
    r"\\[(\[](?P<latex>.*?)\\[)\]](?P<close></(?P=tag)>)",
    re.DOTALL,
)
REFERENCE = "<!-- reference: written from the models when the pages are built -->"
_converter = LatexToMathML(annotation=True)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with the reference in its place."""
    return markdown.replace(REFERENCE, reference())


def on_page_content(content: str, **_: Any) -> str:
    """The page with MathML where arithmatex has left LaTeX; raises where that is wrong."""
    return FORMULA.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    latex = html.unescape(found["latex"]).strip()
    formula = _converter.convert_with_local_state(latex, displaystyle=found["tag"] == "div")
    return f"{found['open']}{formula}{found['close']}"
