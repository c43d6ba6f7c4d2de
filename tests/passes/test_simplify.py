import numpy as np
from hypothesis import given

from lutra.circuit import Builder, Circuit, Lut, Sum, evaluate, pack_tables
from lutra.passes import neurons, pipeline, simplify, tables_of, with_tables

from ..circuit.random_circuits import circuits
from .test_tables import same_outputs


@given(circuits())
def test_outputs_stay(circuit: Circuit) -> None:
    found = simplify(circuit)
    assert same_outputs(circuit, found)
    assert len(tables_of(found)) <= len(tables_of(circuit)) + 2  # constants
    assert simplify(found).bits == found.bits


@given(circuits())
def test_neurons_are_the_same_functions_of_one_address(circuit: Circuit) -> None:
    tables, parts = tables_of(circuit), neurons(tables_of(circuit))
    assert all(len({table.wires for table in part.values()}) == 1 for part in parts)
    whole = {bit: table for part in parts for bit, table in part.items()}
    assert whole.keys() == {bit for bit, table in tables.items() if len(table.wires) > 6}
    assert same_outputs(circuit, with_tables(circuit, tables | whole))


def lut(wires: list[list[int]], codes: list[list[int]]) -> Lut:
    return Lut(np.asarray(wires), pack_tables(np.asarray(codes), 1), "t")


AND, OR, NAND, XOR = [0, 0, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0], [0, 1, 1, 0]


def test_equal_and_inverted_tables_are_there_once() -> None:
    b = Builder(4, 1)
    first = b.add(lut([[0, 1], [1, 0], [0, 1], [2, 3]], [AND, AND, NAND, XOR]), 1).bits[:, 0]
    wires = [[first[0], first[3]], [first[1], first[3]], [first[2], first[3]]]
    second = b.add(lut(wires, [AND, AND, OR]), 1)
    terms = second.bits.reshape(1, -1)
    b.output("y", b.add(Sum(terms, np.ones_like(terms), np.zeros(1, np.int64), 2, False), 2))
    circuit = pipeline(b.build("same"), 1)  # so that nothing is merged
    found = simplify(circuit)
    assert same_outputs(circuit, found)
    # AND, XOR; of the last three, the third is not(AND) or XOR, unlike the others
    assert len(tables_of(found)) == 4


def test_constants_inverters_and_wires_are_absorbed() -> None:
    b = Builder(3, 1)
    first = b.add(lut([[0, 1], [0, 0], [1, 1]], [[1] * 4, NAND, AND]), 1).bits[:, 0]
    b.output("y", b.add(lut([[first[0], first[1]], [first[2], 2]], [AND, XOR]), 1))
    circuit = pipeline(b.build("absorbed"), 1)
    found = tables_of(simplify(circuit))
    assert same_outputs(circuit, simplify(circuit))
    assert sorted((t.wires, t.value) for t in found.values()) == [((0,), 0b01), ((1, 2), 0b0110)]


def chain(stages: int) -> Circuit:
    b = Builder(8, 1)
    pair = b.add(lut([[0, 1]], [XOR]), 1).bits[0, 0]
    for bit in (2, 3):
        pair = b.add(lut([[pair, bit]], [XOR]), 1).bits[0, 0]
    b.output("y", b.add(lut([[pair, 4]], [OR]), 1))
    return pipeline(b.build("chain"), stages)


def test_tables_merge_up_to_six_inputs_within_a_stage() -> None:
    (op,) = simplify(chain(0)).ops
    assert isinstance(op, Lut) and op.wires.tolist() == [[0, 1, 2, 3, 4]]
    assert [op.fan_in for op in simplify(chain(2)).ops if isinstance(op, Lut)] == [3, 3]
    assert simplify(chain(2)).stages == (0, 1)
    assert len(simplify(chain(1)).ops) == 4


def test_a_table_that_others_read_too_is_not_merged() -> None:
    b = Builder(4, 1)
    first = b.add(lut([[0, 1]], [XOR]), 1)
    b.output("x", first)
    b.output("y", b.add(lut([[first.bits[0, 0], 2]], [OR]), 1))
    circuit = b.build("kept")
    assert len(tables_of(simplify(circuit))) == 2
    assert same_outputs(circuit, simplify(circuit))


def test_an_output_that_is_a_constant_stays_one() -> None:
    b = Builder(1, 1)
    b.output("y", b.add(lut([[0], [0]], [[1, 1], [0, 1]]), 1))
    found = simplify(b.build("constant"))
    assert evaluate(found, np.asarray([[0], [1]]))["y"].tolist() == [[1, 0], [1, 1]]
    assert [t.wires for t in tables_of(found).values()] == [()]
