"""A model: input encoder, levels of tables, class scores; and how it lowers to a circuit."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lutra.circuit import Builder, Circuit
from lutra.errors import CircuitError
from lutra.nn._adder import Adder
from lutra.nn._conv_layer import ConvLayer
from lutra.nn._dense import DenseLayer
from lutra.nn._edge_layer import EdgeLayer
from lutra.nn._encoders import InputEncoder
from lutra.nn._head import GroupSum
from lutra.nn._integer_layer import IntegerLayer
from lutra.nn._noise import BitFlips
from lutra.nn._or_pool import OrPool
from lutra.nn._signal import Signal
from lutra.nn._table_domain import operations
from lutra.nn._table_layer import TableLayer
from lutra.nn.functions import TableFunction

__all__ = ["Layer", "LutModel"]

_FIRST_PRICE = 1e-6
"""Loss per LUT6 at the start of a training with a budget."""
_PRICE_RATE = 0.01
"""Relative change of the price per step and relative excess."""

Lowered = TableLayer | Adder | EdgeLayer | IntegerLayer | ConvLayer | OrPool
Layer = Lowered | DenseLayer


class LutModel(nn.Module):
    """Encoder, levels, class head, and a scale from scores to logits.

    The scale is the same for all classes, so it serves the loss alone and never reaches hardware;
    the class is the argmax of the integer scores. (The published scalar bias beside it cancels in
    the softmax.)

    Parameters
    ----------
    encoder
        From raw fixed-point features to codes.
    levels
        Applied one after the other. Dense twins train but cannot be lowered.
    votes
        Nodes of the last level per class and member, see `lutra.nn.GroupSum`.
    members
        Networks of an ensemble, whose nodes per class follow one another.
    budget
        LUT6 that the edge layers are to take, see `penalty`.
    scale, learn_scale
        Logits per unit of `GroupSum`, at the start of training or throughout.
    """

    def __init__(
        self,
        encoder: InputEncoder,
        levels: Sequence[Layer],
        votes: int = 1,
        members: int = 1,
        budget: int | None = None,
        scale: float = 1.0,
        learn_scale: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.levels = nn.ModuleList(levels)
        self.members = members
        self.head = GroupSum(votes * members)
        self.budget = budget
        self.price: Tensor | None
        self.register_buffer("price", torch.tensor(_FIRST_PRICE) if budget else None)
        self.logit_scale = nn.Parameter(torch.tensor(scale), requires_grad=learn_scale)

    def area(self) -> Tensor:
        """Return the LUT6 of the edge layers by their own estimate, with gradient."""
        layers = [level for level in self.levels if isinstance(level, EdgeLayer)]
        inputs = [self.encoder.levels.detach(), *(layer.levels for layer in layers[:-1])]
        pairs = zip(layers, inputs, strict=True)
        return torch.stack([layer.area(levels) for layer, levels in pairs]).sum()

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring the parameters back within their bounds after a step."""
        for part in self.levels.modules():
            if isinstance(part, TableFunction | IntegerLayer):
                part.constrain()

    @property
    def estimated_lut6(self) -> int | None:
        """The same in whole LUT6, where there is a budget."""
        return round(self.area().item()) if self.budget else None

    def penalty(self) -> Tensor | None:
        """Return what is added to the loss: the tables' own penalties, the area's price; or None.

        Called once per training step.
        """
        parts = [m.penalty() for m in self.levels.modules() if isinstance(m, TableFunction)]
        parts.append(self._area_price() if self.budget else None)
        given = [part for part in parts if part is not None]
        return torch.stack(given).sum() if given else None

    def _area_price(self) -> Tensor:
        """Return the price of the edge layers' area, which it moves until the budget is met.

        The price of one LUT6 rises by as much as the area is over the budget and falls by as much
        as it is under it.
        """
        assert self.budget is not None and self.price is not None
        area = self.area()
        excess = max(-1.0, min(1.0, area.item() / self.budget - 1))
        self.price.mul_(math.exp(_PRICE_RATE * excess))
        return self.price.clone() * area

    def features(self) -> list[int]:
        """Return how many features every level can read."""
        found = [self.encoder.outputs]
        for level in list(self.levels)[:-1]:
            assert isinstance(level.neurons, int)
            found.append(level.neurons)
        return found

    def check_wires(self) -> None:
        """Raise ValueError where a level reads a feature that does not exist."""
        for number, (level, features) in enumerate(zip(self.levels, self.features(), strict=True)):
            if isinstance(level, TableLayer | ConvLayer):
                for outside in level.outside(features).tolist():
                    raise ValueError(f"level {number} reads feature {outside} of {features}")

    @property
    def tables_alone(self) -> bool:
        """Whether there are no dense twins."""
        return not any(isinstance(level, DenseLayer) for level in self.levels)

    def forward(self, raw: Tensor, noise: BitFlips | None = None) -> Tensor:
        """Return logits (batch, classes) of raw features (batch, features).

        Parameters
        ----------
        raw
            Fixed-point features.
        noise
            Applied to the codes between levels.
        """
        return self._logits(self.signal(raw, noise))

    def by_member(self, raw: Tensor, noise: BitFlips | None = None) -> Tensor:
        """Return what each member adds to the logits: (members, batch, classes)."""
        values = self.signal(raw, noise).values
        parts = values.unflatten(0, (-1, self.members, self.head.votes // self.members)).sum(2)
        scores = parts / math.sqrt(self.head.votes)
        return self.logit_scale * scores.permute(1, 2, 0)

    def forward_samples(self, raw: Tensor) -> Tensor:
        """Return the same logits by per-sample evaluation of every level: the reference."""
        signal = self.encoder(self.encoder.copied(raw.T))
        for level in self.levels:
            signal = level.forward_samples(signal)  # pyright: ignore[reportCallIssue]
        return self._logits(signal)

    def signal(self, raw: Tensor, noise: BitFlips | None = None) -> Signal:
        """Return the last level's codes and values, feature-major."""
        raw = operations(self.logit_scale).transpose(raw)
        signal = self.encoder(self.encoder.copied(raw))
        for number, level in enumerate(self.levels):
            signal = level(signal if noise is None or not number else noise(signal))
        return signal

    @torch.no_grad()
    def codes(self, raw: Tensor) -> Tensor:
        """Return the integer scores in evaluation mode: (samples, classes), int64.

        The training mode of every sub-module is as before afterwards.
        """
        # Each part enumerates the tables once; a dense twin holds N values per node and sample,
        # a convolution as many codes as it has positions.
        whole = not any(isinstance(level, DenseLayer | ConvLayer) for level in self.levels)
        batch = 8192 if whole else 512
        modes = [(module, module.training) for module in self.modules()]
        self.train(False)
        try:
            parts = [self.head.codes(self.signal(part).codes).T for part in raw.split(batch)]
        finally:
            for module, mode in modes:
                module.training = mode
        return torch.cat(parts)

    @torch.no_grad()
    def lower(
        self, name: str, classes: Sequence[str] = (), features: Sequence[str] = ()
    ) -> Circuit:
        """Return the circuit of the trained model: ``scores`` and ``class``.

        Raises
        ------
        CircuitError
            A level has no tables (the dense phase of learned mapping).
        """
        encoder = self.encoder
        builder = Builder(encoder.inputs, encoder.width, encoder.signed, features)
        first, read = self.levels[0], torch.arange(encoder.outputs)
        if isinstance(first, TableLayer | ConvLayer):
            read = first.read
        words, values = encoder.lower(builder, read.cpu().numpy())
        for number, level in enumerate(self.levels):
            if isinstance(level, DenseLayer):
                raise CircuitError(f"{name}: level {number} has no tables, it is a dense twin")
            assert isinstance(level, Lowered)
            words, values = level.lower(builder, words, values)
        last = self.levels[-1]
        if isinstance(last, TableLayer):
            words = self.head.lower(builder, words, last.quantiser)
        builder.classify(words, classes)
        return builder.build(name)

    def _logits(self, signal: Signal) -> Tensor:
        return (self.logit_scale * self.head(signal.values)).T
