"""A training step of channel mixers: an MLP, our tables, the same in plain torch; one thread.

    lutra bench mixer-step               # writes benchmarks/results/mixer-step.json

The mixers of CCT-2/3x2 on a batch of 128 images, so 8,192 tokens of 128 channels, alone and within
the whole model: forward, backward and an AdamW step, in floating point. The peer computes what ours
does as a DWN in torch is written: addresses by gathering bits, an entry looked up for each sample,
the extended finite difference by gathering from a table of differences that has an entry of each
input and address, all in 32-bit numbers. The median of several rounds, sides in turn; ``ratio`` is
the peer's time by ours, of the mixers alone.

Limits, for each step of one mixer with 8 thresholds and 1,024 tables of six inputs: the MLP
multiplies 3 x 2 x 8192 x 128 x 128 = 805 M times, 25 M cycles of 32 products. The tables'
embedding takes 3 x 8192 x 1024 x 128 = 3.2 G, four times that: bits are numbers where they train.
Besides, thermometers compare 8.4 M times and write as many bytes, and their gradient is 34 MB that
is written and read once; the tables gather 50 M bits forward, and 50 M gradients of 4 bytes
backward, a few M cycles where 16 to 64 of them go at once.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutra.bench import record
from lutra.nn.vision import LutChannelMixer, MlpChannelMixer, VisionTransformer
from lutra.nn.vision._range import Range
from lutra.nn.vision._values import Values
from lutra.vit import LutMixer, MlpMixer, cct_2_3x2

BATCH, TOKENS, DIM, ROUNDS = 128, 64, 128, 7
MLP = MlpMixer(kind="mlp", ratio=1)
LUT = LutMixer(kind="lut", tables=[1024], thresholds=8, fan_in=6, candidates=0)


class Tables(nn.Module):
    """A layer of tables as DWN's code describes it: bits (rows, bits) to bits (rows, tables)."""

    def __init__(self, wires: Tensor, table: Tensor) -> None:
        super().__init__()
        self.wires: Tensor
        self.register_buffer("wires", wires)
        self.table = nn.Parameter(table.detach().clone())
        fan_in = wires.shape[1]
        numbers = torch.arange(1 << fan_in)
        apart = torch.zeros(1 << fan_in, 1 << fan_in)
        for digit in range(fan_in):
            apart += (numbers[:, None] ^ numbers) >> digit & 1
        weight, digits = [], numbers[:, None] >> torch.arange(fan_in) & 1
        for digit in range(fan_in):
            other = apart - ((numbers[:, None] ^ numbers) >> digit & 1)
            weight.append((2 * digits[:, digit] - 1) * 0.5 * 0.75 ** (fan_in - 1) * 3.0**-other)
        self.weight: Tensor
        self.register_buffer("weight", torch.stack(weight))  # (inputs, address, entry)

    def forward(self, bits: Tensor) -> Tensor:
        """Look bits up."""
        found = _Lookup.apply(bits, self.table, self.wires, self.weight)
        assert isinstance(found, Tensor)
        return found

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep the entries within -1 and 1."""
        self.table.clamp_(-1, 1)


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, bits: Tensor, table: Tensor, wires: Tensor, weight: Tensor) -> Tensor:
        powers = 1 << torch.arange(wires.shape[1])
        address = (bits[:, wires].long() * powers).sum(2)
        ctx.save_for_backward(table, wires, weight, address)
        ctx.features = bits.shape[1]
        return (table.gather(1, address.T).T > 0).to(bits)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        table, wires, weight, address = ctx.saved_tensors
        by_table = torch.zeros_like(table).scatter_add_(1, address.T, gradient.T.contiguous())
        slopes = torch.einsum("fae,ne->nfa", weight, table)
        index = address.T[:, None].expand(-1, wires.shape[1], -1)
        felt = slopes.gather(2, index) * gradient.T[:, None]
        by_bits = gradient.new_zeros(ctx.features, len(address))
        by_bits.index_add_(0, wires.flatten(), felt.flatten(0, 1))
        return by_bits.T, by_table, None, None


class _Thermometer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, distance: Tensor) -> Tensor:
        ctx.save_for_backward(distance)
        return (distance >= 0).to(distance)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore
        (distance,) = ctx.saved_tensors
        return gradient * (1 - distance.abs()).clamp_min(0)


class PlainMixer(nn.Module):
    """What a `LutChannelMixer` computes in floating point."""

    def __init__(self, given: LutChannelMixer) -> None:
        super().__init__()
        self.thresholds = nn.Parameter(given.thresholds.detach().clone())
        self.embedding = nn.Parameter(given.embedding.detach().clone())
        self.layers = nn.Sequential()
        for layer, _ in given.features_before():
            entries = next(layer.function.parameters())
            self.layers.append(Tables(layer.wires, entries.view(layer.neurons, -1)))

    def forward(self, values: Values, residual: Values, kept: Tensor | None = None) -> Values:
        """Mix the channels of (batch, tokens, dim) and add them to the residual stream."""
        assert kept is None
        rows = values.x.flatten(0, -2)
        bits = _Thermometer.apply(rows[:, :, None] - self.thresholds)
        assert isinstance(bits, Tensor)
        bits = self.layers(bits.flatten(1))
        return Values(residual.x + (bits @ self.embedding).view(residual.x.shape))


def main() -> int:
    """Time every step, write the figures."""
    torch.set_num_threads(1)
    models, mixers = _models(), _mixers()
    _agree(mixers["lut"], mixers["torch"])
    steps = {f"{name}, alone": _alone(mixer) for name, mixer in mixers.items()}
    steps |= {f"{name}, model": _within(model) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - started)
    found = {name: 1000 * statistics.median(took) for name, took in seconds.items()}
    figures = {
        "ours": found["lut, alone"],
        "peer": found["torch, alone"],
        "ratio": found["torch, alone"] / found["lut, alone"],
        "ratio_model": found["torch, model"] / found["lut, model"],
        "ratio_to_mlp": found["mlp, alone"] / found["lut, alone"],
        "ratio_to_mlp_model": found["mlp, model"] / found["lut, model"],
        "unit": "ms per step",
        "milliseconds": found,
        "spread": {name: 1000 * (max(took) - min(took)) for name, took in seconds.items()},
        "tokens": BATCH * TOKENS,
    }
    record("mixer-step", figures)
    return 0


def _mixers() -> dict[str, nn.Module]:
    draw, stream = torch.Generator().manual_seed(0), Range(stream=True)
    tables = LutChannelMixer(LUT, DIM, stream, generator=draw)
    nn.init.normal_(tables.embedding, std=0.02, generator=draw)  # from nothing it would say nothing
    config = cct_2_3x2(MLP)
    dense = MlpChannelMixer(MLP, DIM, config.precision, stream, draw)
    return {"mlp": dense, "lut": tables, "torch": PlainMixer(tables)}


def _models() -> dict[str, VisionTransformer]:
    made = {}
    for name, mixer in (("mlp", MLP), ("lut", LUT), ("torch", LUT)):
        draw = torch.Generator().manual_seed(0)
        made[name] = VisionTransformer(cct_2_3x2(mixer), (3, 32, 32), 10, draw)
    for encoder in made["torch"].encoders:
        encoder.mixer = PlainMixer(encoder.mixer)  # pyright: ignore
    return made


def _agree(ours: nn.Module, peer: nn.Module) -> None:
    """Stop where the two do not compute the same, gradients included."""
    draw = torch.Generator().manual_seed(1)
    results = []
    x = torch.randn(2, 8, DIM, generator=draw)
    for mixer in (ours, peer):
        given = x.clone().requires_grad_()
        out = mixer(Values(given), Values(x), None).x
        out.square().sum().backward()
        results.append([out.detach(), given.grad])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def _alone(mixer: nn.Module) -> Callable[[], None]:
    draw = torch.Generator().manual_seed(2)
    x = torch.randn(BATCH, TOKENS, DIM, generator=draw, requires_grad=True)
    residual, sent = torch.randn(2, BATCH, TOKENS, DIM, generator=draw)
    return _step(mixer, lambda: (mixer(Values(x), Values(residual), None).x * sent).sum())


def _within(model: VisionTransformer) -> Callable[[], None]:
    draw = torch.Generator().manual_seed(3)
    x = torch.randint(0, 256, (BATCH, 3 * 32 * 32), generator=draw, dtype=torch.uint8)
    y = torch.arange(BATCH) % 10
    return _step(model, lambda: F.cross_entropy(model(x), y))


def _step(module: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, fused=True)
    parts = (part for part in module.modules() if not isinstance(part, VisionTransformer))
    kept = [part for part in parts if callable(getattr(part, "constrain", None))]

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        for part in kept:
            part.constrain()  # pyright: ignore

    step()
    return step


if __name__ == "__main__":
    sys.exit(main())
