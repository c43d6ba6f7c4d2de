"""Lutra: neural networks whose neurons are lookup tables, turned into verified FPGA hardware."""

from lutra.engine import Model

__all__ = ["Model", "__version__"]

__version__ = "0.1.0"
