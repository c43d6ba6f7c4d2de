from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from lutra.circuit import LUT_INPUTS, Builder, Circuit, Lut, Output, Words, evaluate, pack_tables
from lutra.emit import blif
from lutra.errors import ToolError
from lutra.passes import Table, pipeline, stage_depth, tables_of
from lutra.tools import map_luts, map_rows, run_abc
from lutra.tools._blif import read_blif

from ..circuit.random_circuits import circuits
from ..passes.test_tables import look_up, same_outputs


@given(circuits())
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_outputs_stay_and_tables_fit_a_lut(circuit: Circuit) -> None:
    found = map_luts(circuit)
    assert same_outputs(circuit, found, 200)
    assert all(len(table.wires) <= LUT_INPUTS for table in tables_of(found).values())


def neurons(every: int) -> Circuit:
    """Two levels of sums of 4-bit digits behind a threshold: what networks are made of."""
    b = Builder(8, 4)
    rng = np.random.default_rng(0)
    digits = np.arange(4096)[:, None] >> np.asarray([0, 4, 8]) & 15
    words = b.inputs
    for level, count in enumerate((6, 2)):
        wires = np.stack([words.bits[rng.choice(len(words.bits), 3, False)] for _ in range(count)])
        weights = rng.normal(size=(count, 3))
        values = np.tanh(digits @ weights.T / 8).T
        codes = np.clip((values * 8 + 8).astype(np.int64), 0, 15)
        op = Lut(wires.reshape(count, 12), pack_tables(codes, 4), f"level{level}")
        words = b.add(op, 4)
    b.output("y", words)
    return pipeline(b.build("neurons"), every)


@pytest.mark.parametrize("every", [0, 1])
def test_neurons_become_fewer_luts_than_their_multiplexers(every: int) -> None:
    circuit = neurons(every)
    found = map_luts(circuit, rounds=2)
    assert same_outputs(circuit, found, 5000)
    assert set(found.stages) == set(circuit.stages)
    tables = tables_of(found)
    assert len(tables) < 32 * 40  # of 32 bits; four-way multiplexers alone would make 85 each
    assert map_luts(circuit, rounds=2).bits == found.bits


def test_mapped_tables_are_named_after_what_they_help_make() -> None:
    circuit = neurons(0)
    first = Output("x", Words(np.arange(24)[:, None] + circuit.input_bits))
    found = map_luts(replace(circuit, outputs=(*circuit.outputs, first)))
    for output, name in (("x", "level0"), ("y", "level1")):
        made = set(found.sources(found.output(output).words.bits.reshape(-1)).tolist())
        assert {found.ops[number].name for number in made} - {"constant"} == {name}


def test_what_is_mapped_for_delay_is_less_deep_and_larger() -> None:
    circuit = neurons(0)
    small, fast = (map_luts(circuit, objective=objective) for objective in ("area", "delay"))
    assert same_outputs(circuit, fast, 2000)
    assert stage_depth(fast) < stage_depth(small)
    assert len(tables_of(small)) < len(tables_of(fast))


def test_a_netlist_comes_back_as_it_went() -> None:
    rng = np.random.default_rng(1)
    tables = {
        20 + i: Table(tuple(rng.choice(12, k, False).tolist()), int(rng.integers(1 << (1 << k))), 0)
        for i, k in enumerate((0, 1, 2, 3, 4, 5))
    }
    wide = Table(tuple(range(9)), int.from_bytes(rng.bytes(64), "little"), 0)
    text = blif(tables | {40: wide}, [*tables, 40, 3])
    found = read_blif(text, 50)
    values = dict(enumerate(rng.integers(0, 2, 12).tolist()))
    for bit, (wires, value) in found.items():
        if bit >= 50:
            values[bit] = look_up(Table(wires, value, 0), values)
    for bit, table in (tables | {40: wide}).items():
        assert look_up(Table(*found[bit], 0), values) == look_up(table, values)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (".model m\n.latch a b\n.end\n", ".latch is not understood"),
        (".names a b\n1 2\n", "b has no cube '1 2'"),
        (".names a b\n11 1\n", "b has no cube '11 1'"),
        (".names " + " ".join(f"x{i}" for i in range(18)) + "\n", "x17 has 17 inputs"),
    ],
)
def test_netlists_of_another_kind_are_refused(text: str, problem: str) -> None:
    with pytest.raises(ToolError, match=problem):
        read_blif(text, 10)


def test_covers_are_read_whole() -> None:
    text = (
        "# a comment\n.model m\n.inputs n0 \\\nn1\n.names n0 n1 n2\n1- 0\n-1 0\n.names n2 q\n0 1\n"
    )
    assert read_blif(text, 5) == {2: ((0, 1), 0b0001), 5: ((2,), 0b01)}


def test_a_command_that_abc_does_not_know_is_an_error() -> None:
    with pytest.raises(ToolError, match="unknown command 'no_such'"):
        run_abc(["no_such"], {}, [], 60)
    with pytest.raises(ToolError, match=r"wrote no a\.blif"):
        run_abc(["version"], {}, ["a.blif"], 60)


def test_for_some_rows_alone_fewer_luts_do() -> None:
    circuit = neurons(1)
    rows = np.random.default_rng(2).integers(4, 8, (300, 8))
    found = map_rows(circuit, rows).circuit
    assert np.array_equal(evaluate(found, rows)["y"], evaluate(circuit, rows)["y"])
    assert len(tables_of(found)) < 0.6 * len(tables_of(map_luts(circuit)))
