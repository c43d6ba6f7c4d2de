"""A result as tables in the terminal. Names go through `Text`: their brackets are no markup."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lutra.report._results import RunResult, Synthesis

__all__ = ["show"]


def show(result: RunResult, console: Console | None = None) -> None:
    """Write the headline figures, then the areas by level and by part."""
    console = console or Console()
    for table in _tables(result):
        console.print(table)


def _tables(result: RunResult) -> Iterator[Table]:
    head = Table("", "", title=Text(f"{result.recipe} on {result.dataset}"), show_header=False)
    for label, value in _headline(result):
        head.add_row(label, Text(value))
    yield head
    if result.circuit is not None:
        rows = Table("operation", "kind", "level", title="Circuit")
        for column in ("words", "address bits", "LUT6, worst-case model"):
            rows.add_column(column, justify="right")
        for row in result.circuit.rows:
            bound = "" if row.lut6_worst_case is None else f"{row.lut6_worst_case:,}"
            figures = (str(row.level), f"{row.words:,}", str(row.address_bits or ""), bound)
            rows.add_row(Text(row.name), row.kind, *figures)
        yield rows
    if result.synthesis is not None:
        yield _areas(result.synthesis)


def _headline(result: RunResult) -> Iterator[tuple[str, str]]:
    missing = "not run"
    accuracy, verify, circuit = result.accuracy, result.verify, result.circuit
    yield "test accuracy", f"{accuracy.test:.2f} %" if accuracy else missing
    held = accuracy.validation if accuracy else None
    for name, share in (accuracy.more if accuracy else {}).items():
        yield f"accuracy on {name}", f"{share:.2f} %"
    yield "validation accuracy", missing if held is None else f"{held:.2f} %"
    if (exact := result.exact_accuracy) is not None:
        yield "test accuracy before don't-cares", f"{exact.test:.2f} %"
        if exact.validation is not None:
            yield "validation accuracy before", f"{exact.validation:.2f} %"
    yield "levels", str(circuit.levels) if circuit else missing
    if circuit and circuit.stage_depth is not None:
        yield "LUT levels per stage, model", str(circuit.stage_depth)
    yield "LUT6, worst-case model", f"{circuit.lut6_worst_case:,}" if circuit else missing
    if circuit and circuit.lut6_estimate is not None:
        yield "LUT6, estimate of mapping", f"{circuit.lut6_estimate:,}"
    total = result.synthesis.total if result.synthesis else None
    yield (
        "LUT, flip-flops, no argmax",
        f"{total.lut:,}, {total.ff:,} ({total.kind})" if total else missing,
    )
    if timing := result.synthesis.timing if result.synthesis else None:
        figures = (
            f"{low:,.2f} to {high:,.2f} {unit}"
            for (low, high), unit in (
                (timing.period, "ns period"),
                (timing.latency, "ns latency"),
                (timing.area_delay, "LUT ns"),
            )
        )
        yield f"timing, no argmax, {timing.kind}", f"{', '.join(figures)}; not calibrated"
    yield "training", f"{result.train.seconds:,.0f} s" if result.train else missing
    if result.train and result.train.estimated_lut6 is not None and result.train.lut_budget:
        found, budget = result.train.estimated_lut6, result.train.lut_budget
        missed = ", missed: train for longer" if found > budget else ""
        yield "edges, estimated LUT6", f"{found:,} of a budget of {budget:,}{missed}"
    if verify is None:
        yield "bit for bit", missing
    else:
        reference = "circuit" if circuit else "integer model"
        yield f"torch = {reference}", _verdict(verify.torch_equals_circuit, verify.samples)
        yield "circuit = engine", _verdict(verify.engine_equals_circuit, verify.samples)
        agree = None if verify.rtl_mismatches is None else not verify.rtl_mismatches
        yield "circuit = RTL", _verdict(agree, verify.samples)


def _verdict(agree: bool | None, samples: int) -> str:
    if agree is None:
        return "not run"
    return f"equal on {samples:,} rows" if agree else "DIFFERENT"


def _areas(synthesis: Synthesis) -> Table:
    table = Table("design", "figure", title=Text(f"Area, {synthesis.tool}"))
    for column in ("LUT", "FF", "MUXF", "carry", "depth"):
        table.add_column(column, justify="right")
    for section in ((synthesis.total,), synthesis.parts, synthesis.levels):
        for area in section:
            counts = (area.lut, area.ff, area.muxf, area.carry)
            depth = "" if area.depth is None else str(area.depth)
            name = f"{area.name}, no argmax" if area is synthesis.total else area.name
            table.add_row(Text(name), area.kind, *(f"{n:,}" for n in counts), depth)
        table.add_section()
    return table
