"""What a recipe makes of a trained circuit: smaller, registered, and proven."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, evaluate
from lutra.data import Dataset
from lutra.errors import ToolError, VerifyError
from lutra.passes import observe, pack, retime, simplify, specialise, without_unread
from lutra.recipe import Recipe
from lutra.tools import map_luts, map_rows
from lutra.verify import check_equivalent, first_difference, level_cares, levels

__all__ = ["Say", "optimise"]

Say = Callable[[str], None]
"""Is told, in a few words, what is done next."""


class _Claim(NamedTuple):
    """That two circuits do the same: for every input, or wherever ``cares`` says it matters."""

    before: Circuit
    after: Circuit
    cares: Circuit | None = None


def optimise(circuit: Circuit, recipe: Recipe, data: Dataset, say: Say) -> Circuit:
    """Return what [optimise] and ``hardware.logic_depth`` ask for, compared and proven.

    The outputs of the test rows are compared, or of the train rows where the others' don't-cares
    are used. With ``optimise.prove``, ABC proves every step for all inputs that there can be, but
    the one that uses don't-cares: of that one, that each operation does the same wherever a train
    row reads it, so that all that rows give is the same, operation after operation.

    Parameters
    ----------
    circuit
        As trained, with its stages.
    recipe, data
        What is asked for, and the rows.
    say
        Hears of every step that may take a while.

    Raises
    ------
    VerifyError
        Some row or input gives something else; the message names it.
    ToolError
        ABC is missing or fails, or cannot decide in its time.
    """
    config, depth = recipe.optimise, recipe.hardware.logic_depth
    part = "test" if config.dont_cares == "none" else "train"
    rows = getattr(data, part).x
    claims = list[_Claim]()
    exact = found = circuit
    if config.area == "map":
        say("map to LUTs with ABC")
    match config.dont_cares, config.area:
        case "none", "map":
            found = map_luts(circuit, config.rounds, objective=config.objective)
        case "train", "map":
            mapped = map_rows(circuit, rows, config.rounds, objective=config.objective)
            simple, exact, found = mapped
            claims = [_Claim(circuit, simple), _by_operation(simple, exact, rows)]
        case "train", _:
            say("use what no train row reads")
            exact = specialise(circuit, observe(circuit, rows))
            claims = [_by_operation(circuit, exact, rows)]
            found = without_unread(exact)
        case _:
            pass
    if config.area == "simplify":
        say("simplify")
        found = simplify(found)
    if depth:
        say("place registers")
        found = retime(found, depth)
    if config.area != "plain":
        found = pack(found)
    difference = first_difference(evaluate(circuit, rows), evaluate(found, rows))
    if difference is not None:
        raise VerifyError(f"{recipe.name}: optimisation changed a {part} row: {difference}")
    if config.prove:
        say("prove with ABC that it does the same")
        _prove([*claims, _Claim(exact, found)])
    return found


def _by_operation(before: Circuit, after: Circuit, rows: NDArray[np.integer]) -> _Claim:
    cares = level_cares(before, observe(before, rows))
    return _Claim(levels(before), levels(after), cares)


def _prove(claims: list[_Claim]) -> None:
    try:
        for claim in claims:
            check_equivalent(*claim)
    except ToolError as error:
        raise ToolError(f"{error}; optimise.prove = false goes on without proof") from error
