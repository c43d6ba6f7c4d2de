"""Figures 7, 8 and 9 of LL-ViT as SVG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lutra.files import write_atomic
from lutra.report._canvas import ALONE, INK, OTHER, OURS, figure_of, legend, svg
from lutra.report.llvit._figures import (
    ratios_by_bits,
    ratios_by_dim,
    ratios_by_side,
    ways_to_mix,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["write_figures"]

_LOOKS = (
    ("multiplications", OTHER, 1.0),
    ("additions", OURS, 1.0),
    ("lookups", OURS, 0.45),
    ("comparisons", OTHER, 0.45),
)


def write_figures(folder: Path) -> list[Path]:
    """Write the figures and return their paths.

    Raises
    ------
    LutraError
        matplotlib is missing.
    OutputError
        A file could not be written.
    """
    figures = {
        "figure7": _operations(),
        "figure8": _by_bits(),
        "figure9a": _ratio(ratios_by_dim(), "latent dimension"),
        "figure9b": _ratio(ratios_by_side(), "side of the image, pixels"),
    }
    frame = '<svg style="background:#fff;font-family:sans-serif" '
    return [
        write_atomic(folder / f"{name}.svg", svg(figure, ALONE).replace("<svg ", frame, 1))
        for name, figure in figures.items()
    ]


def _operations() -> "Figure":
    figure, axes = figure_of(7.2, 5.6)
    found = ways_to_mix()
    places = np.arange(len(found))
    for index, (kind, colour, opacity) in enumerate(_LOOKS):
        values = [getattr(operations, kind) for operations in found.values()]
        where = places + 0.2 * (index - 1.5)
        bars = axes.barh(where, values, 0.18, color=colour, alpha=opacity, label=kind)
        shown = [f"{value / 1e6:,.2f} M" if value else "" for value in values]
        axes.bar_label(bars, shown, padding=4, color=INK, fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(1e4, 1e9)
    axes.set_yticks(places, list(found))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("operations of one encoder's mixer, one image")
    legend(axes, "above")
    return figure


def _by_bits() -> "Figure":
    figure, axes = figure_of(5.0, 3.6)
    rows = ratios_by_bits()
    places = np.arange(len(rows))
    for column, colour, name in (
        (2, OTHER, "mixer as the arrays"),
        (1, OURS, "mixer by its cells"),
    ):
        axes.plot(places, [row[column] for row in rows], color=colour, marker="o", label=name)
    axes.set_xticks(places, [str(row[0]) for row in rows])
    axes.set_xlabel("bits of weights and activations")
    _energy(axes)
    legend(axes)
    return figure


def _ratio(rows: Sequence[tuple[int, float]], label: str) -> "Figure":
    figure, axes = figure_of(5.0, 3.6)
    axes.plot([row[0] for row in rows], [row[1] for row in rows], color=OURS, marker="o")
    axes.set_xlabel(label)
    _energy(axes)
    return figure


def _energy(axes: "Axes") -> None:
    axes.axhline(1, color=INK, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 2.5)
    axes.set_ylabel("energy, I-ViT-T by LL-ViT")
