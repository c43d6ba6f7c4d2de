"""A result as one self-contained HTML page."""

from pathlib import Path
from typing import NamedTuple

from lutra.errors import LutraError, missing_extra
from lutra.files import write_atomic
from lutra.report import _plots
from lutra.report._published import CONVENTIONS, published
from lutra.report._results import RunResult

__all__ = ["render_html", "write_html"]

_IMAGES = {
    "mnist",
    "fashion-mnist",
    "cifar10",
    "cifar100",
    "tiny-imagenet",
    "tiny-imagenet-32",
}
"""Data sets whose rows are called images."""


class Row(NamedTuple):
    """One line of the comparison; ``figure`` says what kind of figure the area is."""

    method: str
    accuracy: float
    lut: int
    figure: str
    ff: int | None = None
    mhz: int | None = None
    ns: float | None = None
    source: str = ""
    notes: str = ""
    recalled: bool = False
    ours: bool = False


def write_html(result: RunResult, path: Path) -> Path:
    """Write the report page, atomically.

    Raises
    ------
    LutraError
        matplotlib or jinja2 is missing.
    OutputError
        The page could not be written; an earlier one is as it was.
    """
    return write_atomic(path, render_html(result))


def render_html(result: RunResult) -> str:
    """Return the page: inline style and figures, nothing loaded from elsewhere."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise LutraError(missing_extra("The HTML report", "jinja2", "report")) from error
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters["figure"] = lambda value: "–" if value is None else f"{value:,}"
    page.filters["duration"] = _duration
    figures = {name: Markup(svg) for name, svg in _figures(result).items()}
    return page.get_template("report.html.jinja").render(
        run=result,
        figures=figures,
        comparison=_comparison(result),
        conventions=CONVENTIONS,
        rows="images" if result.dataset in _IMAGES else "rows",
    )


def _figures(result: RunResult) -> dict[str, str]:
    figures = {}
    if result.train is not None and result.train.history:
        figures["training"] = _plots.training_curve(result.train)
    if result.accuracy is not None:
        figures["confusion"] = _plots.confusion_matrix(result.accuracy)
    if result.circuit is not None and result.circuit.tables:
        figures["area"] = _plots.area_by_level(result.circuit, result.synthesis)
    if points := published(result.dataset):
        ours = next((row for row in reversed(_ours(result))), None)
        figures["comparison"] = _plots.accuracy_against_area(
            points,
            (ours.accuracy, ours.lut) if ours else None,
            f"{ours.method}, {ours.figure}" if ours else "",
        )
    return figures


def _ours(result: RunResult) -> list[Row]:
    """Return our design by what is counted; the published convention, core and head, last."""
    if result.accuracy is None or result.synthesis is None:
        return []
    accuracy, synthesis = result.accuracy.test, result.synthesis
    total = synthesis.total
    rows = [Row("ours, without argmax", accuracy, total.lut, total.kind, total.ff, ours=True)]
    if (argmax := synthesis.luts("argmax")) is not None:
        whole = Row("ours, with argmax", accuracy, total.lut + argmax, total.kind, ours=True)
        rows.insert(0, whole)
    if (core := synthesis.luts("core", "head")) is not None:
        rows.append(Row("ours, core + head", accuracy, core, total.kind, ours=True))
    return [row._replace(source=synthesis.tool) for row in rows]


def _comparison(result: RunResult) -> list[Row]:
    others = [
        Row(
            point.method,
            point.accuracy,
            point.lut,
            "post-route",
            point.ff,
            point.mhz,
            point.ns,
            point.source,
            point.notes,
            point.recalled,
        )
        for point in published(result.dataset)
    ]
    return sorted([*_ours(result), *others], key=lambda row: (-row.accuracy, row.lut))


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 100 else f"{minutes / 60:.1f} h"
