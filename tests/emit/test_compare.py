"""Comparisons with constants as primitives: what they have in common is there once."""

from pathlib import Path

import numpy as np
import pytest

from lutra.circuit import Builder, Circuit, Compare, Encode, Words
from lutra.tools import synthesise
from lutra.verify import verify_rtl


def thermometer(width: int, thresholds: np.ndarray, signed: bool = False) -> Circuit:
    b = Builder(1, width, signed)
    made = b.add(Encode(b.inputs, np.sort(thresholds)[None], thermometer=True), len(thresholds))
    b.output("y", Words(made.bits.reshape(-1, 1)))
    return b.build("thermometer")


def every_word(circuit: Circuit) -> np.ndarray:
    words = circuit.input_words
    return np.arange(words.low, words.high + 1)[:, None]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("width", "count", "most"), [(1, 1, 0), (5, 20, 10), (6, 20, 20), (8, 50, 51), (12, 25, 48)]
)
def test_shared_digits(tmp_path: Path, width: int, count: int, most: int, signed: bool) -> None:
    drawn = np.random.default_rng(width).choice((1 << width) - 1, count, replace=False) + 1
    circuit = thermometer(width, drawn - (signed << width >> 1), signed)
    rtl = verify_rtl(circuit, every_word(circuit), tmp_path, style="luts").rtl
    assert synthesise(rtl).lut6_total <= most + signed  # an inverted top bit is a LUT


def test_thresholds_that_no_word_reaches_or_misses(tmp_path: Path) -> None:
    circuit = thermometer(8, np.array([-3, 0, 1, 128, 255, 256, 300]))
    verify_rtl(circuit, every_word(circuit), tmp_path, style="luts")


def test_words_that_have_a_threshold_in_common(tmp_path: Path) -> None:
    b = Builder(2, 9)
    words = Words(b.inputs.bits[[0, 1, 0, 0]])
    b.output("y", b.add(Compare(words, np.array([77, 77, 77, 333])), 1))
    circuit = b.build("compare")
    x = np.random.default_rng(0).integers(0, 512, (2000, 2))
    rtl = verify_rtl(circuit, x, tmp_path, style="luts").rtl
    assert synthesise(rtl).lut6_total <= 6
