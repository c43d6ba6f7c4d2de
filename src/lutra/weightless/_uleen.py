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
from lutra.weightless._tuples import draw_tuples

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
    """

    estimated_lut6 = None
    budget = None

    def __init__(self, config: Uleen, data: Dataset, seed: int) -> None:
        super().__init__()
        self.temperature = config.temperature
        limits = thermometer(torch.from_numpy(data.train.x), config.thresholds, config.distribution)
        self.encoder = ThermometerEncoder(limits, data.width, data.signed)
        self.hashing: list[H3] = []
        self.parts = nn.ModuleList()
        for number, size in enumerate(config.tuple_bits):
            draw = np.random.default_rng([seed, number, size])
            # Every bit is read; the last filter is filled up with bits that others read, too.
            order = draw_tuples(len(limits), config.thresholds, config.window, data.image, draw)
            order = np.resize(order, (-(-len(order) // size), size))
            hashing = draw_h3(size, config.address_bits[number], config.hashes, draw)
            words = (1 << np.arange(hashing.address_bits)) @ hashing.masks
            self.hashing.append(hashing)
            self.parts.append(
                BloomFilters(
                    torch.from_numpy(order),
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

    def problem(self) -> str | None:
        """Return what training cannot have left in a submodel, or None."""
        for number, part in enumerate(self.filters):
            if part.entries.abs().max() > 1:
                return f"submodel {number} has entries beyond -1 and 1"
            if not torch.isin(part.kept, torch.tensor([0.0, 1.0])).all():
                return f"submodel {number} keeps a share of a filter"
            if part.bias.abs().max() > len(part.kept):
                return f"submodel {number} has a bias beyond the count of its filters"
        return None

    @torch.no_grad()
    def prune(self, share: float, raw: Tensor, y: Tensor) -> None:
        """Leave a share of every class's filters out, the least useful ones of each submodel.

        A filter's use is ``TPR - FPR`` over the rows, what the published ``(M - 1)(TP - FN) + TN -
        FP`` is in proportion to where M classes are equally frequent. Mean answers of filters that
        are left out join the bias.
        """
        classes = self.filters[0].entries.shape[2]
        own = F.one_hot(y, classes).double()
        right, wrong = own.mean(0).clamp(min=1e-9), (1 - own).mean(0).clamp(min=1e-9)
        weights = (own / right - (1 - own) / wrong).float() / len(y)
        for part in self.filters:
            use, mean = torch.zeros(2, *part.kept.shape)
            for rows, given in zip(raw.split(_BATCH), weights.split(_BATCH), strict=True):
                bits = self.encode(rows)
                use += part.weigh(bits, given)
                mean += part.weigh(bits, torch.full_like(given, 1 / len(y)))
            out = use.argsort(dim=0, stable=True)[: int(share * len(use))]
            part.kept.scatter_(0, out, 0)
            part.bias.add_(mean.gather(0, out).sum(0) / 2)

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
            kept = part.kept.T.bool().cpu().numpy()
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
