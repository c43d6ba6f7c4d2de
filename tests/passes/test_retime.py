from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutra.circuit import Builder, Circuit, Lut, Sum, Words, operands, pack_tables
from lutra.passes import logic_depths, pipeline, register_bits, retime, stage_depth

from ..circuit.random_circuits import circuits
from .test_tables import same_outputs


def as_early_as_can_be(circuit: Circuit, depth: int) -> Circuit:
    """Place whole operations greedily: a second, simpler way."""
    stages, levels = [], []
    for op, own in zip(circuit.ops, logic_depths(circuit), strict=True):
        sources = [s for s in set(circuit.sources(operands(op)).tolist()) if s >= 0]
        stage = max((stages[s] for s in sources), default=0)
        total = own + max((levels[s] for s in sources if stages[s] == stage), default=0)
        alone = total > depth and total > own
        stages.append(stage + alone)
        levels.append(min(own if alone else total, depth))
    return replace(circuit, stages=tuple(stages))


@given(circuits(), st.integers(1, 4))
def test_the_same_function_in_few_stages_of_the_depth(circuit: Circuit, depth: int) -> None:
    found = retime(circuit, depth)
    assert same_outputs(circuit, found)
    assert found.bits == circuit.bits
    assert stage_depth(found) <= max(depth, *logic_depths(circuit), 0)
    plain = as_early_as_can_be(circuit, depth)
    assert stage_depth(plain) <= max(depth, *logic_depths(circuit), 0)
    assert max(found.stages, default=0) <= max(plain.stages, default=0)


def tables(wires: list[list[int]], inputs: int, name: str = "t") -> Circuit:
    """Return a circuit of one table operation per row; the last bits leave."""
    b = Builder(inputs, 1)
    for row in wires:
        codes = np.arange(1 << len(row))[None] % 3 % 2
        bits = b.add(Lut(np.asarray([row]), pack_tables(codes, 1), name), 1).bits
    b.output("y", Words(bits))  # pyright: ignore[reportPossiblyUnboundVariable]
    return b.build("tables")


@st.composite
def small_circuits(draw: st.DrawFn) -> Circuit:
    bits, wires = 3, []
    for _ in range(draw(st.integers(1, 7))):
        wires.append(sorted(draw(st.sets(st.integers(0, bits - 1), min_size=1, max_size=3))))
        bits += 1
    return tables(wires, 3)


@given(small_circuits(), st.integers(1, 3))
def test_no_other_placement_needs_fewer_registers(circuit: Circuit, depth: int) -> None:
    found = retime(circuit, depth)
    earlier = as_early_as_can_be(circuit, depth)
    assert max(found.stages) == max(earlier.stages)
    sources = [circuit.sources(operands(op)) for op in circuit.ops]
    counts = []
    for stages in product(range(max(found.stages) + 1), repeat=len(circuit.ops)):
        reads = [[stages[s] for s in of if s >= 0] for of in sources]
        if all(max(of, default=0) <= own for of, own in zip(reads, stages, strict=True)):
            other = replace(circuit, stages=stages)
            if stage_depth(other) <= depth and max(stages) == max(found.stages):
                counts.append(register_bits(other))
    assert register_bits(found) == min(counts) <= register_bits(earlier)


def test_tables_of_one_operation_part_and_keep_its_name() -> None:
    b = Builder(4, 1)
    first = b.add(Lut(np.asarray([[0, 1]]), pack_tables(np.asarray([[0, 1, 1, 0]]), 1)), 1)
    bit = int(first.bits[0, 0])
    codes = pack_tables(np.asarray([[0, 1, 1, 0], [0, 0, 0, 1]]), 1)
    pair = b.add(Lut(np.asarray([[2, 3], [bit, 2]]), codes, "pair"), 1)
    both = pair.bits.reshape(1, 2)
    b.output("y", b.add(Lut(both.copy(), pack_tables(np.asarray([[0, 1, 1, 0]]), 1), "last"), 1))
    circuit = b.build("parted")
    found = retime(circuit, 1)
    assert [(op.name, stage) for op, stage in zip(found.ops, found.stages, strict=True)] == [
        ("", 0), ("pair", 0), ("pair", 1), ("last", 2)
    ]  # fmt: skip
    assert same_outputs(circuit, found)
    assert (stage_depth(found), stage_depth(circuit)) == (1, 3)
    # Of the pair, the one with time left is looked up early: a bit instead of two.
    assert register_bits(found) == 5


def test_what_has_time_is_made_where_fewest_bits_cross() -> None:
    early = tables([[0, 1, 2], [3], [5], [6], [4, 7]], 4)  # three bits in, one out
    assert retime(early, 1).stages == (0, 0, 1, 2, 3)
    assert register_bits(retime(early, 1)) == 3 + 3
    late = tables([[0], [0], [2], [0, 1, 3]], 1)  # its input waits anyway
    assert retime(late, 1).stages == (0, 1, 1, 2)
    assert register_bits(retime(late, 1)) == register_bits(as_early_as_can_be(late, 1)) - 1 == 5


def test_the_present_stages_are_ignored() -> None:
    circuit = tables([[0, 1], [3, 2], [4]], 3)
    assert retime(pipeline(circuit, 1), 2).stages == retime(circuit, 2).stages == (0, 0, 1)
    assert retime(circuit, 3).stages == (0, 0, 0)


def test_a_deep_operation_has_a_stage_of_its_own() -> None:
    b = Builder(20, 1)
    bits = b.add(Lut(np.arange(20)[:, None], pack_tables(np.tile([1, 0], (20, 1)), 1)), 1).bits
    add = Sum(bits.T.copy(), np.ones((1, 20), np.int64), np.zeros(1, np.int64), 5, False)
    top = b.add(add, 5).bits[:, 2:]
    b.output("y", b.add(Lut(top.copy(), pack_tables(np.arange(8)[None] % 2, 1)), 1))
    found = retime(b.build("deep"), 2)
    assert found.stages == (0, 1, 2)
    assert stage_depth(found) == logic_depths(found)[1] > 2


@pytest.mark.parametrize("depth", [0, -1])
def test_no_levels_at_all(depth: int) -> None:
    with pytest.raises(ValueError, match=f"{depth} LUT levels between registers"):
        retime(tables([[0]], 1), depth)


def test_registers_are_counted_up_to_the_last_reader() -> None:
    circuit = replace(tables([[0], [1, 2], [2, 3]], 2), stages=(0, 1, 3))
    assert register_bits(circuit) == 1 + 3 + 2  # input 1, the first table, the second
    assert register_bits(replace(circuit, stages=(0, 0, 0))) == 0
