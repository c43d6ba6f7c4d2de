"""A figure of ours beside a published one, at the digits that were published."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Literal

__all__ = ["Compared"]


@dataclass(frozen=True)
class Compared:
    """One figure.

    Parameters
    ----------
    paper
        As it was published, which says how many digits count.
    """

    name: str
    ours: float
    paper: str
    unit: str = ""

    @property
    def agreement(self) -> Literal["rounded", "truncated", ""]:
        """How ours gives the published digits: rounded to them, cut off at them, or not at all."""
        exact, paper = Decimal(f"{self.ours:.9g}"), Decimal(self.paper)  # without binary noise
        if exact.quantize(paper, ROUND_HALF_UP) == paper:
            return "rounded"
        return "truncated" if exact.quantize(paper, ROUND_DOWN) == paper else ""

    @property
    def shown(self) -> str:
        """Ours, with a digit more than the published figure where that has decimals."""
        decimals = len(self.paper.partition(".")[2])
        return f"{self.ours:,.{decimals + 1 if decimals else 0}f}"
