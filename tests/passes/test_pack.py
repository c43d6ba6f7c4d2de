"""Pairs of tables in one LUT: the same circuit, and nothing that could be paired left over."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given

from lutra.circuit import Builder, Circuit, Lut, Words, pack_tables
from lutra.passes import pack, pipeline, retime, stage_depth, tables_of

from ..circuit.random_circuits import circuits
from .test_tables import same_outputs


def network(seed: int, levels: int = 2) -> Circuit:
    """Levels of tables of two to six inputs, of which only the last one is read."""
    r = np.random.default_rng(seed)
    b = Builder(8, 1)
    pool = b.inputs.bits.reshape(-1)
    for level in range(levels):
        made = []
        for size in range(2, 7):
            wires = np.stack([r.permutation(pool)[:size] for _ in range(7)])
            codes = r.integers(0, 2, (7, 1 << size))
            made.append(b.add(Lut(wires, pack_tables(codes, 1), f"l{level}_{size}"), 1).bits)
        pool = np.concatenate(made).reshape(-1)
    b.output("y", Words(pool[:, None]))
    return b.build("network")


def sites(circuit: Circuit) -> int:
    """LUTs, where two bits of one address share one."""
    luts = [op for op in circuit.ops if isinstance(op, Lut)]
    return sum(len(op.wires) * (-(-op.outputs // (2 if op.fan_in < 6 else 1))) for op in luts)


@given(circuits())
def test_outputs_stay(circuit: Circuit) -> None:
    found = pack(circuit)
    assert same_outputs(circuit, found)
    assert sites(found) <= sum(op.size for op in circuit.ops if isinstance(op, Lut))


@pytest.mark.parametrize("seed", range(5))
def test_no_pair_is_left_over(seed: int) -> None:
    circuit = network(seed, levels=1)
    found = pack(circuit)
    assert same_outputs(circuit, found)
    single = [op for op in found.ops if isinstance(op, Lut) and op.outputs == 1 and op.fan_in < 6]
    inputs = [frozenset(row) for op in single for row in op.wires.tolist()]
    assert not any(len(a | b) <= 5 for a, b in combinations(inputs, 2))
    assert sites(found) <= 0.75 * sites(circuit)


def test_stages_and_depths_are_kept_apart() -> None:
    circuit = pipeline(network(0, levels=3), 2)
    found = pack(circuit)
    assert same_outputs(circuit, found)
    assert sites(found) < sites(circuit)
    assert max(found.stages) == max(circuit.stages)
    assert len(tables_of(found)) == len(tables_of(circuit))
    assert stage_depth(found) == stage_depth(circuit)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_retimed_circuits_get_no_deeper(depth: int) -> None:
    circuit = retime(network(1, levels=7), depth)
    found = pack(circuit)
    assert same_outputs(circuit, found)
    assert stage_depth(found) == stage_depth(circuit) == depth
    assert sites(found) < sites(circuit)
