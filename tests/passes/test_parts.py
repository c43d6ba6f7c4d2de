import numpy as np

from lutra.circuit import Builder, Circuit, Compare, Encode, Lut, Sum, evaluate, pack_tables
from lutra.passes import encoder_words, part_names, split, without_argmax, without_encoder


def classifier(second_encoder: bool) -> Circuit:
    r = np.random.default_rng(0)
    b = Builder(4, 5, True, labels=list("abcd"))
    thresholds = np.sort(r.integers(-16, 16, (4, 3)))
    bits = b.add(Encode(b.inputs, thresholds, False, "encoder"), 2).bits.reshape(-1)
    if second_encoder:
        more = b.add(Compare(b.inputs, np.arange(4), "key"), 1).bits.reshape(-1)
        bits = np.concatenate([bits, more, b.inputs.bits[0]])
    for name in ("one", "two"):
        wires = r.choice(bits, (12, 4))
        bits = b.add(Lut(wires, pack_tables(r.integers(0, 2, (12, 16)), 1), name), 1).bits[:, 0]
    weights = np.ones((3, 4), np.int64)
    total = Sum(bits.reshape(3, 4), weights, np.zeros(3, np.int64), 3, False, "popcount")
    b.classify(b.add(total, 3))
    return b.build("classifier")


def test_parts() -> None:
    circuit = classifier(second_encoder=True)
    assert part_names(circuit) == ("encoder", "encoder", "core", "core", "head", "argmax")
    parts = split(circuit)
    assert parts.core
    assert [op.name for op in parts.core.ops] == ["one", "two"]
    assert parts.head
    assert parts.head.inputs == 12
    bare = split(without_argmax(without_encoder(circuit)))
    assert bare.encoder is None
    assert bare.argmax is None


def test_thresholds_of_sums_are_neurons() -> None:
    """As in a binarised network, which has no tables."""
    b = Builder(4, 5, True)
    bits = b.add(Encode(b.inputs, np.zeros((4, 1), np.int64), False, "encoder"), 1).bits
    for name in ("one", "two", "scores"):
        weights, wires = np.ones((4, 4), np.int64), np.tile(bits.reshape(-1), (4, 1))
        total = b.add(Sum(wires, weights, np.zeros(4, np.int64), 3, False, name), 3)
        if name != "scores":
            bits = b.add(Encode(total, np.full((4, 1), 2), False, name), 1).bits
    b.classify(total)
    names = part_names(b.build("binarised"))
    assert names == ("encoder", "core", "core", "core", "core", "head", "argmax")


def test_the_encoder_comes_off() -> None:
    for second in (False, True):
        circuit = classifier(second)
        x = np.random.default_rng(1).integers(-16, 16, (50, 4))
        rest = without_encoder(circuit)
        codes = encoder_words(circuit, x)
        found = evaluate(rest, codes)
        for name, words in evaluate(circuit, x).items():
            np.testing.assert_array_equal(found[name], words)
    single = without_encoder(classifier(second_encoder=False))
    assert (single.inputs, single.input_width, single.input_labels) == (4, 2, tuple("abcd"))
    assert rest.input_width == 1


def test_nothing_to_drop() -> None:
    circuit = without_argmax(without_encoder(classifier(second_encoder=False)))
    assert without_encoder(circuit) is circuit
    assert without_argmax(circuit) is circuit
    assert [output.name for output in circuit.outputs] == ["scores"]
    x = np.zeros((2, 4), np.int64)
    np.testing.assert_array_equal(encoder_words(circuit, x), x)
