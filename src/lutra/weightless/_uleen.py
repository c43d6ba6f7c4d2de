"""ULEEN: submodels of Bloom filters that gradients train, as a torch module."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutra.circuit import Circuit
from lutra.data import Dataset
from lutra.nn import BloomFilters, Dropout, ThermometerEncoder, thermometer
from lutra.weightless._config import Uleen
from lutra.weightless._discriminators import Discriminators, Filters
from lutra.weightless._hashing import H3, draw_h3

__all__ = ["UleenModel"]

_BATCH = 1024


class UleenModel(nn.Module):
    """Discriminators of several submodels, whose scores add up.

    Parameters
    ----------
    config
        Shapes.
    data
        The train part places the thresholds.
    seed
        Of order, hashes and initial entries.
    pruned
        Room for the filters that are kept alone, see `prune`.
    """

    estimated_lut6 = None
    budget = None

    def __init__(self, config: Uleen, data: Dataset, seed: int, pruned: bool = False) -> None:
        super().__init__()
        self.temperature = config.temperature
        limits = thermometer(torch.from_numpy(data.train.x), config.thresholds, config.distribution)
        self.encoder = ThermometerEncoder(limits, data.width, data.signed)
        self.hashing: list[H3] = []
        self.parts = nn.ModuleList()
        bits = self.encoder.outputs
        for number, size in enumerate(config.tuple_bits):
            draw = np.random.default_rng([seed, number, size])
            # Every bit is read; the last filter is filled up with bits that others read, too.
            order = np.resize(draw.permutation(bits), (-(-bits // size), size))
            hashing = draw_h3(size, config.address_bits[number], config.hashes, draw)
            words = (1 << np.arange(hashing.address_bits)) @ hashing.masks
            left = len(order) - int(config.prune * len(order)) if pruned else len(order)
            self.hashing.append(hashing)
            self.parts.append(
                BloomFilters(
                    torch.from_numpy(order[:left]),
                    torch.from_numpy(words),
                    hashing.address_bits,
                    len(data.classes),
                    torch.Generator().manual_seed(int(draw.integers(1 << 62))),
                )
            )

    @property
    def filters(self) -> list[BloomFilters]:
        """The submodels."""
        return cast("list[BloomFilters]", list(self.parts))

    def forward(self, raw: Tensor, noise: Dropout | None = None) -> Tensor:
        """Return logits (batch, classes) of raw features (batch, features)."""
        return self.by_member(raw, noise).sum(0)

    def by_member(self, raw: Tensor, noise: Dropout | None = None) -> Tensor:
        """Return every submodel's logits: (submodels, batch, classes)."""
        bits = self.encode(raw)
        return torch.stack([part(bits, noise) for part in self.filters]) / self.temperature

    def encode(self, raw: Tensor) -> Tensor:
        """Return the bits (bits, batch), uint8, of raw rows."""
        return self.encoder(raw.T.contiguous()).codes

    def constrain(self) -> None:
        """Keep entries where their gradients pass."""
        for part in self.filters:
            part.constrain()

    def check_wires(self) -> None:
        """Raise ValueError where a filter reads a bit that does not exist."""
        for number, part in enumerate(self.filters):
            if ((part.order < 0) | (part.order >= self.encoder.outputs)).any():
                raise ValueError(
                    f"submodel {number} reads outside of {self.encoder.outputs} encoded bits"
                )

    @torch.no_grad()
    def prune(self, whole: "UleenModel", raw: Tensor, y: Tensor) -> None:
        """Take over the most useful filters of ``whole``, those of all classes to a tuple at once.

        A filter's use for its class is ``(M - 1)(TPR - FNR) + TNR - FPR`` over the rows (M
        classes); the best class speaks for the tuple. The mean answers of all others join the bias.
        """
        classes = whole.filters[0].entries.shape[2]
        own = F.one_hot(y, classes).double()
        share, rest = own.mean(0).clamp(min=1e-9), (1 - own).mean(0).clamp(min=1e-9)
        weights = ((classes - 1) * own / share - (1 - own) / rest).float() / len(y)
        for part, other in zip(self.filters, whole.filters, strict=True):
            use, mean = torch.zeros(2, len(other.order), classes)
            for rows, given in zip(raw.split(_BATCH), weights.split(_BATCH), strict=True):
                bits = whole.encode(rows)
                use += other.weigh(bits, given)
                mean += other.weigh(bits, torch.full_like(given, 1 / len(y)))
            ranks = use.amax(1).argsort(descending=True, stable=True)
            kept = ranks[: len(part.order)].sort().values
            part.order.copy_(other.order[kept])
            part.entries.copy_(other.entries[kept])
            part.bias.copy_(other.bias + (mean.sum(0) - mean[kept].sum(0)) / 2)

    @torch.no_grad()
    def codes(self, raw: Tensor) -> Tensor:
        """Return the integer scores: (samples, classes), int64."""
        scores = []
        for rows in raw.split(_BATCH):
            bits = self.encode(rows)
            scores.append(torch.stack([part.counts(bits) for part in self.filters]).sum(0))
        return torch.cat(scores) - self._bias().min()

    @torch.no_grad()
    def discriminators(self) -> Discriminators:
        """Return the network as numpy has it."""
        parts, bias = [], self._bias()
        for part, hashing in zip(self.filters, self.hashing, strict=True):
            memories = (part.entries >= 0).permute(2, 0, 1).cpu().numpy()
            kept = np.ones(memories.shape[:2], bool)
            parts.append(Filters(part.order.cpu().numpy(), hashing, memories, kept))
        encoder = self.encoder
        limits = encoder.limits.long().cpu().numpy()
        least = (bias - bias.min()).cpu().numpy()
        return Discriminators(limits, encoder.width, encoder.signed, tuple(parts), least)

    def lower(
        self, name: str, classes: Sequence[str] = (), features: Sequence[str] = ()
    ) -> Circuit:
        """Return the circuit: ``scores`` and ``class``."""
        return self.discriminators().lower(name, classes, features)

    def _bias(self) -> Tensor:
        return torch.stack([part.bias.detach().round().long() for part in self.filters]).sum(0)
