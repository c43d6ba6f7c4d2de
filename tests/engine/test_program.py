import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutra.circuit import (
    Circuit,
    Encode,
    Lut,
    Output,
    Sum,
    Words,
    evaluate,
    pack_tables,
)
from lutra.engine import Program, instruction_sets, pack_samples
from lutra.engine import _program as module
from lutra.errors import CircuitError, EngineError
from tests.circuit.random_circuits import circuits, samples

SETS = instruction_sets()
TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def bits(n: int, width: int = 1, signed: bool = False) -> Words:
    return Words(np.arange(n * width).reshape(n, width), signed)


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(expected)
    for name, words in expected.items():
        assert found[name].dtype == np.int64
        np.testing.assert_array_equal(found[name], words)


@pytest.mark.parametrize("name", SETS)
@settings(max_examples=40)
@given(
    circuit=circuits(),
    count=st.integers(0, 700),
    seed=st.integers(0, 99),
    kind=st.sampled_from(TYPES),
)
def test_agrees_with_the_reference(name, circuit, count, seed, kind):
    x = samples(circuit, count, seed)
    info = np.iinfo(kind)
    if x.size and (x.min() < info.min or x.max() > info.max):
        kind = "int64"
    same(Program(circuit, instruction_set=name).run(x.astype(kind)), evaluate(circuit, x))


