"""LL-ViT's published tables and figures (FPT 2025, arXiv 2511.00812), recomputed."""

from rich.console import Console

from lutra.report.llvit._compared import Compared
from lutra.report.llvit._figures import (
    ratios_by_bits,
    ratios_by_dim,
    ratios_by_side,
    ways_to_mix,
)
from lutra.report.llvit._more_tables import design_table, figure_tables
from lutra.report.llvit._numbers import numbers
from lutra.report.llvit._plots import write_figures
from lutra.report.llvit._tables import matched_table, published_tables

__all__ = [
    "Compared",
    "numbers",
    "ratios_by_bits",
    "ratios_by_dim",
    "ratios_by_side",
    "show",
    "ways_to_mix",
    "write_figures",
]


def show(console: Console) -> None:
    """Write all tables to the terminal."""
    for table in (*published_tables(), matched_table(), *figure_tables(), design_table()):
        console.print(table)
