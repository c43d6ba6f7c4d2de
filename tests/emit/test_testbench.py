from pathlib import Path

import numpy as np
import pytest

from lutra.circuit import Builder, Lut, pack_tables
from lutra.emit import emit_testbench, emit_verilog
from lutra.errors import ToolError
from lutra.passes import pipeline
from lutra.tools import run_testbench


def test_bench_passes_and_names_a_corrupted_vector(tmp_path: Path) -> None:
    r = np.random.default_rng(0)
    b = Builder(3, 3, True)
    bits = b.inputs.bits.reshape(-1)
    for _ in range(3):
        bits = b.add(Lut(r.choice(bits, (8, 5)), pack_tables(r.integers(0, 2, (8, 32)), 1)), 1)
        bits = bits.bits[:, 0]
    b.output("y", b.add(Lut(bits.reshape(4, 2), pack_tables(r.integers(0, 8, (4, 4)), 3)), 3, True))
    b.output("x", b.inputs)
    rtl = emit_verilog(pipeline(b.build("bench"), 2), tmp_path, output_register=True)
    emit_testbench(rtl, r.integers(-4, 4, (40, 3)))
    assert "PASS: 40 samples" in run_testbench(rtl)

    vectors = tmp_path / "vectors_out.hex"
    lines = vectors.read_text().splitlines()
    lines[23] = f"{int(lines[23], 16) ^ 1:0{len(lines[23])}x}"
    vectors.write_text("\n".join(lines))
    with pytest.raises(ToolError, match="FAIL: sample 23: got"):
        run_testbench(rtl)


def test_no_samples(tmp_path: Path) -> None:
    b = Builder(1, 1)
    b.output("x", b.inputs)
    rtl = emit_verilog(b.build("wire"), tmp_path)
    with pytest.raises(ValueError, match="at least one sample"):
        emit_testbench(rtl, np.zeros((0, 1), np.int64))
