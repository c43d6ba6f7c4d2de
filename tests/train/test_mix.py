import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lutra.data import Dataset
from lutra.errors import RecipeError
from lutra.recipe import MixConfig, parse_recipe
from lutra.train import build, train
from lutra.train._mix import mix


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(rows: int, planes: int, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    shape = rows, planes * height * width
    x = torch.randint(256, shape, generator=seeded(1), dtype=torch.uint8)
    return x, torch.randint(7, (rows,), generator=seeded(2))


@given(
    st.tuples(st.integers(1, 9), st.sampled_from([1, 3]), st.integers(1, 9), st.integers(1, 9)),
    st.floats(0, 2),
    st.floats(0, 2),
    st.floats(0, 0.9),
    st.integers(0, 1000),
)
def test_targets_sum_to_1_and_repeat(
    shape: tuple[int, int, int, int], mixup: float, cutmix: float, smoothing: float, seed: int
) -> None:
    x, labels = batch(*shape)
    before = x.clone()
    config = MixConfig(mixup=mixup, cutmix=cutmix)
    found, targets = mix(x, labels, 7, config, smoothing, shape[2:], seeded(seed))
    assert found.shape == x.shape and found.dtype == x.dtype
    assert torch.equal(x, before)
    assert targets.shape == (shape[0], 7)
    assert torch.allclose(targets.sum(1), torch.ones(shape[0]))
    assert targets.min() >= 0
    again = mix(x, labels, 7, config, smoothing, shape[2:], seeded(seed))
    assert torch.equal(found, again[0]) and torch.equal(targets, again[1])


def test_labels_are_smoothed() -> None:
    x, labels = batch(4, 1, 2, 2)
    found, targets = mix(x, labels, 10, MixConfig(), 0.1, None, seeded())
    assert found is x
    assert torch.allclose(targets.gather(1, labels[:, None]), torch.tensor(0.91))
    assert targets.unique().tolist() == pytest.approx([0.01, 0.91])


PAIR = torch.tensor([0, 1, 0, 1])


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("seed", range(20))
def test_a_box_is_as_large_as_its_weight(planes: int, seed: int) -> None:
    x = (PAIR * 255).to(torch.uint8)[:, None].repeat(1, planes * 12 * 16)
    x, targets = mix(x, PAIR, 2, MixConfig(cutmix=1.0), 0.0, (12, 16), seeded(seed))
    assert set(x.unique().tolist()) <= {0, 255}
    assert torch.allclose((x == 255).float().mean(1), targets[:, 1])
    box = (x[0] == 255).view(planes, 12, 16)
    rows, columns = box[0].any(1).sum(), box[0].any(0).sum()
    assert box.sum() == planes * rows * columns


@pytest.mark.parametrize("seed", range(20))
def test_features_are_averaged_by_the_weight(seed: int) -> None:
    x = PAIR.int()[:, None].repeat(1, 5) * 4000 - 1000
    mixed, targets = mix(x, PAIR, 2, MixConfig(mixup=0.8), 0.0, None, seeded(seed))
    assert mixed.dtype == torch.int32
    expected = targets[:, 1:] * 4000 - 1000
    assert (mixed - expected).abs().max() <= 0.51


def test_both_ways_share_the_steps() -> None:
    x = (PAIR * 255).to(torch.uint8)[:, None].repeat(1, 8 * 8)
    config = MixConfig(mixup=1.0, cutmix=1.0)
    found = [mix(x, PAIR, 2, config, 0.0, (8, 8), seeded(seed))[0] for seed in range(400)]
    cut = [bool(((mixed == 0) | (mixed == 255)).all()) for mixed in found]
    assert np.mean(cut) == pytest.approx(0.5, abs=0.08)


def test_what_does_not_fit_is_refused(tiny_content: dict[str, Any], small_mnist: Dataset) -> None:
    plain = Dataset(**{**vars(small_mnist), "image": None})
    wide = Dataset(**{**vars(small_mnist), "width": 9})
    for change, data, message in (
        ({"mix": {"cutmix": 1.0}}, plain, "cutmix cuts images; these are none"),
        ({"augment": {"erase": 0.2}}, plain, "distorts images; these are none"),
        ({"augment": {"rand_operations": 1}}, wide, "of 8 bits; these have 784 .* of 9 bits"),
    ):
        content = {**tiny_content, "train": {**tiny_content["train"], **change}}
        with pytest.raises(RecipeError, match=message):
            build(parse_recipe(content), data, 0)


def test_training_learns_from_soft_targets(
    tiny_content: dict[str, Any], small_mnist: Dataset, tmp_path: Path
) -> None:
    tiny_content["mapping"] = {"method": "local"}
    more = {"mix": {"mixup": 0.8, "cutmix": 1.0}, "label_smoothing": 0.1}
    tiny_content["train"] |= {"epochs": 8, "learning_rate": 2e-2, **more}
    train(parse_recipe(tiny_content), small_mnist, 0, tmp_path)
    log = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < log[0]["loss"]
    assert log[-1]["train_accuracy"] > 25
    assert log[-1]["val_accuracy"] > 45


@pytest.mark.parametrize("training", ["joint", "bagging", "boosting"])
def test_ensembles_take_smoothed_labels(
    training: str, tiny_content: dict[str, Any], small_mnist: Dataset, tmp_path: Path
) -> None:
    tiny_content["model"]["ensemble"] = {"members": 2, "training": training}
    tiny_content["mapping"] = {"method": "random"}
    tiny_content["train"] |= {"epochs": 1, "label_smoothing": 0.1}
    train(parse_recipe(tiny_content), small_mnist, 0, tmp_path)
