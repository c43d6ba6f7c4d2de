"""Circuit -> circuit. No torch here."""

from lutra.passes._drop import encoder_words, without_argmax, without_encoder
from lutra.passes._parts import Parts, part_names, split
from lutra.passes._pipeline import pipeline

__all__ = [
    "Parts",
    "encoder_words",
    "part_names",
    "pipeline",
    "split",
    "without_argmax",
    "without_encoder",
]
