"""Losses that train the members of an ensemble apart: bagging and boosting."""

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["MemberLoss", "bagging", "boosting", "separate"]

MemberLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Maps the members' shares of the logits (members, batch, classes), the labels, or soft targets
(batch, classes), and the rows' numbers in the train part to a loss."""


def bagging(members: int, rows: int, generator: torch.Generator) -> MemberLoss:
    """Each member learns alone, from a bootstrap sample of its own (Breiman, 1996).

    How often a sample holds a row is a Poisson draw, as of many draws with replacement.
    """
    times = torch.poisson(torch.ones(members, rows), generator).to(torch.uint8)
    return partial(_bagging, times)


def _bagging(times: Tensor, parts: Tensor, y: Tensor, rows: Tensor) -> Tensor:
    # Alone, a member's logits have the deviation that those of all together have.
    alone = math.sqrt(len(parts)) * parts
    losses = [F.cross_entropy(logits, y, reduction="none") for logits in alone]
    return (times[:, rows] * torch.stack(losses)).mean()


def boosting(parts: Tensor, y: Tensor, rows: Tensor) -> Tensor:
    """Each member improves the sum of those before it, which it cannot change.

    Stagewise additive fitting (Friedman, Hastie and Tibshirani, 2000), all stages at once.
    AdaBoost's factors would need multipliers in hardware: here every member counts the same.
    """
    del rows
    before = (parts.cumsum(0) - parts).detach()
    return torch.stack([F.cross_entropy(logits, y) for logits in before + parts]).mean()


def separate(parts: Tensor, y: Tensor, rows: Tensor) -> Tensor:
    """Each member learns alone, from all rows: the sum of their losses (ULEEN)."""
    del rows
    return torch.stack([F.cross_entropy(logits, y) for logits in parts]).sum()
