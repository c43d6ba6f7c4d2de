import numpy as np
from hypothesis import given

from lutra.circuit import Builder, Circuit, Code, Lut, Words, evaluate, operands, pack_tables
from lutra.passes import without_unread

from ..circuit.random_circuits import circuits, samples


@given(circuits())
def test_outputs_stay_and_nothing_is_left_unread(circuit: Circuit) -> None:
    found, x = without_unread(circuit), samples(circuit, 50)
    expected, got = evaluate(circuit, x), evaluate(found, x)
    assert expected.keys() == got.keys()
    assert all(np.array_equal(words, got[name]) for name, words in expected.items())
    read = [operands(op) for op in found.ops] + [o.words.bits.ravel() for o in found.outputs]
    bits = np.concatenate([np.zeros(0, np.int64), *read])
    for op, start in zip(found.ops, found.starts, strict=True):
        assert np.isin(np.arange(start, start + op.size), bits).any()
    assert without_unread(found).bits == found.bits


def test_tables_that_only_unread_tables_read_go_too() -> None:
    b = Builder(3, 1)
    table = pack_tables(np.arange(4)[None].repeat(3, 0) % 2, 1)
    first = b.add(Lut(np.asarray([[0, 1], [1, 2], [0, 2]]), table, "first", Code(1)), 1).bits[:, 0]
    wires = np.asarray([first[[0, 1]], first[[1, 2]], first[[1, 2]]])
    second = b.add(Lut(wires, table, "second", Code(3)), 1).bits[:, 0]
    b.add(Lut(wires, table, "third"), 1)
    b.output("y", Words(second[[1]][:, None]))
    one, two = without_unread(b.build("three")).ops
    assert isinstance(one, Lut) and isinstance(two, Lut)
    assert one.wires.tolist() == [[1, 2], [0, 2]] and two.wires.tolist() == [[3, 4]]
    assert (one.code, two.code) == (Code(1), None)
