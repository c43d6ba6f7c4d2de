"""A result as tables in the terminal. Names go through `Text`: their brackets are no markup."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lutra.report._accelerator import AcceleratorFigures
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
    if result.accelerator is not None:
        yield from _blocks(result.accelerator)


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
    if result.accelerator is not None:
        yield from _accelerator(result.accelerator)
    else:
        yield from _network(result)
    yield "training", f"{result.train.seconds:,.0f} s" if result.train else missing
    if result.train and result.train.estimated_lut6 is not None and result.train.lut_budget:
        found, budget = result.train.estimated_lut6, result.train.lut_budget
        missed = ", missed: train for longer" if found > budget else ""
        yield "edges, estimated LUT6", f"{found:,} of a budget of {budget:,}{missed}"
    if verify is None:
        yield "bit for bit", missing
        return
    agree = None if verify.rtl_mismatches is None else not verify.rtl_mismatches
    if circuit is None:
        samples = sum(map(sum, accuracy.confusion)) if accuracy else verify.samples
        yield "torch = integer model", _verdict(verify.torch_equals_circuit, samples)
        yield "integer model = RTL", _verdict(agree, verify.samples)
        return
    yield "torch = circuit", _verdict(verify.torch_equals_circuit, verify.samples)
    yield "circuit = engine", _verdict(verify.engine_equals_circuit, verify.samples)
    yield "circuit = RTL", _verdict(agree, verify.samples)


def _network(result: RunResult) -> Iterator[tuple[str, str]]:
    missing, circuit = "not run", result.circuit
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


def _accelerator(found: AcceleratorFigures) -> Iterator[tuple[str, str]]:
    yield (
        "accelerator",
        f"arrays of {found.side} x {found.side}, sums per clock: {found.sums_per_clock}, "
        f"encoders per mixer: {found.encoders_per_mixer}",
    )
    yield "latency", f"{found.latency:,} clocks, {found.milliseconds:.3f} ms"
    rate = f"{found.images_per_second:,.1f} images/s at {found.clock_mhz:g} MHz, aimed at"
    yield "from image to image", f"{found.interval:,} clocks, {rate}"
    yield "energy of the encoders' stages", f"{found.joule * 1e6:.4g} uJ per image, closed form"
    ram = 36 * 1024
    yield "constants", f"{found.weight_bits:,} bits, {found.weight_bits / ram:,.1f} block RAMs"


def _blocks(found: AcceleratorFigures) -> Iterator[Table]:
    clocks = Table("block", title="Clocks per image, each block alone")
    for column in ("closed form", "simulated", "difference"):
        clocks.add_column(column, justify="right")
    for row in found.clocks:
        more = f"{100 * (row.measured / max(1, row.expected) - 1):+.2f} %"
        clocks.add_row(Text(row.name), f"{row.expected:,}", f"{row.measured:,}", more)
    yield clocks
    if found.areas:
        table = Table("block", title="Area, post-synthesis")
        for column in ("LUT", "FF", "DSP", "block RAM"):
            table.add_column(column, justify="right")
        for area in found.areas:
            counts = (f"{area.lut:,}", f"{area.ff:,}", f"{area.dsp:,}", f"{area.block_rams:g}")
            table.add_row(Text(area.name), *counts)
        yield table


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
