"""Wiring that changes while the tables train; a checkpoint holds its state.

Both kinds need the gradient h of each sample's table value, which `lutra.nn.TableLayer.observer`
hands out in the backward pass.
"""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from lutra.nn import LutModel, Signal, TableLayer
from lutra.nn._table_domain import Link
from lutra.recipe import MappingConfig, Recipe
from lutra.train._checkpoint import check_shapes

__all__ = ["Regrow", "Rewiring", "Select", "rewiring"]

_WINDOW = 10
"""Steps before a regrowth over which it averages."""
_TABLES_AT_ONCE = 256
"""Whose candidates are drawn: they need a number for every input."""
_SELECT_EVERY = 2
"""Steps between two that selection observes."""


class Rewiring:
    """Changes the wires of some layers of a model during its training.

    Parameters
    ----------
    layers
        The mapped ones.
    features
        How many inputs a neuron of each may choose from: all, or those of its member of an
        ensemble. Tables that share out a neuron's inputs (PolyLUT-Add) choose independently.
    config
        When, and how much.
    """

    def __init__(
        self, layers: dict[str, TableLayer], features: dict[str, int], config: MappingConfig
    ) -> None:
        self.layers, self.features, self.config = layers, features, config
        self.observing = False
        """Whether the backward pass of the step is looked at."""

    def prepare(self, step: int, steps: int) -> None:
        """Say, before step ``step`` of ``steps``, whether to observe it."""
        raise NotImplementedError

    def observed(self) -> list[Tensor]:
        """Return, once, what the backward pass of a part of a batch gave, to be summed over parts.

        Nothing where a step's batch is never divided.
        """
        return []

    def take(self, sums: list[Tensor]) -> None:
        """Take in the sums of what was `observed`."""

    def apply(
        self, step: int, steps: int, optimizer: torch.optim.Optimizer, average: LutModel | None
    ) -> None:
        """Rewire after a step where one is due; ``average`` holds averaged weights."""
        raise NotImplementedError

    def settled(self, steps: int) -> int:
        """Return after how many of ``steps`` averages of the weights begin to mean something."""
        return 0

    def state(self) -> dict[str, Tensor]:
        """Return what a checkpoint must hold, by name."""
        raise NotImplementedError

    def load(self, state: dict[str, Tensor], path: Path) -> None:
        """Go on from the `state` that the checkpoint ``path`` held, or raise CheckpointError."""
        raise NotImplementedError

    def _left(self, step: int, steps: int) -> float:
        """Return the share of the rewiring that is still to come, from 1 to 0."""
        return max(0.0, 1 - step / (self.config.until * steps))

    def _first(self, name: str) -> Tensor:
        """Return the first input that each neuron may choose, (n, 1): no wire leaves its member."""
        wires = self.layers[name].wires[:, :1]
        return wires - wires % self.features[name]

    def _observe(self, watch: Callable[[str, Signal, Tensor, Link], None] | None) -> None:
        self.observing = watch is not None
        for name, layer in self.layers.items():
            layer.observer = None if watch is None else partial(watch, name)


