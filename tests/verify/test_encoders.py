"""Encoders with round thresholds: every raw value, every style; the top bits cost no LUT."""

from pathlib import Path

import numpy as np
import pytest

from lutra.circuit import Builder, Circuit, Encode
from lutra.emit import Style, emit_verilog
from lutra.verify import verify_rtl

WIDTH = 8


def circuit(signed: bool) -> Circuit:
    low = -128 if signed else 0
    builder = Builder(4, WIDTH, signed)
    rows = [
        [64, 128, 192],
        [0, 32, 256],  # always, sometimes, never
        [96, 112, 120],
        [3, 100, 201],
    ]
    thresholds = np.array(rows, np.int64) + low
    binary = Encode(builder.inputs, thresholds, name="binary")
    builder.output("binary", builder.add(binary, 2))
    thermometer = Encode(builder.inputs, thresholds, thermometer=True, name="thermometer")
    builder.output("thermometer", builder.add(thermometer, 3))
    half = Encode(builder.inputs, np.full((4, 1), 128 + low), name="half")
    builder.output("half", builder.add(half, 1))
    return builder.build("encoders")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("style", ["constants", "luts"])
def test_every_raw_value(signed: bool, style: Style, tmp_path: Path) -> None:
    low = -128 if signed else 0
    values = np.arange(low, low + 256)[:, None].repeat(4, axis=1)
    assert verify_rtl(circuit(signed), values, tmp_path, style=style).samples == 256


@pytest.mark.parametrize("signed", [False, True])
def test_the_top_bit_needs_no_lut(signed: bool, tmp_path: Path) -> None:
    rtl = emit_verilog(circuit(signed), tmp_path, style="luts")
    (half,) = (file for file in rtl.files if "half" in file.name)
    assert "LUT" not in half.read_text()
