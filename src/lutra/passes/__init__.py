"""Circuit -> circuit. No torch here."""

from lutra.passes._cares import observe
from lutra.passes._compress import compress_tables
from lutra.passes._compress_circuit import compress
from lutra.passes._compressed import Compressed
from lutra.passes._drop import encoder_words, without_argmax, without_encoder
from lutra.passes._parts import Parts, part_names, split
from lutra.passes._pipeline import pipeline
from lutra.passes._specialise import specialise
from lutra.passes._unread import without_unread

__all__ = [
    "Compressed",
    "Parts",
    "compress",
    "compress_tables",
    "encoder_words",
    "observe",
    "part_names",
    "pipeline",
    "specialise",
    "split",
    "without_argmax",
    "without_encoder",
    "without_unread",
]