class Regrow(Rewiring):
    """Prune and regrow at exact fan-in, as SparseLUT (arXiv 2503.12829) does: not greedily.

    Every so many steps the neurons whose least important digit matters least give it up for the
    input that would change the loss most, by its gradient, as if it had entered with weight zero.
    A digit matters as much as the table slopes by it, over the samples met, in units of the
    neuron's deviation.
    """

    def __init__(
        self, layers: dict[str, TableLayer], features: dict[str, int], config: MappingConfig
    ) -> None:
        super().__init__(layers, features, config)
        self.sums: dict[str, Tensor] = {}

    def prepare(self, step: int, steps: int) -> None:
        """Observe the window before each regrowth."""
        near = step % self.config.every >= self.config.every - _WINDOW
        self._observe(self._watch if near and self._left(step, steps) else None)

    def _watch(self, name: str, x: Signal, h: Tensor, link: Link) -> None:
        score = (h @ x.values.detach().T).unflatten(1, (-1, self.features[name]))
        member = link.wires[:, 0] // self.features[name]
        self._add(f"{name}.score", score[torch.arange(len(member)), member])
        slopes = link.slopes()[:, :, : link.wires.shape[1]].abs()
        deviation = (link.variance + 1e-5).sqrt()[:, None]
        met = torch.einsum("nef,ne->nf", slopes, link.met(slopes.shape[1]).to(slopes))
        self._add(f"{name}.importance", met / deviation)

    def _add(self, name: str, value: Tensor) -> None:
        self.sums[name] = self.sums[name] + value if name in self.sums else value

    @torch.no_grad()
    def apply(
        self, step: int, steps: int, optimizer: torch.optim.Optimizer, average: LutModel | None
    ) -> None:
        """Exchange one digit of the chosen neurons."""
        if (step + 1) % self.config.every or not self.sums:
            return
        share = self.config.share * 0.5 * (1 - math.cos(math.pi * self._left(step, steps)))
        for name, layer in self.layers.items():
            score, first = self.sums[f"{name}.score"].abs(), self._first(name)
            score = score.scatter(1, layer.wires - first, -1.0)
            least, digit = self.sums[f"{name}.importance"].min(1)
            rows = least.argsort(stable=True)[: int(share * len(least))]
            gain, best = score[rows].max(1)
            rows, best = rows[gain >= 0], best[gain >= 0]  # others read every input already
            layer.wires[rows, digit[rows]] = best + first[rows, 0]
            _forget(layer, rows, digit[rows], optimizer)
            if average is not None:
                other = average.levels[int(name)]
                assert isinstance(other, TableLayer)
                _forget(other, rows, digit[rows])
        self.sums.clear()

    def state(self) -> dict[str, Tensor]:
        """Return the sums of a window under way."""
        return dict(self.sums)

    def load(self, state: dict[str, Tensor], path: Path) -> None:
        """Go on from `state`."""
        shapes = {}
        for name, layer in self.layers.items() if state else ():
            shapes[f"{name}.score"] = (len(layer.wires), self.features[name])
            shapes[f"{name}.importance"] = layer.wires.shape
        check_shapes(state, shapes, path)
        self.sums = dict(state)


