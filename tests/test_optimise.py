"""Every kind of optimisation is proven, and what no row shows is still found."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lutra import optimise as module
from lutra.circuit import Circuit, Lut, evaluate
from lutra.data import Dataset, Split
from lutra.errors import ToolError, VerifyError
from lutra.optimise import optimise
from lutra.passes import pipeline, simplify, stage_depth
from lutra.recipe import Recipe, parse_recipe
from lutra.verify import check_equivalent, first_difference, level_cares

from .conftest import TINY, small
from .verify.random_circuits import random_inputs
from .verify.test_equivalence import flipped, network


def recipe(depth: int = 0, **config: Any) -> Recipe:
    hardware = {"register_every": 0, "logic_depth": depth}
    return parse_recipe({**TINY, "optimise": config, "hardware": hardware})


@pytest.fixture(scope="module")
def circuit() -> Circuit:
    return pipeline(simplify(network()), 0)  # whose wires are all different


@pytest.fixture(scope="module")
def data(circuit: Circuit) -> Dataset:
    """Few rows, so that most entries of the circuit's tables are read by none."""
    x = random_inputs(circuit, 6).astype(np.int16)
    split = Split(x, np.zeros(len(x), np.int64))
    return replace(small(), train=split, test=split)


def broken_unseen(change: Callable[..., Circuit], rows: np.ndarray) -> Callable[..., Circuit]:
    """Return a pass with one wrong entry in its result, which shows on none of the rows."""

    def wrong(*arguments: Any) -> Circuit:
        right = change(*arguments)
        for number, op in enumerate(right.ops):
            for entry in range(1 << op.fan_in if isinstance(op, Lut) else 0):
                found = flipped(right, number, 0, entry)
                if not first_difference(evaluate(right, rows), evaluate(found, rows)):
                    return found
        raise AssertionError("every entry shows")

    return wrong


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("area", ["plain", "simplify", "map"])
@pytest.mark.parametrize("dont_cares", ["none", "train"])
def test_what_is_asked_for_comes_proven(
    dont_cares: str, area: str, depth: int, circuit: Circuit, data: Dataset
) -> None:
    said = list[str]()
    found = optimise(circuit, recipe(depth, dont_cares=dont_cares, area=area), data, said.append)
    assert said[-1].startswith("prove") and len(said) == len(set(said))
    assert ("place registers" in said) == bool(depth)
    assert max(found.stages) == 0 or stage_depth(found) < stage_depth(circuit)
    rows = data.train.x
    assert not first_difference(evaluate(circuit, rows), evaluate(found, rows))
    if dont_cares == "none":
        check_equivalent(circuit, found)
    else:
        with pytest.raises(VerifyError, match="differ at"):
            check_equivalent(circuit, found)


@pytest.mark.parametrize(
    ("step", "depth", "config"),
    [
        ("simplify", 0, {"area": "simplify"}),
        ("map_luts", 0, {"area": "map"}),
        ("pack", 0, {"area": "simplify"}),
        ("retime", 1, {}),
        ("without_unread", 0, {"dont_cares": "train"}),
        ("pack", 0, {"dont_cares": "train", "area": "map"}),
    ],
)
def test_what_no_row_shows_is_denied(
    step: str, depth: int, config: dict[str, str], circuit: Circuit, data: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    wrong = broken_unseen(getattr(module, step), data.train.x)
    monkeypatch.setattr(module, step, lambda *arguments, **_: wrong(*arguments))
    with pytest.raises(VerifyError, match="differ at output"):
        optimise(circuit, recipe(depth, **config), data, lambda _: None)
    optimise(circuit, recipe(depth, **config, prove=False), data, lambda _: None)


@pytest.mark.parametrize("area", ["plain", "map"])
def test_operations_are_proven_where_it_matters(
    area: str, circuit: Circuit, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If all entries mattered, what changes those that no row reads would be denied."""

    def all_matter(before: Circuit, cares: dict[int, np.ndarray]) -> Circuit:
        return level_cares(before, {i: np.ones_like(care) for i, care in cares.items()})

    monkeypatch.setattr(module, "level_cares", all_matter)
    with pytest.raises(VerifyError, match="differ at output 'operation"):
        optimise(circuit, recipe(dont_cares="train", area=area), data, lambda _: None)


def test_a_changed_row_is_named(
    circuit: Circuit, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "simplify", lambda of: replace_first(of))
    with pytest.raises(VerifyError, match="tiny: optimisation changed a test row: sample"):
        optimise(circuit, recipe(area="simplify"), data, lambda _: None)


def replace_first(circuit: Circuit) -> Circuit:
    op = circuit.ops[0]
    assert isinstance(op, Lut)
    return replace(circuit, ops=(replace(op, table=~op.table), *circuit.ops[1:]))


def test_a_proof_that_does_not_end_names_the_way_out(
    circuit: Circuit, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def undecided(*_: Any) -> None:
        raise ToolError("ABC could not decide within 600 s")

    monkeypatch.setattr(module, "check_equivalent", undecided)
    with pytest.raises(ToolError, match=r"within 600 s; optimise\.prove = false goes on"):
        optimise(circuit, recipe(area="simplify"), data, lambda _: None)
