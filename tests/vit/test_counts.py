"""Counts against published shapes, and against a brute-force walk over small ones."""

import pytest

from lutra.errors import RecipeError
from lutra.vit import (
    PAPER_MIXER,
    TEXT_MIXER,
    Cct,
    LutMixer,
    MlpMixer,
    Operations,
    Precision,
    Vit,
    cct_2_3x2,
    cct_7_3x1,
    cct_7_3x2,
    count,
    deit_tiny,
    total,
)
from lutra.vit._counts import _in_windows

IMAGENET, CIFAR = (3, 224, 224), (3, 32, 32)


@pytest.mark.parametrize(
    ("model", "shape", "classes", "parameters"),
    [
        (deit_tiny(), IMAGENET, 1000, 5_717_416),
        (cct_2_3x2(), CIFAR, 10, 283_723),
        (cct_7_3x1(), CIFAR, 10, 3_760_139),
    ],
    ids=["deit-t", "cct-2/3x2", "cct-7/3x1"],
)
def test_published_parameters(
    model: Vit | Cct, shape: tuple[int, int, int], classes: int, parameters: int
) -> None:
    assert total(count(model, shape, classes)).parameters == parameters


def test_published_products() -> None:
    layers = count(deit_tiny(), IMAGENET, 1000)
    encoders = total(layers, "attention", "mixer")
    assert encoders.macs == 1_224_589_824
    assert encoders.weights == 5_308_416
    assert round(total(count(cct_2_3x2(), CIFAR, 10)).macs / 1e6, 2) == 35.34
    # Published as 1.19 G, by a tool that counts more than products; 1.18 G by their number.
    assert total(count(cct_7_3x1(), CIFAR, 10)).macs == 1_181_616_640
    large = total(count(cct_7_3x2(), CIFAR, 10))
    assert (round(large.parameters / 1e6, 2), round(large.macs / 1e9, 2)) == (3.85, 0.29)
    by_name = {
        name: sum(
            layer.macs for layer in layers if layer.name == name and layer.encoder is not None
        )
        for name in ("qkv", "q.k", "s.v", "projection", "dense 1", "dense 2")
    }
    assert list(by_name.values()) == [
        261_439_488, 89_415_936, 89_415_936, 87_146_496, 348_585_984, 348_585_984,
    ]  # fmt: skip


def test_the_mixer_is_an_eighth_of_the_smallest_cct() -> None:
    layers = count(cct_2_3x2(), CIFAR, 10)
    assert round(100 * total(layers, "mixer").macs / total(layers).macs, 1) == 11.9


@pytest.mark.parametrize(
    ("mixer", "kib", "millions"), [(PAPER_MIXER, 1980.0, 2.507), (TEXT_MIXER, 2034.0, 2.949)]
)
def test_tables_in_place_of_the_mlp(mixer: LutMixer, kib: float, millions: float) -> None:
    found = total(count(deit_tiny(mixer), IMAGENET, 10), "attention", "mixer")
    assert round(found.weight_bits / 8 / 1024, 1) == kib
    assert round(found.weights / 1e6, 3) == millions


def test_a_mixer_of_tables_by_hand() -> None:
    mixer = LutMixer(kind="lut", thresholds=3, tables=[10, 7], fan_in=4, embedding_bits=5)
    precision = Precision(weights=4, activations=6)
    model = Vit(
        family="vit", layers=2, heads=2, dim=8, patch=2, mixer=mixer, precision=precision
    )  # fmt: skip
    layers = count(model, (1, 4, 6), 3)
    tokens = 2 * 3 + 1
    mixers = [layer for layer in layers if layer.block == "mixer"]
    assert [layer.encoder for layer in mixers] == [0] * 4 + [1] * 4
    found = total(mixers[:4])
    assert found.comparisons == tokens * 8 * 3
    assert found.lookups == tokens * (10 + 7)
    assert found.additions == tokens * 8 * (7 + 1)
    assert found.macs == 0
    assert found.weights == (10 + 7) * 16 + 7 * 8
    assert found.parameters == found.weights + 8 * 3
    assert found.weight_bits == (10 + 7) * 16 + 7 * 8 * 5
    assert found.stored_bits == found.weight_bits + 8 * 3 * 6
    fixed = mixer.model_copy(update={"learn_thresholds": False})
    without = total(count(model.model_copy(update={"mixer": fixed}), (1, 4, 6), 3))
    assert without.parameters == total(layers).parameters - 2 * 8 * 3
    assert without.stored_bits == total(layers).stored_bits


def test_stored_bits_by_hand() -> None:
    mixer = MlpMixer(kind="mlp", ratio=0.5)
    model = Vit(
        family="vit", layers=1, heads=1, dim=4, patch=1, mixer=mixer,
        precision=Precision(weights=2),
    )  # fmt: skip
    layers = count(model, (1, 1, 1), 2)
    weights = 1 * 4 + 4 * 12 + 4 * 4 + 4 * 2 + 2 * 4 + 4 * 2
    biases = 4 + 12 + 4 + 2 + 4 + 2
    assert total(layers).weights == weights
    edges = 1 * 4 + 4 * 2  # of patches and head, at any precision
    bits = 2 * (weights - edges) + 8 * edges
    assert total(layers).weight_bits == bits
    assert total(layers).stored_bits == bits + 32 * (biases + 3 * 8) + 16 * (4 + 2 * 4)
    assert total(layers).parameters == weights + biases + 3 * 8 + 4 + 2 * 4


@pytest.mark.parametrize("side", [1, 2, 3, 8, 31, 32])
def test_pooling_compares_what_lies_inside(side: int) -> None:
    outputs = (side + 1) // 2
    inside = sum(0 <= 2 * i + j - 1 < side for i in range(outputs) for j in range(3))
    assert _in_windows(side) == inside


def test_operations_add_up() -> None:
    one = Operations(1, 2, 3, 4)
    assert one + one == one * 2 == Operations(2, 4, 6, 8)
    layers = count(cct_2_3x2(), CIFAR, 10)
    found = total(layers)
    assert found.operations == Operations(
        found.macs, found.macs + found.additions, found.lookups, found.comparisons
    )
    assert total(layers, "mixer").name == "mixer" and found.name == "all"


def test_impossible_shapes_are_errors() -> None:
    with pytest.raises(RecipeError, match="do not divide into patches of 16"):
        count(deit_tiny().model_copy(update={"resize": 0}), (*CIFAR[:2], 30), 10)
    with pytest.raises(RecipeError, match="must be 1 or more"):
        count(cct_2_3x2(), (3, 32, 0), 10)
