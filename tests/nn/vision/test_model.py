"""Transformers in floating point against plain torch, and their parts against references."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call

from lutra.errors import ModelError
from lutra.nn import Signal, TableLayer
from lutra.nn.vision import LutChannelMixer, VisionTransformer
from lutra.nn.vision._linear import Linear
from lutra.nn.vision._nonlinear import whole_unit
from lutra.nn.vision._range import Range
from lutra.nn.vision._values import STEPS, Values, bounds
from lutra.vit import (
    PAPER_MIXER,
    Cct,
    LutMixer,
    MlpMixer,
    Vit,
    cct_2_3x2,
    cct_7_3x1,
    count,
    deit_tiny,
    total,
)
from tests.nn.vision.models import KINDS, build


def plain(model: VisionTransformer, raw: Tensor) -> Tensor:
    """Say in torch's own modules what a transformer with MLPs says."""
    w = dict(model.named_parameters())
    config, dim = model.config, model.config.dim
    x = (raw.view(-1, *model.shape).float() - 128) / 64
    if isinstance(config, Vit):
        kernel = w["tokenizer.projection.linear_weight"].view(dim, -1, config.patch, config.patch)
        x = F.conv2d(x, kernel, w["tokenizer.projection.bias"], config.patch)
    else:
        for number in range(config.convolutions):
            kernel = w[f"tokenizer.convolutions.{number}.linear_weight"]
            x = F.conv2d(x, kernel.view(len(kernel), -1, 3, 3), padding=1)
            x = F.max_pool2d(F.relu(x), 3, 2, 1)
    x = x.flatten(2).transpose(1, 2)
    if isinstance(config, Vit):
        x = torch.cat([w["class_token"].repeat(len(x), 1, 1), x], 1)
    x = x + w["positions"]

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (dim,), w[f"{name}.gain"], w[f"{name}.bias"])

    for number in range(config.layers):
        own = f"encoders.{number}"
        attention = nn.MultiheadAttention(dim, config.heads, batch_first=True)
        state = {
            "in_proj_weight": w[f"{own}.attention.qkv.linear_weight"],
            "in_proj_bias": w.get(f"{own}.attention.qkv.bias", torch.zeros(3 * dim)),
            "out_proj.weight": w[f"{own}.attention.projection.linear_weight"],
            "out_proj.bias": w[f"{own}.attention.projection.bias"],
        }
        normal = norm(x, f"{own}.norm1")
        x = x + functional_call(attention, state, (normal, normal, normal))[0]
        normal = norm(x, f"{own}.norm2")
        x = x if isinstance(config, Vit) else normal
        up, down = (
            (w[f"{own}.mixer.{part}.linear_weight"], w[f"{own}.mixer.{part}.bias"])
            for part in ("up", "down")
        )
        hidden = F.linear(normal, *up)
        x = x + F.linear(hidden * torch.sigmoid(1.702 * hidden), *down)
    x = norm(x, "norm")
    if isinstance(config, Vit):
        x = x[:, 0]
    else:
        importance = F.linear(
            x, w["pooling.importance.linear_weight"], w["pooling.importance.bias"]
        )
        x = (F.softmax(importance, 1) * x).sum(1)
    return F.linear(x, w["head.linear_weight"], w["head.bias"])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", ["vit-mlp-8", "cct-mlp-8"])
def test_floats_are_those_of_plain_torch(kind: str, training: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    model = build(kind, (3, 16, 24))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=draw))
    raw = torch.randint(0, 256, (5, 3 * 16 * 24), generator=draw, dtype=torch.uint8)
    model.train(training)
    found, expected = model(raw), plain(model, raw)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    sent = torch.randn(found.shape, generator=draw)
    parameters = list(model.parameters())
    ours = torch.autograd.grad((found * sent).sum(), parameters)
    theirs = torch.autograd.grad((plain(model, raw) * sent).sum(), parameters)
    for one, other in zip(ours, theirs, strict=True):
        scale = 1 + other.abs().max()
        torch.testing.assert_close(one / scale, other / scale, rtol=1e-3, atol=1e-4)


