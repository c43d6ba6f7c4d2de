"""Lutra: neural networks whose neurons are lookup tables, turned into verified FPGA hardware."""

__version__ = "0.1.0"
