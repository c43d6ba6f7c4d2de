"""Models lower to circuits that agree bit for bit, and change nothing on the way."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lutra.circuit import Encode, Lut, evaluate, statistics
from lutra.data import Dataset
from lutra.errors import CircuitError, RecipeError
from lutra.nn import InputEncoder, LearnedEncoder, UniformEncoder
from lutra.recipe import Recipe, load_recipe, parse_recipe
from lutra.train import build

from ..conftest import ROOT


@given(
    st.integers(1, 3),
    st.integers(1, 10),
    st.booleans(),
    st.sampled_from([LearnedEncoder, UniformEncoder]),
    st.integers(0, 2**31),
)
def test_thresholds_equal_the_encoder_on_every_raw_value(
    bits: int, width: int, signed: bool, kind: type[InputEncoder], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    bits = min(bits, width)
    encoder = kind(3, width, signed, bits)
    low = -(1 << (width - 1)) if signed else 0
    raw = torch.arange(low, low + (1 << width)).expand(3, -1)
    if isinstance(encoder, LearnedEncoder):
        with torch.no_grad():
            encoder.norm.weight.uniform_(-2, 2, generator=generator)
            encoder.norm.bias.uniform_(-1, 1, generator=generator)
        encoder(raw[:, torch.randint(0, 1 << width, (20,), generator=generator)])
    thresholds = encoder.thresholds()
    assert encoder.training, "the mode must be as before"
    counted = (raw[:, :, None] >= thresholds[:, None, :]).sum(dim=2)
    encoder.eval()
    assert torch.equal(encoder(raw).codes.long(), counted)


@pytest.mark.parametrize("width", [12, 24])
def test_a_feature_in_a_small_part_of_its_word_uses_all_codes(width: int) -> None:
    draw = torch.Generator().manual_seed(0)
    middle, deviation = 3 << (width - 3), 2.0 ** (width - 10)
    encoder = LearnedEncoder(1, width, False, 2)
    for _ in range(200):
        raw = (middle + deviation * torch.randn(1, 500, generator=draw)).round().int()
        encoder(raw)
    counts = encoder.eval()(raw).codes.flatten().bincount(minlength=4)
    assert (counts > 40).all()


def test_a_uniform_encoder_cannot_have_more_bits_than_the_word() -> None:
    with pytest.raises(ValueError, match="raw words of 2 bits"):
        UniformEncoder(1, 2, False, 3)


@pytest.mark.parametrize(("encoder", "votes"), [("learned", 1), ("uniform", 1), ("uniform", 3)])
def test_circuit_equals_torch(
    tiny_content: dict[str, Any], encoder: str, votes: int, small_mnist: Dataset
) -> None:
    tiny_content["model"] |= {"encoder": encoder, "votes": votes}
    if votes > 1:
        tiny_content["model"]["hidden_layers"] = [60, 20, 90, 30]
    model = build(parse_recipe(tiny_content), small_mnist, seed=1)
    raw = torch.from_numpy(small_mnist.train.x)
    model(raw)  # one training batch moves every running statistic
    model.levels[2].eval()
    modes = [module.training for module in model.modules()]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    circuit = model.lower("tiny", small_mnist.classes, small_mnist.features)
    found = evaluate(circuit, small_mnist.test.x)
    codes = model.codes(torch.from_numpy(small_mnist.test.x)).numpy()
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(found["scores"], codes)
    assert np.array_equal(found["class"][:, 0], codes.argmax(axis=1))
    assert circuit.output("scores").labels == tuple(str(digit) for digit in range(10))


def test_evaluation_equals_per_sample_evaluation_in_double(
    tiny_recipe: Recipe, small_mnist: Dataset
) -> None:
    model = build(tiny_recipe, small_mnist, seed=2).double()
    raw = torch.from_numpy(small_mnist.train.x)
    model(raw)
    model.eval()
    assert torch.equal(model(raw), model.forward_samples(raw))


def test_a_dense_twin_cannot_be_lowered(tiny_recipe: Recipe, small_mnist: Dataset) -> None:
    encoder = UniformEncoder(784, 8, False, 1)
    dense = tiny_recipe.model.build_dense(encoder, 10, torch.Generator(), hidden=True)
    dense(torch.from_numpy(small_mnist.train.x[:50]))
    with pytest.raises(CircuitError, match="dense twin"):
        dense.lower("dense")


def test_balanced_codes_begin_evenly_used(
    tiny_content: dict[str, Any], small_mnist: Dataset
) -> None:
    raw = torch.from_numpy(small_mnist.train.x)
    shares = []
    for balanced in (False, True):
        tiny_content["model"] |= {"balanced": balanced, "support_bitwidth": 1}
        model = build(parse_recipe(tiny_content), small_mnist, 0)
        flow = model.encoder(raw.T)
        for level in list(model.levels)[:-1]:
            flow = level(flow)
            shares.append((flow.codes.float().mean() - 0.5).abs().item())
    assert max(shares[3:]) < 0.1 < min(shares[:3])


def test_a_network_must_fit_its_classes(tiny_content: dict[str, Any], mnist: Dataset) -> None:
    tiny_content["model"]["hidden_layers"] = [60, 20, 33, 11]
    with pytest.raises(RecipeError, match="11 nodes for 10 classes"):
        build(parse_recipe(tiny_content), mnist, 0)
    tiny_content["model"] |= {"hidden_layers": [60, 20, 60, 20], "votes": 3}
    with pytest.raises(RecipeError, match="20 nodes for 6 classes with 3 votes each"):
        build(parse_recipe(tiny_content), mnist, 0)


def test_the_published_mnist_network_in_numbers(mnist: Dataset) -> None:
    recipe = load_recipe(ROOT / "recipes" / "neuralut-assemble-mnist.toml")
    model = build(recipe, mnist, seed=recipe.train.seed)
    parameters = sum(p.numel() for name, p in model.levels.named_parameters() if "_" in name)
    assert 2.6e6 < parameters < 2.7e6  # the released code stores 263 million
    circuit = model.lower(recipe.name, mnist.classes)
    found = statistics(circuit)
    assert found.lut6_worst_case == 5160
    assert found.tables == 2160 + 360 + 2160 + 360 + 60 + 10
    assert found.levels == 6
    assert [type(op) for op in circuit.ops[:2]] == [Encode, Lut]
    raw = mnist.test.x[:300]
    assert np.array_equal(evaluate(circuit, raw)["scores"], model.codes(torch.from_numpy(raw)))
