"""Typed results of a run, and how people see them: terminal tables, JSON, an HTML page."""

from lutra.report._accelerator import AcceleratorFigures, BlockArea, BlockClocks
from lutra.report._html import render_html, write_html
from lutra.report._published import CONVENTIONS, Published, published
from lutra.report._results import (
    Accuracy,
    Area,
    CircuitFigures,
    CircuitRow,
    Epoch,
    Machine,
    RunResult,
    Synthesis,
    Training,
    Verification,
    circuit_figures,
    load_result,
    save_result,
)
from lutra.report._terminal import show

__all__ = [
    "CONVENTIONS",
    "AcceleratorFigures",
    "Accuracy",
    "Area",
    "BlockArea",
    "BlockClocks",
    "CircuitFigures",
    "CircuitRow",
    "Epoch",
    "Machine",
    "Published",
    "RunResult",
    "Synthesis",
    "Training",
    "Verification",
    "circuit_figures",
    "load_result",
    "published",
    "render_html",
    "save_result",
    "show",
    "write_html",
]
