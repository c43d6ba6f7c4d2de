"""AmigoLUT (FPGA 2025, doi 10.1145/3706628.3708874): many small networks whose scores add up.

An ensemble is one network of independent parts: every level holds the members' nodes one member
after the other, and each reads its own member alone. The class layer is ordered by class, so that
the members' nodes of a class are neighbours and its score is their sum; dividing it by their number
would not change the class.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from lutra.nn.families._levels import Level

__all__ = ["Ensemble", "combine", "widen"]


class Ensemble(BaseModel):
    """How many copies of a network make up a model, and how they differ."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    members: Annotated[int, Field(ge=1, le=1 << 10)] = 1
    inputs: Literal["shared", "own"] = "shared"
    """One input encoder for all, or an affine map per feature of its own before each member's."""
    training: Literal["joint", "bagging", "boosting"] = "joint"
    """One loss on the sum; a loss per member on a bootstrap sample; or one per member on what the
    members before it left wrong."""


def widen(levels: Sequence[Level], members: int) -> list[Level]:
    """Return the levels of an ensemble of networks of these."""
    return [replace(level, width=level.width * members) for level in levels]


def combine(
    wiring: Sequence[Sequence[Tensor]], levels: Sequence[Level], first: int, classes: int
) -> list[Tensor]:
    """Join the members' wires, one tensor per level and member, to those of the ensemble.

    Parameters
    ----------
    levels
        A member's.
    first
        How many input features belong to a member alone; 0 where all share them.
    classes
        Outputs of a member.
    """
    offsets = [first, *(level.width for level in levels)]
    result = [
        torch.cat([wires + number * offset for number, wires in enumerate(level)])
        for level, offset in zip(zip(*wiring, strict=True), offsets, strict=False)
    ]
    by_member = result[-1].unflatten(0, (len(wiring), classes, -1))
    result[-1] = by_member.transpose(0, 1).flatten(0, 2)
    return result
