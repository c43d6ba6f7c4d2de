"""Lutra: neural networks whose neurons are lookup tables, turned into verified FPGA hardware."""

from typing import TYPE_CHECKING

from lutra.engine import Model

if TYPE_CHECKING:
    from lutra.estimator import LutClassifier as LutClassifier

__all__ = ["Model", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name != "LutClassifier":
        raise AttributeError(f"module 'lutra' has no attribute {name!r}")
    from lutra.estimator import LutClassifier  # imports torch and scikit-learn

    return LutClassifier
