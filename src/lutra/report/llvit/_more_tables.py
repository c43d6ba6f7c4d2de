"""What the figures of LL-ViT show, as tables, and what the paper lacks: one consistent design."""

from collections.abc import Iterator

from rich.table import Table

from lutra.hardware import Performance, headroom, ll_vit
from lutra.report.llvit._figures import (
    ratios_by_bits,
    ratios_by_dim,
    ratios_by_side,
    ways_to_mix,
)
from lutra.report.llvit._numbers import BASELINE, IMAGE, LL_VIT, run_on
from lutra.report.llvit._published import ACCELERATORS, POWER
from lutra.report.llvit._tables import grid

__all__ = ["design_table", "figure_tables"]


def figure_tables() -> Iterator[Table]:
    """Return the figures' data."""
    rows = [
        (name, *(f"{value:,}" for value in vars(found).values()))
        for name, found in ways_to_mix().items()
    ]
    note = (
        "One encoder of DeiT-T, one image, the residual added, without GELU. LUT-NN's "
        "multiplications and comparisons find the nearest centroids; it reads words, LL-ViT bits."
    )
    columns = ("mixer", "multiplications", "additions", "lookups", "comparisons")
    yield grid("Figure 7: operations of a channel mixer", note, columns, rows)

    rows = [(str(bits), f"{own:.2f}", f"{same:.2f}") for bits, own, same in ratios_by_bits()]
    note = (
        "Energy of I-ViT-T by LL-ViT's. Assumed: an element takes energy as its cells, w a of the "
        "multiplier and w + a + 8 of the accumulator; the mixer's additions as b + 8, b summed "
        "bits, 4, 4, 2, 2. The paper's ratio stays; so it does here only where the mixer's "
        "energy is supposed to shrink as the arrays' does."
    )
    columns = ("bits", "mixer by its cells", "mixer as the arrays")
    yield grid("Figure 8: energy ratio by bits", note, columns, rows)

    note = "Energy of I-ViT-T by LL-ViT's; heads of 64 channels, as many tables as channels."
    rows = [(str(dim), f"{ratio:.2f}") for dim, ratio in ratios_by_dim()]
    yield grid("Figure 9(a): energy ratio by dimension", note, ("dimension", "ratio"), rows)
    rows = [(f"{side} x {side}", f"{ratio:.2f}") for side, ratio in ratios_by_side()]
    note = "Attention grows with the square of the tokens, the mixer does not."
    yield grid("Figure 9(b): energy ratio by image", note, ("image", "ratio"), rows)


def design_table() -> Table:
    """Return all figures of one design, for arrays of either side."""
    designs = [run_on(model, side) for side in (16, 32) for model in (BASELINE, LL_VIT)]
    published = ACCELERATORS["LL-ViT"]
    whole = f"{1e3 * published.watt / published.images_per_second:.2f}"

    def row(name: str, *shown: str) -> tuple[str, ...]:
        return (name, *shown)

    def each(name: str, digits: int, value: str, scale: float = 1) -> tuple[str, ...]:
        return row(name, *(f"{scale * getattr(design, value):,.{digits}f}" for design in designs))

    rows = [
        each("latency, ms", 2, "latency", 1e3),
        each("interval, cycles", 0, "interval"),
        each("throughput, FPS", 1, "images_per_second"),
        each("energy of the stages, mJ", 3, "joule", 1e3),
        each("their power at that throughput, W", 2, "watt"),
        row("power of the device, W, published", "", f"{POWER:g}", "", ""),
        row("energy by that power and FPS, mJ", "", whole, "", ""),
        row("last tables at the same interval", *_room("tables", designs)),
        row("encoders that one mixer can serve", *_room("encoders", designs)),
    ]
    note = (
        "The paper's latency and energy are of 32 x 32, its throughput and power of 16 x 16. The "
        "stages' energy leaves out norms, softmax, buffers, idle arrays and all that is static."
    )
    columns = ("", *(f"{name}, {side}" for side in (16, 32) for name in ("I-ViT-T", "LL-ViT")))
    return grid("One design, all figures", note, columns, rows)


def _room(name: str, designs: list[Performance]) -> list[str]:
    sides = [design.accelerator.side for design in designs[1::2]]
    found = [getattr(headroom(LL_VIT, IMAGE, ll_vit(side)), name) for side in sides]
    return ["", str(found[0]), "", str(found[1])]
