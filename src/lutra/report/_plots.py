"""The figures of a report, as SVG text whose colours follow the page's light or dark theme."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lutra.report._canvas import FAINT, INK, OTHER, OURS, figure_of, legend, svg
from lutra.report._published import Published
from lutra.report._results import Accuracy, CircuitFigures, Synthesis, Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["accuracy_against_area", "area_by_level", "confusion_matrix", "training_curve"]


def training_curve(training: Training) -> str:
    """Plot train and validation accuracy against the epoch, phases one after the other."""
    figure, axes = figure_of(5.0, 4.2)
    phases = [row.phase for row in training.history]
    starts = [i for i in range(len(phases)) if i == 0 or phases[i] != phases[i - 1]]
    for start, end in itertools.pairwise([*starts, len(phases)]):
        rows, epochs = training.history[start:end], np.arange(start + 1, end + 1)
        for name, colour, values in (
            ("train", OTHER, [row.train_accuracy for row in rows]),
            ("validation", OURS, [row.val_accuracy for row in rows]),
        ):
            heights = np.array([np.nan if v is None else v for v in values], float)
            if not np.isnan(heights).all():
                label = None if start else name
                axes.plot(epochs, heights, color=colour, label=label, linewidth=1.8, marker=".")
        if start:
            axes.axvline(start + 0.5, color=FAINT, linewidth=1)
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy, %")
    legend(axes)
    return svg(figure)


def confusion_matrix(accuracy: Accuracy) -> str:
    """Draw the confusion matrix, each row shaded by its share of the true class."""
    counts = np.array(accuracy.confusion)
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    size = max(3.2, 1.2 + 0.42 * len(counts))
    figure, axes = figure_of(size + 0.6, size)
    from matplotlib.collections import PolyCollection

    right = np.eye(len(counts), dtype=bool)
    for colour, shown in ((OURS, right), (OTHER, ~right)):
        places = np.argwhere(shown & (counts > 0))
        if not len(places):
            continue
        corners = places[:, None, ::-1] + 0.47 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        opacity = 0.15 + 0.5 * share[tuple(places.T)] ** 0.5
        axes.add_collection(PolyCollection(list(corners), facecolors=colour, alpha=opacity, lw=0))
    if len(counts) <= 20:
        for row, column in np.argwhere(counts):
            looks = {"ha": "center", "va": "center", "color": INK, "fontsize": 8}
            axes.text(column, row, str(counts[row, column]), **looks)
    names = [_plain(name) for name in accuracy.classes]
    axes.set_xticks(range(len(counts)), names)
    axes.set_yticks(range(len(counts)), names)
    axes.set_xlim(-0.5, len(counts) - 0.5)
    axes.set_ylim(len(counts) - 0.5, -0.5)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)
    return svg(figure)


def area_by_level(circuit: CircuitFigures, synthesis: Synthesis | None) -> str:
    """Draw worst-case LUT6 of each table level beside the LUTs that synthesis left of it."""
    levels = synthesis.levels if synthesis else ()
    pairs = itertools.zip_longest((row for row in circuit.rows if row.output_bits), levels)
    tables = [(row, area) for row, area in pairs if row and row.lut6_worst_case is not None]
    rows = [row for row, _ in tables]
    names = [row.name or f"level {row.level}" for row in rows]
    figure, axes = figure_of(7.2, 0.9 + 0.5 * max(2, len(rows)))
    places = np.arange(len(rows))
    bound = [row.lut6_worst_case or 0 for row in rows]
    bars = [axes.barh(places - 0.2, bound, 0.36, color=OTHER, label=circuit.kind)]
    kept = [(place, area) for place, (_, area) in enumerate(tables) if area]
    if kept:
        heights = [area.lut for _, area in kept]
        label = f"{kept[0][1].kind}, LUTs of any size"
        places_kept = [place + 0.2 for place, _ in kept]
        bars.append(axes.barh(places_kept, heights, 0.36, color=OURS, label=label))
    for bar in bars:
        axes.bar_label(bar, fmt="{:,.0f}", padding=4, color=INK, fontsize=8)
    axes.set_yticks(places, [_plain(name) for name in names])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(visible=False, axis="y")
    legend(axes)
    return svg(figure)


def accuracy_against_area(
    points: Sequence[Published], ours: tuple[float, int] | None, label: str
) -> str:
    """Plot test accuracy against LUTs, logarithmic: published points and ours, (accuracy, LUTs)."""
    figure, axes = figure_of(7.2, 4.2)
    axes.set_xscale("log")
    for verified in (True, False):
        some = [point for point in points if point.recalled != verified]
        if some:
            axes.scatter(
                [point.lut for point in some],
                [point.accuracy for point in some],
                s=28,
                facecolors=OTHER if verified else "none",
                edgecolors=OTHER,
                label="published, post-route" + ("" if verified else ", accuracy unverified"),
            )
    if ours is not None:
        axes.scatter([ours[1]], [ours[0]], s=150, marker="*", color=OURS, label=label)
        _label(axes, "ours", 1.08 * ours[1], ours[0], OURS)
    named = {point.method: point for point in sorted(points, key=lambda point: -point.lut)}
    middle = itertools.cycle(("below", "above"))
    for point in named.values():
        near = [other.lut - point.lut for other in named.values() if _near(point, other)]
        outer = "right" if max(near, default=0) <= 0 else "left"
        side = next(middle) if near and min(near) < 0 < max(near) else outer
        _label(axes, point.method, point.lut, point.accuracy, INK, side)
    axes.set_xlabel("LUTs (see the conventions)")
    axes.set_ylabel("test accuracy, %")
    axes.margins(0.1)
    axes.set_xlim(right=axes.get_xlim()[1] * 2)
    legend(axes, "above")
    return svg(figure)


def _plain(name: str) -> str:
    """Shorten a name, and keep its dollar signs from starting a formula."""
    return (name if len(name) <= 32 else name[:31] + "…").replace("$", r"\$")


def _near(one: Published, other: Published) -> bool:
    return 1 / 4 < one.lut / other.lut < 4 and abs(one.accuracy - other.accuracy) < 0.12


_SIDES: dict[str, dict[str, Any]] = {
    "right": {"xytext": (6, -2), "ha": "left"},
    "left": {"xytext": (-6, -2), "ha": "right"},
    "below": {"xytext": (0, -10), "ha": "center"},
    "above": {"xytext": (0, 6), "ha": "center"},
}


def _label(axes: "Axes", text: str, x: float, y: float, colour: str, side: str = "right") -> None:
    looks = {"textcoords": "offset points", "fontsize": 7, "color": colour, **_SIDES[side]}
    axes.annotate(text, (x, y), **looks)
