"""Circuits in software, as fast as the processor's logic allows."""

from lutra.engine._model import Model
from lutra.engine._packed import pack_samples
from lutra.engine._program import Program, instruction_sets

__all__ = ["Model", "Program", "instruction_sets", "pack_samples"]