@pytest.mark.parametrize("name", SETS)
@settings(max_examples=40)
@given(circuit=circuits(), count=st.integers(0, 200))
def test_tables_that_are_looked_up(name, circuit, count):
    x = samples(circuit, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_LUT6_PER_LOOKUP", {name: 0})
        program = Program(circuit, instruction_set=name)
    same(program.run(x), evaluate(circuit, x))


@pytest.mark.parametrize("name", SETS)
def test_random_large_tables_are_looked_up_and_smooth_ones_are_not(name):
    rng = np.random.default_rng(0)
    values = np.stack([rng.integers(0, 16, 4096), np.arange(4096) // 256])
    for number, looked_up in enumerate((1, 0)):
        table = Lut(np.arange(12)[None], pack_tables(values[number : number + 1], 4))
        y = Output("y", Words(12 + np.arange(4)[None]))
        circuit = Circuit("table", 12, 1, (table,), (y,))
        program = Program(circuit, instruction_set=name)
        assert program.lookups == looked_up
        x = rng.integers(0, 2, (5000, 12))
        same(program.run(x), evaluate(circuit, x))


@pytest.mark.parametrize("name", SETS)
@settings(max_examples=20)
@given(circuit=circuits(), count=st.integers(0, 200))
def test_packed_bits(name, circuit, count):
    x = samples(circuit, count)
    program = Program(circuit, instruction_set=name, packed=True)
    same(program.run_packed(pack_samples(x, circuit.input_width), count), evaluate(circuit, x))


def network(layers: int, n: int, fan_in: int, features: int = 100, seed: int = 0) -> Circuit:
    """Layers of random tables, and the sum of the last."""
    rng = np.random.default_rng(seed)
    ops, at, before = [], 0, features
    for _ in range(layers):
        wires = at + rng.integers(0, before, (n, fan_in))
        ops.append(Lut(wires, pack_tables(rng.integers(0, 2, (n, 1 << fan_in)), 1)))
        at, before = at + before, n
    width = n.bit_length() + 4
    weights = rng.integers(-7, 8, (2, n))
    ops.append(Sum(np.tile(at + np.arange(n), (2, 1)), weights, np.array([3, -4]), width, True))
    last = at + n + np.arange(2 * width).reshape(2, width)
    return Circuit("random", features, 1, tuple(ops), (Output("scores", Words(last, True)),))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(
    ("layers", "n", "fan_in"), [(1, 9, 16), (2, 60, 9), (3, 1500, 6), (6, 700, 2)]
)
def test_networks_beyond_registers_and_segments(name, layers, n, fan_in):
    circuit = network(layers, n, fan_in)
    x = samples(circuit, 3001)
    expected = evaluate(circuit, x)
    program = Program(circuit, instruction_set=name)
    for threads in (1, 3):
        same(program.run(x.astype(np.uint8), threads), expected)
    same(program.run(x[:1]), {"scores": expected["scores"][:1]})


@settings(max_examples=30)
@given(data=st.data(), fan_in=st.integers(0, 12), outputs=st.integers(1, 3))
def test_tables_at_every_address(data, fan_in, outputs):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    values = rng.integers(0, 1 << outputs, (1, 1 << fan_in))
    if data.draw(st.booleans()):  # trained tables are often smooth
        values = np.sort(values, axis=1)
    wires = rng.permutation(fan_in)[None]
    table = Lut(wires, pack_tables(values, outputs))
    made = Words(fan_in + np.arange(outputs)[None])
    circuit = Circuit("table", fan_in, 1, (table,), (Output("y", made),))
    x = np.arange(1 << fan_in)[:, None] >> np.arange(fan_in) & 1
    same(Program(circuit).run(x), evaluate(circuit, x))


@pytest.mark.parametrize("width", [1, 7, 8, 12, 16, 31, 32, 33, 62])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("count", [1, 70])
def test_encoders_of_every_width(width, signed, count):
    rng = np.random.default_rng(width)
    words = bits(count, width, signed)
    thresholds = np.sort(rng.integers(words.low, words.high, (count, 3), endpoint=True), axis=1)
    thresholds[0, -1] = words.high + 1
    ops = (Encode(words, thresholds, True), Encode(words, thresholds))
    start = count * width
    outputs = (
        Output("reached", Words(start + np.arange(3 * count)[:, None])),
        Output("code", Words(start + 3 * count + np.arange(2 * count).reshape(count, 2))),
        Output("words", words),
    )
    circuit = Circuit("encoders", count, width, ops, outputs, signed)
    x = rng.integers(words.low, words.high, (200, count), endpoint=True)
    x[0], x[1] = words.low, words.high
    for name in SETS:
        for wanted in (None, ["reached"], ["words", "code"]):
            expected = evaluate(circuit, x)
            found = Program(circuit, wanted, name).run(x)
            same(found, {of: expected[of] for of in wanted or expected})


def test_rows_are_read_where_they_lie():
    circuit = network(1, 20, 4, features=80)
    program, x = Program(circuit), samples(circuit, 300)
    expected = evaluate(circuit, x)
    wide = np.zeros((300, 100), np.int16)
    wide[:, 5:85] = x
    same(program.run(wide[:, 5:85]), expected)
    same(program.run(np.asfortranarray(x)), expected)
    same(program.run(x.astype(">i4")), expected)
    same(program.run(x.astype(bool)), expected)
    same(program.run(x[::-1]), {"scores": expected["scores"][::-1]})
    same(program.run(torch.from_numpy(x)), expected)
    same(program.run(x.tolist()), expected)
    same(program.run(x[:1][::-1]), evaluate(circuit, x[:1]))
    unaligned = np.frombuffer(b"." + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)
    same(program.run(unaligned), expected)
    same(program.run(np.broadcast_to(x[:1], x.shape)), evaluate(circuit, x[:1].repeat(300, 0)))


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "uint64"])
def test_words_out_of_range_are_refused(kind):
    circuit = network(1, 20, 4)
    x = samples(circuit, 600).astype(kind)
    x[77, 3] = 2
    with pytest.raises(ValueError, match=r"input of row 77 lies outside 0\.\.1, which 1 bits hold"):
        Program(circuit).run(x)


@pytest.mark.parametrize("name", [*SETS, "numpy"])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "longdouble"])
@pytest.mark.parametrize(
    ("count", "width", "signed"), [(3, 8, False), (70, 12, True), (90, 32, True)]
)
def test_real_numbers_become_the_nearest_words(monkeypatch, name, kind, count, width, signed):
    if name == "numpy":
        monkeypatch.setattr(module, "native", None)
    circuit = Circuit("real", count, width, (), (Output("y", bits(count, width, signed)),), signed)
    rng = np.random.default_rng(0)
    scale, offset = rng.uniform(0.1, 2, count), rng.normal(size=count)
    x = rng.normal(size=(130, count)) * 2.0 ** rng.integers(0, width, count)
    x[0], x[1], x[2] = -1e4, 6e4, offset + 1.5 * scale
    x = x.clip(-6e4, 6e4).astype(kind)
    words = circuit.input_words
    expected = np.rint((x.astype(np.float64) - offset) / scale).clip(words.low, words.high)
    program = Program(circuit, instruction_set=name, scale=scale, offset=offset)
    same(program.run(x), {"y": expected.astype(np.int64)})
    whole = Program(circuit, instruction_set=name, offset=0)
    expected = np.rint(x.astype(np.float64)).clip(words.low, words.high)
    same(whole.run(x), {"y": expected.astype(np.int64)})
    x[77, 2] = np.nan
    with pytest.raises(ValueError, match="an input of row 77 is not a number"):
        program.run(x)


