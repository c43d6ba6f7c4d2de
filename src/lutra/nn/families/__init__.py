"""The published families; one file each."""

from typing import Annotated

from pydantic import Field

from lutra.nn.families._direct import DirectModel
from lutra.nn.families._family import FamilyModel, MemberWiring
from lutra.nn.families._fully_connected import FullyConnectedModel
from lutra.nn.families._levels import Level
from lutra.nn.families._quantised import QuantisedModel
from lutra.nn.families.amigolut import Ensemble
from lutra.nn.families.conv_difflogicnet import ConvDiffLogicNet
from lutra.nn.families.difflogicnet import DiffLogicNet
from lutra.nn.families.dwn import Dwn
from lutra.nn.families.finn import Finn
from lutra.nn.families.kan import Kan
from lutra.nn.families.logicnets import LogicNets
from lutra.nn.families.neuralut import NeuraLut
from lutra.nn.families.neuralut_assemble import NeuraLutAssemble
from lutra.nn.families.polylut import PolyLut, PolyLutAdd

__all__ = [
    "ConvDiffLogicNet",
    "DiffLogicNet",
    "DirectModel",
    "Dwn",
    "Ensemble",
    "Family",
    "FamilyModel",
    "Finn",
    "FullyConnectedModel",
    "Kan",
    "Level",
    "LogicNets",
    "MemberWiring",
    "NeuraLut",
    "NeuraLutAssemble",
    "PolyLut",
    "PolyLutAdd",
    "QuantisedModel",
]

Family = Annotated[
    LogicNets
    | PolyLut
    | PolyLutAdd
    | NeuraLut
    | NeuraLutAssemble
    | Kan
    | Finn
    | Dwn
    | DiffLogicNet
    | ConvDiffLogicNet,
    Field(discriminator="family"),
]
"""Any family's parameters; ``family`` tells which."""
