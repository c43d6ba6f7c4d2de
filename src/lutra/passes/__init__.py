"""Circuit -> circuit, and what writers and provers of circuits share. No torch here."""

from lutra.passes._adders import (
    Bit,
    Place,
    add_up,
    columns_of_sum,
    combine,
    is_looked_up,
    joint,
    width_of_sum,
)
from lutra.passes._cares import observe
from lutra.passes._collapse import collapse
from lutra.passes._compress import compress_tables
from lutra.passes._compress_circuit import compress
from lutra.passes._compressed import Compressed
from lutra.passes._drop import encoder_words, without_argmax, without_encoder
from lutra.passes._estimate import estimate_lut6
from lutra.passes._expand import expand, expanded_tables
from lutra.passes._logic_depth import logic_depths, register_bits, stage_depth
from lutra.passes._narrow import narrow
from lutra.passes._neurons import care_tables, compressed_neurons, neurons, ordered
from lutra.passes._pack import pack
from lutra.passes._parts import Parts, part_names, split
from lutra.passes._pipeline import pipeline
from lutra.passes._reachable import reachable
from lutra.passes._retime import retime
from lutra.passes._simplify import read_by_others, simplify
from lutra.passes._specialise import specialise
from lutra.passes._tables import BUFFER, INVERTER, Table, tables_of, with_tables
from lutra.passes._thresholds import takes_top_bits, thresholds_from_least
from lutra.passes._unread import without_unread

__all__ = [
    "BUFFER",
    "INVERTER",
    "Bit",
    "Compressed",
    "Parts",
    "Place",
    "Table",
    "add_up",
    "care_tables",
    "collapse",
    "columns_of_sum",
    "combine",
    "compress",
    "compress_tables",
    "compressed_neurons",
    "encoder_words",
    "estimate_lut6",
    "expand",
    "expanded_tables",
    "is_looked_up",
    "joint",
    "logic_depths",
    "narrow",
    "neurons",
    "observe",
    "ordered",
    "pack",
    "part_names",
    "pipeline",
    "reachable",
    "read_by_others",
    "register_bits",
    "retime",
    "simplify",
    "specialise",
    "split",
    "stage_depth",
    "tables_of",
    "takes_top_bits",
    "thresholds_from_least",
    "width_of_sum",
    "with_tables",
    "without_argmax",
    "without_encoder",
    "without_unread",
]
