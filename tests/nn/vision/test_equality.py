"""The transformer that trains in integers says what the integer-only model says, bit for bit."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lutra.data import load
from lutra.nn.vision import VisionTransformer, freeze
from lutra.nn.vision._values import Values
from lutra.vit import (
    PAPER_MIXER,
    LutMixer,
    MlpMixer,
    cct_2_3x2,
    cct_7_3x1,
    deit_tiny,
    save_integer,
)
from tests.conftest import local
from tests.nn.vision.models import KINDS, build, step, trained

MNIST, CIFAR = (1, 28, 28), (3, 32, 32)


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    """A few images of MNIST and their classes."""
    part = load("mnist", validation=5000).train
    return torch.from_numpy(part.x[:24]), torch.from_numpy(part.y[:24])


@pytest.fixture(scope="module")
def photos() -> tuple[Tensor, Tensor]:
    """A few images of CIFAR-10 and their classes."""
    part = load(local("cifar10"), validation=5000).train
    return torch.from_numpy(part.x[:24]), torch.from_numpy(part.y[:24])


@torch.no_grad()
def streams(model: VisionTransformer, x: Tensor) -> list[Tensor]:
    """Return the residual stream in front of the encoders and behind each of them, then scores."""
    found: list[Tensor] = []

    def keep(_module: object, _inputs: object, output: Values) -> None:
        found.append(output.x)

    def keep_input(_module: object, inputs: tuple[Values, ...]) -> None:
        found.append(inputs[0].x)

    hooks = [encoder.register_forward_hook(keep) for encoder in model.encoders]
    hooks.append(model.encoders[0].register_forward_pre_hook(keep_input))
    found.append(model.codes(x))
    for hook in hooks:
        hook.remove()
    return found


def compare(model: VisionTransformer, x: Tensor) -> None:
    """Hold every stage of the simulation against the integer-only model."""
    integer = freeze(model)
    raw = x.numpy()
    stream = integer.embed(raw)
    found = streams(model, x)
    for expected, encoder in zip(found, [*integer.encoders, None], strict=False):
        assert (expected.numpy() == stream).all()
        if encoder is not None:
            stream = encoder(stream)
    scores = integer.scores(raw)
    assert scores.dtype == np.int64 and (scores == found[-1].numpy()).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_model_says_what_its_integers_say(
    kind: str, digits: tuple[Tensor, Tensor], photos: tuple[Tensor, Tensor]
) -> None:
    for (x, y), shape in ((digits, MNIST), (photos, CIFAR)):
        model = trained(kind, x, y, shape)
        compare(model, x)
        assert torch.equal(model(x), model.codes(x) * model.scores(x).scale.float())
        assert kind[-1] != "8" or len(model.codes(x).unique(dim=0)) > 1
        assert len(streams(model, x)[0].unique(dim=0)) == len(x)  # images stay apart as tokens
        expected = model.codes(x)
        model.train()
        assert torch.equal(model.scores(x).x.long(), expected)


@settings(max_examples=60)
@given(st.sampled_from(KINDS), st.integers(0, 2**32 - 1), st.data())
def test_whatever_the_parameters(kind: str, seed: int, data: st.DataObject) -> None:
    shape = (2, 16, 24)
    draw = torch.Generator().manual_seed(seed)
    model = build(kind, shape, 3, seed)
    x = torch.randint(0, 256, (6, 2 * 16 * 24), generator=draw, dtype=torch.uint8)
    x[:2] = torch.tensor([[0], [255]])
    model.train()
    model(x)
    model.constrain()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".function." in name or name.endswith("quantiser.threshold"):
                continue
            factor = data.draw(st.sampled_from([1.0, 0.0, -1.0, 1e-4, 30.0, 1e4]), label=name)
            noise = torch.randn(parameter.shape, generator=draw)
            parameter.mul_(factor).add_(0.1 * factor * noise)
        for name, buffer in model.named_buffers():
            if name.endswith("peak"):
                buffer.mul_(data.draw(st.sampled_from([1.0, 0.0, 1e-3, 1e3]), label=name))
    model.quantise()
    model.train(False)
    compare(model, x)


BACKBONES = {"deit-t": deit_tiny, "cct-2/3x2": cct_2_3x2, "cct-7/3x1": cct_7_3x1}


@pytest.mark.parametrize(
    ("name", "side", "tokens"),
    [
        ("deit-t", 32, 5),
        ("deit-t", 224, 197),
        ("cct-2/3x2", 32, 64),
        ("cct-2/3x2", 224, 3136),
        ("cct-7/3x1", 32, 256),
    ],
)
@pytest.mark.parametrize("mixer", [None, PAPER_MIXER], ids=["mlp", "lut"])
def test_published_backbones(name: str, side: int, tokens: int, mixer: LutMixer | None) -> None:
    fewer = {"layers": 1} if tokens > 1000 else {}
    config = BACKBONES[name](mixer).model_copy(update={"resize": 0, **fewer})
    draw = torch.Generator().manual_seed(0)
    model = VisionTransformer(config, (3, side, side), 10, draw)
    for part in model.mixers():
        nn.init.normal_(part.embedding, std=0.1, generator=draw)
    x = torch.randint(256, (2, 3 * side * side), generator=draw, dtype=torch.uint8)
    model(x)
    model.constrain()
    model.quantise()
    compare(model.train(False), x)
    assert len(model.codes(x).unique(dim=0)) == 2
    assert config.tokens((side, side)) == tokens


def test_positions_beyond_the_range_saturate() -> None:
    model = build("vit-mlp-8", CIFAR)
    model.stream.peak.fill_(1.0)
    with torch.no_grad():
        model.positions.fill_(-3.0)
        assert model.class_token is not None
        model.class_token.fill_(2.5)
    model.quantise()
    x = torch.zeros(2, 3 * 32 * 32, dtype=torch.uint8)
    compare(model.train(False), x)
    assert freeze(model).positions.min() == -(1 << 15)


def test_a_branch_saturates_before_it_is_added() -> None:
    model = build("vit-mlp-8", CIFAR)
    x = torch.randint(0, 256, (4, 3 * 32 * 32), dtype=torch.uint8)
    model.train()
    model(x)
    model.constrain()
    model.stream.peak.fill_(1.0)
    with torch.no_grad():
        model.positions.fill_(-0.9)
        model.encoders[0].attention.projection.bias.fill_(1.5)
        model.encoders[0].mixer.down.bias.fill_(-3.0)
    model.quantise()
    compare(model.train(False), x)


EXTREME: dict[str, dict[str, Any]] = {
    "sums of more than 24 bits": {
        "dim": 64,
        "layers": 1,
        "mixer": MlpMixer(kind="mlp", ratio=16),
    },
    "scores of more than 24 bits": {"dim": 1040, "heads": 1, "layers": 1},
}


@pytest.mark.parametrize("changes", EXTREME.values(), ids=EXTREME)
def test_wide_sums_are_exact(changes: dict[str, Any], photos: tuple[Tensor, Tensor]) -> None:
    x, y = photos[0][:8], photos[1][:8]
    model = build("vit-mlp-8", CIFAR, **changes)
    step(model, x, y, 1)
    for encoder in model.encoders:
        with torch.no_grad():  # nearly all codes are the greatest there are
            encoder.attention.qkv.bias[: -changes["dim"]].fill_(50.0)
            encoder.mixer.up.bias.fill_(50.0)
        encoder.attention.qkv_codes.range.peak.fill_(1.0)
        encoder.mixer.hidden.range.peak.fill_(1.0)
        encoder.mixer.activated.range.peak.fill_(1.0)
    model.quantise()
    compare(model.train(False), x)
    step(model, x, y, 1)
    compare(model.train(False), x)


def test_images_are_resized_before_the_integers(photos: tuple[Tensor, Tensor]) -> None:
    x, y = photos[0][:8], photos[1][:8]
    model = build("vit-lut-8", CIFAR, resize=16)
    step(model, x, y, 1)
    model.quantise()
    small = F.interpolate(x.view(-1, *CIFAR).double(), (16, 16), mode="bilinear").round()
    found = freeze(model).scores(small.to(torch.uint8).flatten(1).numpy())
    assert (found == model.codes(x).numpy()).all()


def test_the_state_holds_all_ranges(photos: tuple[Tensor, Tensor]) -> None:
    for kind in ("vit-lut-8", "cct-mlp-4"):
        model = trained(kind, *photos, CIFAR)
        other = build(kind, CIFAR, seed=1).train(False)
        assert not other.quantised
        other.load_state_dict(model.state_dict())
        assert other.quantised and torch.equal(other.codes(photos[0]), model.codes(photos[0]))
        assert (freeze(other).scores(photos[0].numpy()) == model.codes(photos[0]).numpy()).all()


def test_a_fresh_process_says_the_same(photos: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    x = photos[0].numpy()
    kinds = ("vit-lut-8", "cct-mlp-4")
    for kind in kinds:
        model = freeze(trained(kind, *photos, CIFAR))
        save_integer(model, tmp_path / f"{kind}.safetensors")
        np.save(tmp_path / f"{kind}.npy", model.scores(x))
    np.save(tmp_path / "x.npy", x)
    script = """if True:
        import sys, numpy, pathlib
        from lutra.vit import load_integer
        assert "torch" not in sys.modules
        folder = pathlib.Path(sys.argv[1])
        for kind in sys.argv[2:]:
            model = load_integer(folder / f"{kind}.safetensors")
            found = model.scores(numpy.load(folder / "x.npy"))
            assert (found == numpy.load(folder / f"{kind}.npy")).all(), kind
    """
    subprocess.run([sys.executable, "-c", script, os.fspath(tmp_path), *kinds], check=True)


def test_a_model_of_floats_has_no_integers() -> None:
    with pytest.raises(ValueError, match="quantise it first"):
        freeze(build("vit-mlp-8", CIFAR))
