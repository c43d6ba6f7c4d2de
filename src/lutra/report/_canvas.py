"""Bare axes in the house's look, and figures as SVG text in the colours of where they stand."""

import io
import re
from typing import TYPE_CHECKING, Any, Literal

from lutra.errors import LutraError, missing_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ALONE", "FAINT", "INK", "OTHER", "OURS", "PAGE", "figure_of", "legend", "svg"]

# Stand-ins that become the colours of a theme.
INK, FAINT, OURS, OTHER = "#010203", "#010204", "#010205", "#010206"
PAGE = {INK: "var(--ink)", FAINT: "var(--line)", OURS: "var(--accent)", OTHER: "var(--other)"}
"""The variables of the report's page, which follow its light or dark theme."""
ALONE = {INK: "#1c2826", FAINT: "#dfe4e1", OURS: "#0b7a6b", OTHER: "#9a7b4f"}
"""For a file of its own: those of the light page."""


def figure_of(width: float, height: float) -> "tuple[Figure, Axes]":
    """Return a transparent figure of (width, height) in inches, and its axes."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LutraError(missing_extra("A plot", "matplotlib", "report")) from error
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    axes.grid(color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0, labelsize=9)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    for name, side in axes.spines.items():
        side.set_visible(name in ("left", "bottom"))
        side.set_color(FAINT)
    return figure, axes


def legend(axes: "Axes", place: Literal["best", "above"] = "best") -> None:
    """Draw the legend, if anything is labelled."""
    handles, labels = axes.get_legend_handles_labels()
    looks: dict[str, Any] = {"frameon": False, "labelcolor": INK, "fontsize": 8}
    if handles and place == "above":
        looks |= {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 2}
    if handles:
        axes.legend(handles, labels, **looks)


def svg(figure: Any, theme: dict[str, str] = PAGE) -> str:
    """Return the figure as an ``<svg>`` element, the same text for the same figure and theme."""
    import matplotlib as mpl

    content = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "lutra"}):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    text = content.getvalue()
    text = text[text.index("<svg") :]
    for colour, shown in theme.items():
        text = text.replace(colour, shown)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    used = set(re.findall(r"#(\w+)", text))
    text = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", text)
    return re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text)
