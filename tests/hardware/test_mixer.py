"""LL-ViT's channel mixer in hardware against the integer reference."""

from pathlib import Path

import numpy as np
import pytest

from lutra.circuit import evaluate
from lutra.emit import PRIMITIVES, Style
from lutra.errors import OutputError
from lutra.hardware._block import write_design
from lutra.hardware._mixer import mixer_block, mixer_circuit
from lutra.tools import StreamSimulator, build_stream
from lutra.vit import parts
from tests.hardware.random_parts import mixer_of
from tests.hardware.simulation import Codes, build, equal, intervals, pairs, run_equal, words


def codes_of(rng: np.random.Generator, count: int, channels: int) -> tuple[Codes, Codes]:
    """Normalised codes, and the residual stream, which often is near its ends."""
    normal = rng.normal(size=(count, channels)) * 2.0 ** rng.uniform(0, 8, (count, 1))
    stream = rng.integers(-32768, 32768, (count, channels))
    stream = np.where(rng.random((count, 1)) < 0.5, stream, stream >> rng.integers(0, 14))
    stream[:2] = [[-32768], [32767]]
    return normal.round().clip(-128, 127).astype(np.int64), stream


def check(
    built: StreamSimulator,
    mixers: list[parts.LutChannelMixer],
    channels: int,
    count: int,
    pauses: tuple[int, int] = (0, 0),
    seed: int = 0,
) -> Codes:
    """Compare with the reference, and return the clocks from token to token."""
    rng = np.random.default_rng(seed)
    normal, stream = codes_of(rng, count, channels)
    bank = rng.integers(0, len(mixers), count)
    wanted = np.zeros_like(stream)
    for number, mixer in enumerate(mixers):
        wanted[bank == number] = mixer(normal[bank == number], stream[bank == number])
    sent, expected = pairs(stream, normal, bank), words(wanted, bank)
    found = run_equal(built, sent, expected, pauses, signed=False, seed=seed)
    return intervals(found, count)


@pytest.mark.parametrize(
    ("channels", "sizes", "sums", "banks", "more"),
    [
        (32, (60, 32), 1, 1, {}),
        (20, (40, 30, 33), 2, 3, {"bits": 8, "most_shift": 16}),
        (7, (9,), 4, 2, {"thresholds": 1, "fan_in": 8, "most_shift": 0}),
        (1, (1,), 1, 1, {"fan_in": 1, "most_shift": 15}),
        (24, (70,), 3, 1, {"thresholds": 8, "fan_in": 2, "most_shift": 12}),
    ],
)
def test_a_mixer_equals_the_reference_and_keeps_its_pace(
    channels: int,
    sizes: tuple[int, ...],
    sums: int,
    banks: int,
    more: dict[str, int],
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(channels)
    mixers = [mixer_of(rng, channels, sizes, **more) for _ in range(banks)]
    built = build(tmp_path, mixer_block("mixer", mixers, channels, sums))
    for seed, pauses in enumerate([(0, 0), (30, 50), (0, 60), (70, 0)]):
        count = max(40, 6_000 // channels)
        clocks = check(built, mixers, channels, count, pauses, seed)
        if pauses == (0, 0):
            least = max(channels, -(-sizes[-1] // sums), 7 + len(sizes) + (banks > 1))
            assert (clocks == least).all(), clocks


def test_sums_of_the_greatest_values_saturate(tmp_path: Path) -> None:
    """All tables say 1 and all values are the same, so that sums need their last bit."""
    rng = np.random.default_rng(0)
    found = mixer_of(rng, 6, (16,), most_shift=0)
    ones = parts.Tables(found.layers[0].wires, np.ones_like(found.layers[0].table))
    shift = np.array([0, 1, 2, 3, 4, 16])
    mixers = [
        parts.LutChannelMixer(found.thresholds, (ones,), np.full((16, 6), value), shift)
        for value in (-128, 127)
    ]
    check(build(tmp_path, mixer_block("mixer", mixers, 6)), mixers, 6, 400)


@pytest.mark.parametrize("style", ["luts", pytest.param("constants", marks=pytest.mark.slow)])
def test_the_width_of_a_transformer(style: Style, tmp_path: Path) -> None:
    """Tables as primitives are the same design."""
    rng = np.random.default_rng(1)
    mixers = [mixer_of(rng, 64, (128, 64), fan_in=6, thresholds=4)]
    design = write_design([mixer_block("mixer", mixers, 64, style=style)], tmp_path)
    files = [*design.files, PRIMITIVES] if style == "luts" else design.files
    built = build_stream(tmp_path, design.top, files, 24, 16)
    clocks = check(built, mixers, 64, 400)
    assert (clocks == 64).all()


def test_the_circuit_is_the_tables() -> None:
    rng = np.random.default_rng(2)
    mixer = mixer_of(rng, 10, (30, 20, 11), fan_in=8)
    bits = rng.integers(0, 2, (5000, mixer.bits))
    wanted = bits
    for layer in mixer.layers:
        wanted = layer(wanted)
    circuit = mixer_circuit("tables", mixer)
    equal(evaluate(circuit, bits)["y"], wanted, "bits of the last layer")
    assert circuit.stages == (0, 1, 2)


def test_banks_of_different_sizes_are_refused() -> None:
    rng = np.random.default_rng(0)
    mixers = [mixer_of(rng, 4, (6, size)) for size in (5, 6)]
    with pytest.raises(OutputError, match="agree in last tables"):
        mixer_block("mixer", mixers, 4)
