"""LUTs of trained networks' twelve-bit tables, written as they are and optimised exactly.

    lutra bench area-12bit               # writes benchmarks/results/area-12bit.json

`NEURONS` neurons from all over each network, each alone with inputs of its own, so that nothing
but their tables is optimised, and every entry stays. The peer is Yosys on case statements, as the
generators of LogicNets and its successors write tables; all others go through the same Yosys:
`written`, as this Verilog writer splits tables; `compressed`, as CompressedLUT has them;
`compressed_mapped`, the same mapped by ABC; `ours`, mapped from the best of several forms, then
paired. Multiplexers beside the LUTs (MUXF7 and MUXF8) are counted apart, and LUTs by their inputs:
what the peer's LUTs of up to five inputs could share of a LUT6 each is not taken off. Each result
is equal to the tables at every address.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from lutra.bench import area_figures, record
from lutra.circuit import Builder, Circuit, Lut, evaluate
from lutra.emit import emit_verilog
from lutra.flow import open_run
from lutra.passes import compress, expand, pack, without_unread
from lutra.tools import Synthesis, map_luts, synthesise

ROOT = Path(__file__).parents[1]
NETWORKS = ("neuralut-jsc-2l", "neuralut-hdr-5l")
NEURONS = 8


def main() -> int:
    """Train what is not trained yet, measure the tables of each network, write the figures."""
    networks = {name: _measure(name) for name in NETWORKS}
    ours, peer = (
        sum(found[kind]["lut"] for found in networks.values()) for kind in ("ours", "case")
    )
    record(
        "area-12bit",
        {"unit": "LUT", "ours": ours, "peer": peer, "ratio": ours / peer, "networks": networks},
    )
    return 0


def _measure(name: str) -> dict[str, Any]:
    run = open_run(ROOT / "recipes" / f"{name}.toml", ROOT / "runs", None)
    run.train()
    circuit = without_unread(run.lower())
    plain = _alone(circuit)
    small = compress(plain)
    forms = {"written": plain, "compressed": small}
    seconds = {}
    for kind, form in (("compressed_mapped", expand(small)), ("ours", plain)):
        started = time.perf_counter()
        forms[kind] = pack(map_luts(form, rounds=2))
        seconds[kind] = time.perf_counter() - started
    figures: dict[str, Any] = {"case": area_figures(_by_cases(plain))}
    for kind, form in forms.items():
        _equal(plain, form)
        with tempfile.TemporaryDirectory() as folder:
            figures[kind] = area_figures(synthesise(emit_verilog(form, Path(folder), style="luts")))
    (op,) = (op for op in plain.ops if isinstance(op, Lut))
    figures |= {"neurons": len(op.wires), "inputs": op.fan_in, "bits": op.outputs}
    figures |= {
        "mapping_seconds": seconds,
        "ratio": figures["ours"]["lut"] / figures["case"]["lut"],
    }
    sys.stderr.write(f"{name}: {figures}\n")
    return figures


def _alone(circuit: Circuit) -> Circuit:
    """Return neurons of twelve inputs from all over a circuit, each with inputs of its own."""
    ops = [op for op in circuit.ops if isinstance(op, Lut) and op.fan_in == 12]
    tables = np.concatenate([op.table for op in ops])
    chosen = tables[np.linspace(0, len(tables) - 1, NEURONS).astype(int)]
    b = Builder(NEURONS, 12)
    b.output("y", b.add(Lut(b.inputs.bits, chosen, "neurons"), chosen.shape[1]))
    return b.build("neurons")


def _by_cases(circuit: Circuit) -> Synthesis:
    """Map the neurons with Yosys as case statements."""
    (op,) = (op for op in circuit.ops if isinstance(op, Lut))
    codes = (op.entries().astype(np.int64) << np.arange(op.outputs)[:, None]).sum(axis=1)
    with tempfile.TemporaryDirectory() as name:
        rtl = emit_verilog(circuit, Path(name), style="constants")
        lines = rtl.files[0].read_text().splitlines()
        header = lines[: next(i for i, line in enumerate(lines) if line.startswith(");")) + 1]
        body = []
        for row, table in enumerate(codes.tolist()):
            word = f"y[{row * op.outputs} +: {op.outputs}]"
            body.append(f"always @* case (x[{row * op.fan_in} +: {op.fan_in}])")
            body += [f"{op.fan_in}'d{e}: {word} = {op.outputs}'d{c};" for e, c in enumerate(table)]
            body.append("endcase")
        text = "\n".join([*header, *body, "endmodule", ""])
        rtl.files[0].write_text(text.replace("output [", "output reg ["))
        return synthesise(rtl)


def _equal(plain: Circuit, form: Circuit) -> None:
    x = np.arange(1 << 12)[:, None].repeat(NEURONS, axis=1)
    if not np.array_equal(evaluate(plain, x)["y"], evaluate(form, x)["y"]):
        raise SystemExit("an entry changed")


if __name__ == "__main__":
    sys.exit(main())