class Select(Rewiring):
    """Each digit selects one of its candidates; straight-through, trained with the tables.

    Every candidate has a logit and the greatest is wired (LILogicNet, arXiv 2511.12340; Mommen et
    al., arXiv 2507.06173). A logit's gradient is what the loss would gain if its candidate took the
    digit's place: sum over samples of ``h * P_f * (x_candidate - x_wired)``, P_f being the slope of
    the table by the digit. It is scaled to unit mean square per digit, since the slopes of one
    digit say nothing about another's.
    """

    def __init__(
        self, layers: dict[str, TableLayer], features: dict[str, int], config: MappingConfig,
        shape: tuple[int, int, int] | None, generator: torch.Generator, samples: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(layers, features, config)
        self.samples = samples
        """How many of each part of a batch are observed; None for all."""
        self.gains: dict[str, Tensor] = {}
        self.logits: dict[str, Tensor] = {}
        self.candidates: dict[str, Tensor] = {}
        for name, layer in layers.items():
            n, fan_in = layer.wires.shape
            count = min(config.candidates, features[name])
            first = self._first(name)
            found = []
            for wired in (layer.wires - first)[:, :, None].cpu().split(_TABLES_AT_ONCE):
                order = torch.rand(len(wired), fan_in, features[name], generator=generator)
                if name == "0" and config.start == "local" and shape is not None:
                    order -= self._far(wired, features[name], shape).to(order)
                order.scatter_(2, wired, 2.0)  # the wired one comes first
                found.append(order.topk(count, dim=2).indices)
            self.candidates[name] = torch.cat(found).to(first) + first[:, :, None]
            self.logits[name] = torch.zeros(n, fan_in, count, device=first.device)
            self.logits[name][:, :, 0] = 1.0
        self._rate = 0.0

    def _far(self, wired: Tensor, features: int, shape: tuple[int, int, int]) -> Tensor:
        """Return which bits of planes of pixels lie beyond the window of a digit."""
        bits, (_, height, width) = features // math.prod(shape), shape
        pixel, own = (bit // bits % (height * width) for bit in (torch.arange(features), wired))
        rows = (pixel // width - own // width).abs()
        columns = (pixel % width - own % width).abs()
        return torch.maximum(rows, columns) > self.config.window // 2

    def prepare(self, step: int, steps: int) -> None:
        """Observe every other step until the wiring is fixed."""
        self._rate = self.config.selection_rate * self._left(step, steps)
        due = self._rate and step % _SELECT_EVERY == 0
        self._observe(self._watch if due else None)

    def _watch(self, name: str, x: Signal, h: Tensor, link: Link) -> None:
        seen = slice(self.samples)
        self.gains[name] = link.operations.gains(
            h[:, seen], link.given_slopes(), link.addresses[:, seen].contiguous(),
            x.codes[:, seen], link.wires, self.candidates[name],
        )  # fmt: skip

    def observed(self) -> list[Tensor]:
        """Return the gains of all candidates, layer by layer."""
        found = [self.gains[name] for name in self.layers if name in self.gains]
        self.gains = {}
        return found

    def take(self, sums: list[Tensor]) -> None:
        """Move the logits."""
        for name, gain in zip(self.layers if sums else (), sums, strict=True):
            size = gain.square().mean(2, keepdim=True).sqrt_() + 1e-12
            self.logits[name].addcdiv_(gain, size, value=-self._rate)

    @torch.no_grad()
    def apply(
        self, step: int, steps: int, optimizer: torch.optim.Optimizer, average: LutModel | None
    ) -> None:
        """Wire the greatest logit of each digit, an input once per neuron."""
        if not self._rate or step % _SELECT_EVERY:
            return
        for name, layer in self.layers.items():
            best = self.logits[name].argmax(2, keepdim=True)
            found = self.candidates[name].gather(2, best).squeeze(2)
            ordered = found.sort(dim=1).values
            twice = (ordered[:, 1:] == ordered[:, :-1]).any(1).nonzero().flatten()
            found[twice] = self._apart(name, twice, layer.wires[twice])
            layer.wires.copy_(found)

    def _apart(self, name: str, rows: Tensor, wires: Tensor) -> Tensor:
        """Return wires of neurons two of whose digits want the same input: one digit at a time."""
        logits, candidates = self.logits[name][rows], self.candidates[name][rows]
        for digit in range(wires.shape[1]):
            others = torch.cat([wires[:, :digit], wires[:, digit + 1 :]], dim=1)
            taken = (candidates[:, digit, :, None] == others[:, None]).any(2)
            best = logits[:, digit].masked_fill(taken, -math.inf).argmax(1, keepdim=True)
            wires[:, digit] = candidates[:, digit].gather(1, best).squeeze(1)
        return wires

    def settled(self, steps: int) -> int:
        """Return when the wiring is fixed: a table read elsewhere is another table."""
        return math.ceil(self.config.until * steps)

    def state(self) -> dict[str, Tensor]:
        """Return the logits; the candidates follow from the seed."""
        return self.logits

    def load(self, state: dict[str, Tensor], path: Path) -> None:
        """Go on from `state`."""
        check_shapes(state, {name: logits.shape for name, logits in self.logits.items()}, path)
        self.logits = {name: state[name].to(logits) for name, logits in self.logits.items()}


def rewiring(
    recipe: Recipe,
    model: LutModel,
    shape: tuple[int, int, int] | None,
    generator: torch.Generator,
) -> Rewiring | None:
    """Return what changes the wires of ``model`` during training, None where nothing does.

    ``shape`` is that of the data's images (planes, height, width), where they are images.
    """
    kind = recipe.mapping.method
    if kind not in ("select", "regrow"):
        return None
    layers: dict[str, TableLayer] = {}
    features: dict[str, int] = {}
    for number, (level, before) in enumerate(zip(model.levels, model.features(), strict=True)):
        if isinstance(level, TableLayer) and level.mapped:
            shared = not number and model.encoder.copies == 1
            layers[str(number)] = level
            features[str(number)] = before if shared else before // model.members
    if kind == "regrow":
        return Regrow(layers, features, recipe.mapping)
    return Select(layers, features, recipe.mapping, shape, generator)


def _forget(
    layer: TableLayer,
    rows: Tensor,
    digits: Tensor,
    optimizer: torch.optim.Optimizer | None = None,
) -> None:
    """Let an exchanged digit begin without effect and without the optimizer's memory of it."""
    for parameter, digit in layer.function.by_digit():
        state = {} if optimizer is None else optimizer.state[parameter]
        theirs = digit.to(parameter.device)[digits].expand(len(rows), *parameter.shape[1:])
        for tensor in (parameter.data, *(state[key] for key in state if key != "step")):
            tensor[rows] = tensor[rows].masked_fill(theirs, 0)
