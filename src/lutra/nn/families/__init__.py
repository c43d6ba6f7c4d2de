"""The published families; one file each."""

from lutra.nn.families.neuralut_assemble import Level, NeuraLutAssemble

__all__ = ["Level", "NeuraLutAssemble"]