@pytest.mark.parametrize("name", [*SETS, "numpy"])
@pytest.mark.parametrize(("width", "signed"), [(32, False), (54, False), (60, True), (62, False)])
def test_real_numbers_end_at_the_last_word(monkeypatch, name, width, signed):
    if name == "numpy":
        monkeypatch.setattr(module, "native", None)
    circuit = Circuit("real", 3, width, (), (Output("y", bits(3, width, signed)),), signed)
    words = circuit.input_words
    program = Program(circuit, instruction_set=name, scale=1)
    found = program.run(np.array([[1e300, -np.inf, 2.0], [np.inf, -1e300, 2.0**width]]))
    last = [words.low, words.high]
    assert found["y"].tolist() == [[last[1], last[0], 2], [last[1], last[0], last[1]]]


def test_wrong_scales_are_refused():
    circuit = network(1, 20, 4)
    for wrong in (np.ones(3), np.full(100, np.inf)):
        with pytest.raises(ValueError, match="expected 100 finite numbers"):
            Program(circuit, scale=wrong)
    with pytest.raises(ValueError, match="a scale of 0 says nothing"):
        Program(circuit, scale=0)
    with pytest.raises(ValueError, match="raw fixed-point integers"):
        Program(circuit).run(np.zeros((3, 100)))


@pytest.mark.parametrize("x", [np.zeros((3, 5)), np.zeros(100, int), np.zeros((3, 99), int)])
def test_wrong_inputs_are_refused(x):
    with pytest.raises(ValueError, match="expected"):
        Program(network(1, 20, 4)).run(x)


@pytest.mark.parametrize("name", SETS)
def test_outputs_that_need_little_of_the_circuit(name):
    ops = (Encode(bits(500, 8), np.full((500, 1), 77), True),)
    reached = 4000 + np.arange(500)[:, None]
    outputs = (Output("all", Words(reached)), Output("last", Words(reached[-1:])))
    circuit = Circuit("wide", 500, 8, ops, outputs)
    x = np.random.default_rng(0).integers(0, 256, (70, 500))
    same(Program(circuit, ["last"], name).run(x), {"last": evaluate(circuit, x)["last"]})


def test_packed_bits_are_read_where_they_lie():
    program, x = Program(network(1, 20, 4), packed=True), samples(network(1, 20, 4), 192)
    packed, expected = pack_samples(x), program.run_packed(pack_samples(x), 192)
    strided = np.ndarray((100, 3), np.uint64, np.zeros((100, 25), np.uint8).data, 0, (25, 8))
    strided[:] = packed
    same(program.run_packed(strided, 192), expected)
    same(program.run_packed(packed[::-1][::-1], 192), expected)
    same(program.run_packed(np.asfortranarray(packed), 192), expected)


def test_threads_are_at_least_one():
    program = Program(network(1, 20, 4))
    assert program.run(np.zeros((3, 100), int), 1 << 40)["scores"].shape == (3, 2)
    for threads in (0, -1):
        with pytest.raises(ValueError, match=f"{threads} threads: expected at least 1"):
            program.run(np.zeros((3, 100), int), threads)


def test_packing():
    packed = pack_samples(np.array([[1, 2], [3, -1]] + [[0, 0]] * 70), 2)
    assert packed.tolist() == [[0b11, 0], [0b10, 0], [0b10, 0], [0b11, 0]]


def test_wrong_packed_bits_are_refused():
    program = Program(network(1, 20, 4), packed=True)
    with pytest.raises(ValueError, match=r"expected uint64 of shape \(100, samples / 64\)"):
        program.run_packed(np.zeros((99, 1), np.uint64), 1)
    with pytest.raises(ValueError, match="65 samples are not packed in 1 words"):
        program.run_packed(np.zeros((100, 1), np.uint64), 65)


def test_what_cannot_be_compiled_is_refused():
    circuit = network(1, 20, 4)
    with pytest.raises(EngineError, match=r"'mmx' is not to be had here; use one of: "):
        Program(circuit, instruction_set="mmx")
    with pytest.raises(CircuitError, match="has no output 'class'"):
        Program(circuit, ["class"])


def test_without_native_kernels(monkeypatch):
    monkeypatch.setattr(module, "native", None)
    circuit = network(1, 20, 4)
    x = samples(circuit, 50)
    program = Program(circuit)
    assert instruction_sets() == (program.instruction_set,) == ("numpy",)
    same(program.run(x), evaluate(circuit, x))


def test_is_pickled_as_its_circuit():
    words = bits(2, 8)
    circuit = Circuit("two", 2, 8, (), (Output("first", words), Output("second", words)))
    program = Program(circuit, ["second"], SETS[0], scale=0.5)
    again = pickle.loads(pickle.dumps(program))
    assert (again.outputs, again.instruction_set) == (("second",), SETS[0])
    x = np.random.default_rng(0).uniform(0, 100, (100, 2))
    same(again.run(x), program.run(x))