PUBLISHED: dict[str, tuple[Vit | Cct, int, int]] = {
    "deit-t": (deit_tiny(), 1000, 5_717_416),
    "cct-2/3x2": (cct_2_3x2(), 10, 283_723),
    "cct-7/3x1": (cct_7_3x1(), 10, 3_760_139),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_as_many_as_published(name: str) -> None:
    config, classes, expected = PUBLISHED[name]
    model = VisionTransformer(config, (3, 32, 32), classes)
    assert sum(parameter.numel() for parameter in model.parameters()) == expected
    assert total(count(config, (3, 32, 32), classes)).parameters == expected


def test_a_ratio_is_rounded_to_hidden_channels_as_it_is_counted() -> None:
    config = cct_2_3x2(MlpMixer(kind="mlp", ratio=0.715))  # 91.52 of 128
    model = VisionTransformer(config, (3, 32, 32), 10)
    expected = total(count(config, (3, 32, 32), 10)).parameters
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


@pytest.mark.parametrize("learn", [True, False])
@pytest.mark.parametrize("family", ["vit", "cct"])
def test_parameters_of_tables_are_those_counted(family: str, learn: bool) -> None:
    mixer = PAPER_MIXER.model_copy(update={"learn_thresholds": learn})
    config = deit_tiny(mixer) if family == "vit" else cct_2_3x2(mixer)
    model = VisionTransformer(config, (3, 32, 32), 10)
    trained = [p for p in model.parameters() if p.requires_grad]
    expected = total(count(config, (3, 32, 32), 10)).parameters
    assert sum(parameter.numel() for parameter in trained) == expected


class Step(torch.autograd.Function):
    """A bit, whose slope is a triangle."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor) -> Tensor:
        ctx.save_for_backward(distance)
        return (distance >= 0).to(distance)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore
        (distance,) = ctx.saved_tensors
        return gradient * (1 - distance.abs()).clamp_min(0)


def mixer(seed: int, tables: list[int], **changes: Any) -> LutChannelMixer:
    config = LutMixer(kind="lut", tables=tables, thresholds=4, fan_in=4).model_copy(update=changes)
    draw = torch.Generator().manual_seed(seed)
    found = LutChannelMixer(config, 7, Range(stream=True), generator=draw)
    with torch.no_grad():
        found.thresholds.add_(0.3 * torch.randn(7, 4, generator=draw))
        found.embedding.normal_(std=0.3, generator=draw)
        found.constrain()
    return found


@pytest.mark.parametrize("gradient", ["extended", "difference"])
@pytest.mark.parametrize("tables", [[9], [12, 6], [8, 8, 5]])
def test_gradients_of_tables_are_those_sample_by_sample(tables: list[int], gradient: str) -> None:
    module = mixer(0, tables, gradient=gradient)
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(3, 5, 7, generator=draw, requires_grad=True)
    residual = torch.randn(3, 5, 7, generator=draw, requires_grad=True)
    sent = torch.randn(3, 5, 7, generator=draw)
    names = [name for name, p in module.named_parameters() if p.requires_grad]
    wanted = [x, residual, *(p for p in module.parameters() if p.requires_grad)]
    found = module(Values(x), Values(residual), None).x
    ours = torch.autograd.grad((found * sent).sum(), wanted, allow_unused=True)

    rows = x.view(-1, 7).T
    bits = Step.apply(rows[:, None] - module.thresholds[:, :, None]).flatten(0, 1)
    signal = Signal(bits.to(torch.uint8), module.levels, 1, bits)
    for layer in module.layers:
        assert isinstance(layer, TableLayer)
        signal = layer.forward_samples(signal)
    expected = residual + (signal.values.T @ module.embedding).view(x.shape)
    assert torch.equal(found, expected) or torch.allclose(found, expected, atol=1e-6)
    theirs = torch.autograd.grad((expected * sent).sum(), wanted, allow_unused=True)
    for name, one, other in zip(["x", "residual", *names], ours, theirs, strict=True):
        assert (one is None) == (other is None), name
        if one is not None:
            assert one.abs().max() > 0, name
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=name)


@given(st.integers(0, 1 << 31), st.sampled_from([2, 4, 8]), st.floats(1e-6, 10))
def test_embedding_codes_have_the_least_error(seed: int, bits: int, scale: float) -> None:
    module = mixer(seed, [9])
    module.bits = bits
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        module.embedding.mul_(torch.randn(7, generator=draw).exp())
        module.embedding[:, 0] = 0
    unit = torch.tensor(scale, dtype=torch.float64)
    codes, shift = module.embedding_codes(unit)
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    assert codes.min() >= least and codes.max() <= most and torch.equal(codes, codes.round())
    assert shift.min() >= 0 and shift.max() <= 16 - bits
    real = (module.embedding / unit.float()).detach().double()
    error = (codes.detach().double() * 2.0**shift - real).square().sum(0)
    best = torch.full((7,), math.inf, dtype=torch.float64)
    for power in range(17 - bits):
        trial = (real / 2**power).round().clamp(least, most) * 2**power
        fits = 2**power * most * 4 >= real.abs().amax(0)  # a little saturation at most
        best = torch.where(fits, torch.minimum(best, (trial - real).square().sum(0)), best)
    reachable = best < math.inf
    assert (error[reachable] <= best[reachable] * (1 + 1e-9) + 1e-9).all()


def test_embedding_codes_pass_the_gradient_on() -> None:
    module = mixer(3, [9])
    unit = torch.tensor(0.01, dtype=torch.float64)
    codes, shift = module.embedding_codes(unit)
    (found,) = torch.autograd.grad((codes * 2.0**shift).sum(), module.embedding)
    torch.testing.assert_close(found, torch.full((9, 7), 100.0))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.endswith("8")])
def test_integers_are_near_the_floats(kind: str) -> None:
    draw = torch.Generator().manual_seed(2)
    model = build(kind, (3, 16, 24))
    raw = torch.randint(0, 256, (16, 3 * 16 * 24), generator=draw, dtype=torch.uint8)
    model.train()
    for _ in range(3):
        real = model(raw)
        model.constrain()
    model.quantise()
    model.train(False)
    found = model(raw)
    if "lut" in kind:  # bits at a threshold tip over
        assert np.corrcoef(found.detach().flatten(), real.detach().flatten())[0, 1] > 0.7
    else:
        assert (found - real).abs().max() < 0.1 * real.abs().max()


def test_samples_do_not_depend_on_their_batch() -> None:
    model = build("cct-lut-8", (1, 16, 16))
    raw = torch.randint(0, 256, (300, 256), dtype=torch.uint8)
    model.train()
    model(raw)
    model.constrain()
    model.quantise()
    whole = model.codes(raw)
    assert whole.dtype == torch.int64 and model.training
    assert torch.equal(torch.cat([model.codes(part) for part in raw.split(7)]), whole)
    assert model.codes(raw[:0]).shape == (0, 10)


def test_images_that_no_patches_make_up_are_refused() -> None:
    config = Vit(
        family="vit", layers=1, heads=1, dim=4, patch=5, mixer=MlpMixer(kind="mlp", ratio=1)
    )
    with pytest.raises(ValueError, match="patches of 5"):
        VisionTransformer(config, (1, 28, 28), 10)


def test_images_of_another_size_are_refused() -> None:
    model = build("vit-mlp-8", (1, 14, 14), resize=7)
    raw = torch.zeros(4, 196, dtype=torch.uint8)
    for wrong in (raw.view(8, 98), raw[:, 1:], raw[0], raw.view(4, 1, 14, 14)):
        for say in (model, model.codes, model.resized):
            with pytest.raises(ValueError, match=r"expected \(samples, 196\), 1 planes of 14 x 14"):
                say(wrong)
    assert model.resized(raw).shape == (4, 49)


def test_thresholds_are_the_least_codes() -> None:
    module, scale = mixer(0, [9]), torch.tensor(0.037, dtype=torch.float64)
    q = torch.arange(-128, 128)
    expected = q * scale >= module.thresholds.detach().double()[..., None]
    assert torch.equal(q >= module.threshold_codes(scale)[..., None], expected)


def test_sums_of_more_than_24_bits_are_exact() -> None:
    draw = torch.Generator().manual_seed(0)
    layer = Linear(2000, 6, 8, generator=draw)
    with torch.no_grad():
        layer.linear_weight.abs_().add_(0.1)
    x = torch.randint(100, 128, (9, 2000), generator=draw)
    found = layer(Values(x.float(), torch.tensor(1.0, dtype=torch.float64))).x
    assert found.max() > 1 << 24
    assert torch.equal(found.long(), x @ layer.codes()[0].long().T)


@pytest.mark.parametrize("bits", range(1, 8))
def test_few_bits_lose_least_of_normal_numbers(bits: int) -> None:
    """Other steps lose more, of weights and of activations whose range is that of a million."""
    normal = torch.special.ndtri((torch.arange(1 << 20).double() + 0.5) / (1 << 20))
    least, most = bounds(bits)

    def loss(step: float) -> float:
        codes = (normal / step).round().clamp(least, most)
        if bits == 1:
            codes = normal.sign()
        return (codes * step - normal).square().mean().item()

    own = STEPS[bits - 1]
    least_others = min(loss(0.97 * own), loss(1.03 * own))
    assert loss(own) < least_others
    layer, range_ = Linear(len(normal), 1, bits), Range()
    layer.linear_weight.data[0] = 3 * normal
    _, scale = layer.codes()
    assert loss(scale.item() / 3) < least_others
    range_.peak.fill_(3 * normal.max())
    assert loss(range_.scale(bits).item() / 3) < least_others


def test_a_row_of_zeros_has_a_scale() -> None:
    for bits in (1, 4, 8):
        layer = Linear(5, 3, bits)
        nn.init.zeros_(layer.linear_weight)
        found = layer(Values(torch.ones(2, 5), torch.tensor(1.0, dtype=torch.float64)))
        assert found.x.isfinite().all() and found.scale is not None and (found.scale > 0).all()


@pytest.mark.parametrize("kind", ["vit-mlp-8", "cct-lut-1"])
def test_class_scores_compare_by_their_codes(kind: str) -> None:
    model = build(kind, (1, 14, 14)).train()
    with torch.no_grad():
        model.head.linear_weight *= torch.logspace(-2, 2, 10)[:, None]
    raw = torch.randint(256, (32, 196), dtype=torch.uint8)
    model(raw)
    model.constrain()
    model.quantise()
    codes, real = model.codes(raw), model(raw)
    assert torch.equal(codes.argmax(1), real.argmax(1))
    assert torch.equal(codes.sort().values, codes.gather(1, real.argsort()))


def test_a_unit_is_refused_where_weights_are_damaged() -> None:
    assert [whole_unit(torch.tensor(scale)) for scale in (0.25, 3.0, 1e-9)] == [4, 1, 1 << 16]
    with pytest.raises(ModelError, match="damaged"):
        whole_unit(torch.tensor(math.nan))
