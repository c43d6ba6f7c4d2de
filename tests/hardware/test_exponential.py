"""The exponential and the division of a softmax, over all that goes in."""

from pathlib import Path

import numpy as np
import pytest

from lutra.hardware._block import Block
from lutra.vit._arithmetic import _exponential
from tests.hardware.simulation import PAUSES, build, run_equal

SETTINGS = [(1, 15, 8), (2, 1, 8), (3, 15, 8), (7, 4, 8), (20, 14, 8), (31, 12, 9), (57, 11, 8)]
SETTINGS += [(255, 3, 8), (300, 9, 10), (1 << 16, 1, 8)]


LANE = 32


def exponentials() -> Block:
    """Every setting side by side, each with the lowest bits of one input."""
    body = """
    logic [1:0] valid;
    wire en = !out_valid || out_ready;
    assign out_valid = valid[1];
    assign in_ready = en;
    always_ff @(posedge clk) if (rst) valid <= 0; else if (en) valid <= {valid[0], in_valid};
"""
    for lane, (unit, bits, d_bits) in enumerate(SETTINGS):
        body += f"""
    lutra_exponential #(.UNIT({unit}), .BITS({bits}), .D_BITS({d_bits}), .E_BITS({LANE}))
        block{lane} (.clk, .en, .d(in_data[{d_bits - 1}:0]), .e(out_data[{lane * LANE}+:{LANE}]));
"""
    return Block("exponentials", "", {}, {}, 10, LANE * len(SETTINGS), body=body)


def divide(d_bits: int, q_bits: int) -> Block:
    body = f"""
    logic busy, done;
    assign in_ready = !busy && !done && !out_valid;
    always_ff @(posedge clk) begin
        if (rst || out_ready && out_valid) out_valid <= 0;
        else if (done) out_valid <= 1;
    end
    lutra_divide #(.D_BITS({d_bits}), .Q_BITS({q_bits})) divide (.clk, .rst,
        .start(in_valid && in_ready), .divisor(in_data), .busy, .done, .quotient(out_data));
"""
    return Block("divide", "", {}, {}, d_bits, q_bits, body=body)


def test_exponentials_of_every_code(tmp_path: Path) -> None:
    simulator = build(tmp_path, exponentials())
    d = np.tile(np.arange(1 << 10), 8)
    settings = [(d & ((1 << d_bits) - 1), unit, bits) for unit, bits, d_bits in SETTINGS]
    expected = np.stack([_exponential(-codes, unit, bits) for codes, unit, bits in settings], 1)
    for pauses in PAUSES:
        found = run_equal(simulator, d, expected, pauses, lanes=len(SETTINGS), signed=False)
        if pauses == (0, 0):
            assert (found.left - found.entered == 2).all()


@pytest.mark.parametrize(("d_bits", "q_bits"), [(12, 31), (36, 31), (20, 16)])
def test_quotients(d_bits: int, q_bits: int, tmp_path: Path) -> None:
    simulator = build(tmp_path, divide(d_bits, q_bits))
    least = max(1, -(-((1 << 31) - 1) // ((1 << q_bits) - 1)))
    rng = np.random.default_rng(0)
    uniform = rng.integers(least, 1 << d_bits, 15_000)
    small = least + np.arange(2000)
    powers = 1 << np.arange(d_bits)
    divisors = np.concatenate([uniform, small, powers, powers - 1, powers + 1])
    divisors = divisors[(divisors >= least) & (divisors < 1 << d_bits)]
    assert len(divisors) > 5000
    expected = ((1 << 31) - 1) // divisors
    run_equal(simulator, divisors, expected, (10, 10), signed=False)
    found = run_equal(simulator, divisors, expected, signed=False)
    assert (found.left - found.entered == q_bits + 2).all()
