import numpy as np
from hypothesis import given

from lutra.circuit import Builder, Circuit, Encode, Lut, Words, evaluate_bits, pack_tables
from lutra.passes import observe, reachable

from ..circuit.random_circuits import circuits, samples


@given(circuits())
def test_what_an_input_reads_is_reachable(circuit: Circuit) -> None:
    found = reachable(circuit)
    for number, read in observe(circuit, samples(circuit, 300)).items():
        assert found[number].shape == read.shape
        assert not (read & ~found[number]).any()


def every_input(circuit: Circuit) -> np.ndarray:
    words = circuit.input_words
    values = np.arange(words.low, words.high + 1)
    return np.stack(np.meshgrid(*[values] * circuit.inputs, indexing="ij"), -1).reshape(
        -1, circuit.inputs
    )


def exact(circuit: Circuit) -> bool:
    read, found = observe(circuit, every_input(circuit)), reachable(circuit)
    return all(np.array_equal(found[number], read[number]) for number in read)


def table(wires: list[list[int]], width: int, seed: int, most: int) -> Lut:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, most + 1, (len(wires), 1 << len(wires[0])))
    return Lut(np.asarray(wires), pack_tables(codes, width), "t")


def test_thermometer_bits_ascend_and_codes_may_be_unused() -> None:
    b = Builder(2, 4, signed=True)
    limits = np.asarray([[-20, -3, -3, 5], [-1, 0, 6, 8]])
    t = b.add(Encode(b.inputs, limits, thermometer=True), 4).bits
    c = b.add(Encode(b.inputs, limits[:, :3]), 2).bits
    wires = [[t[0, 0], t[0, 1], t[0, 2], t[0, 3]], [t[0, 3], t[1, 0], t[1, 2], t[0, 1]]]
    wires += [[c[0, 0], c[0, 1], t[1, 1], t[0, 3]], [t[1, 1], c[1, 0], t[1, 1], c[1, 1]]]
    b.output("y", b.add(table(wires, 2, 0, 3), 2))
    assert exact(b.build("thermometer"))


def test_neurons_with_common_inputs_depend_on_each_other() -> None:
    b = Builder(8, 1)
    first = b.add(table([[0, 1, 2], [1, 2, 3], [4, 5, 6], [6, 7, 0]], 2, 1, 2), 2).bits
    second = b.add(table([[*first[0], *first[1]], [*first[2], *first[3]]], 2, 2, 2), 2).bits
    b.output("y", b.add(table([[*second[0], *second[1], 0]], 1, 3, 1), 1))
    circuit = b.build("common")
    assert exact(circuit)
    assert not all(found.all() for found in reachable(circuit).values())


def test_where_too_many_bits_decide_some_entries_stay() -> None:
    b = Builder(20, 1)
    wires = [list(range(start, start + 10)) for start in (0, 5, 10)]
    first = b.add(table(wires, 2, 4, 2), 2).bits
    b.output("y", b.add(table([first.reshape(-1).tolist()], 1, 5, 1), 1))
    circuit = b.build("many")
    found = list(reachable(circuit).values())[1][0]
    codes = np.arange(64)[:, None] >> np.asarray([0, 2, 4]) & 3
    assert np.array_equal(found, (codes < 3).all(axis=1))
    assert evaluate_bits(circuit, np.zeros((1, 20), np.int64)).shape[1] == 1


def test_words_that_are_no_encoders_are_free() -> None:
    b = Builder(1, 3)
    b.output("y", Words(b.add(table([[0, 1, 2]], 1, 0, 1), 1).bits))
    assert exact(b.build("raw"))
