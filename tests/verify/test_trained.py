"""What every pass makes of trained networks, proven equal to what it was given."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from lutra.circuit import Circuit, Lut, evaluate, evaluate_bits
from lutra.data import Split, load
from lutra.passes import compress, observe, pack, pipeline, reachable, retime, simplify, specialise
from lutra.recipe import parse_recipe
from lutra.tools import map_luts, map_rows
from lutra.train import train
from lutra.verify import counterexamples, first_difference, level_cares, levels

from ..conftest import local

RECIPES = Path(__file__).parents[2] / "recipes"
NETWORKS = ["logicnets-jsc-s", "neuralut-assemble-nid", "dwn-nid", "difflogic-jsc"]


class Trained(NamedTuple):
    """A network and some rows that it was trained on."""

    circuit: Circuit
    x: NDArray[np.integer]


class Case(NamedTuple):
    """What went into a pass and came out, input words on which they agree, and what matters."""

    before: Circuit
    after: Circuit
    x: NDArray[np.integer]
    cares: Circuit | None = None


@cache
def trained(name: str, folder: Path) -> Trained:
    """Train the network of a recipe for two epochs on some rows."""
    content = tomllib.loads((RECIPES / f"{name}.toml").read_text())
    content["train"] |= {"epochs": 2, "batch": 128}
    content["mapping"] |= {"epochs": 1} if "epochs" in content["mapping"] else {}
    if name == "difflogic-jsc":
        content["model"] |= {"residual": False}  # else so few steps leave wires, no gates
    recipe = parse_recipe(content)
    local(recipe.data.name)
    whole = load(recipe.data.name, validation=0.1, width=recipe.data.width, clip=recipe.data.clip)
    part = replace(whole, train=Split(whole.train.x[:4000], whole.train.y[:4000]))
    network = train(recipe, part, 1, folder)
    circuit = network.lower(recipe.name, whole.classes, whole.features)
    return Trained(pipeline(circuit, recipe.hardware.register_every), part.train.x[:1000])


def exact(change: Callable[[Circuit], Circuit]) -> Callable[[Trained], Case]:
    return lambda of: Case(of.circuit, change(of.circuit), of.x)


def read_by_rows(change: Callable[..., Circuit], cut_first: bool) -> Callable[[Trained], Case]:
    """Compare operation by operation, each where some row reads it."""

    def case(of: Trained) -> Case:
        cares, cut = observe(of.circuit, of.x), levels(of.circuit)
        after = change(cut, cares) if cut_first else levels(change(of.circuit, cares))
        x = evaluate_bits(of.circuit, of.x).T.astype(np.int64)
        return Case(cut, after, x, level_cares(of.circuit, cares))

    return case


def mapped_for_rows(of: Trained) -> Case:
    simple, decided, _ = map_rows(of.circuit, of.x)
    x = evaluate_bits(simple, of.x).T.astype(np.int64)
    return Case(levels(simple), levels(decided), x, level_cares(simple, observe(simple, of.x)))


PASSES = {
    "simplify": exact(simplify),
    "pack": exact(lambda circuit: pack(simplify(circuit))),
    "retime": exact(lambda circuit: retime(circuit, 1)),
    "compress": exact(compress),
    "compress, reachable": exact(lambda circuit: compress(circuit, reachable(circuit))),
    "specialise, reachable": exact(lambda circuit: specialise(circuit, reachable(circuit))),
    "map_luts": exact(map_luts),
    "compress, rows": read_by_rows(compress, True),
    "specialise, rows": read_by_rows(specialise, False),
    "map_rows, until all is decided": mapped_for_rows,
    "map_rows, from there": lambda of: Case(*map_rows(of.circuit, of.x)[1:], of.x),
}


def mutant(case: Case) -> Circuit:
    """Return the result with one entry of a table changed, such that it shows on the rows."""
    r, expected = np.random.default_rng(0), evaluate(case.before, case.x)
    tables = [i for i, op in enumerate(case.after.ops) if isinstance(op, Lut) and op.fan_in]
    while True:
        number = tables[r.integers(len(tables))]
        op = case.after.ops[number]
        assert isinstance(op, Lut)
        table = op.table.copy()
        entry = r.integers(1 << op.fan_in)
        table[r.integers(len(table)), r.integers(op.outputs), entry // 8] ^= 1 << entry % 8
        ops = [*case.after.ops]
        ops[number] = replace(op, table=table)
        changed = replace(case.after, ops=tuple(ops))
        if first_difference(expected, evaluate(changed, case.x)):
            return changed


@pytest.mark.parametrize("change", PASSES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_pass_does_the_same_and_a_changed_bit_is_found(
    name: str, change: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    case = PASSES[change](trained(name, tmp_path_factory.getbasetemp() / name))
    assert not first_difference(evaluate(case.before, case.x), evaluate(case.after, case.x))
    right, wrong = counterexamples(case.before, [case.after, mutant(case)], case.cares, 60)
    assert right is None
    assert wrong is not None
