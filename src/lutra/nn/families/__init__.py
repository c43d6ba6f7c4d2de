"""The published families; one file each."""

from typing import Annotated

from pydantic import Field

from lutra.nn.families._family import FamilyModel, MemberWiring
from lutra.nn.families._levels import Level
from lutra.nn.families.amigolut import Ensemble
from lutra.nn.families.kan import Kan
from lutra.nn.families.logicnets import LogicNets
from lutra.nn.families.neuralut import NeuraLut
from lutra.nn.families.neuralut_assemble import NeuraLutAssemble
from lutra.nn.families.polylut import PolyLut, PolyLutAdd

__all__ = [
    "Ensemble",
    "Family",
    "FamilyModel",
    "Kan",
    "Level",
    "LogicNets",
    "MemberWiring",
    "NeuraLut",
    "NeuraLutAssemble",
    "PolyLut",
    "PolyLutAdd",
]

Family = Annotated[
    LogicNets | PolyLut | PolyLutAdd | NeuraLut | NeuraLutAssemble | Kan,
    Field(discriminator="family"),
]
"""Any family's parameters; ``family`` tells which."""
