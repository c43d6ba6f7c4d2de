"""Teachers of vision transformers see the very batches that are trained on."""

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from lutra.data import Dataset
from lutra.errors import RecipeError
from lutra.files import sha256
from lutra.nn import Teacher
from lutra.recipe import DistillConfig, load_recipe, parse_recipe
from lutra.train import check, restore, train
from lutra.train._distributed import Shards
from lutra.train._loop import Batch, Phase, _gradients, _loss
from lutra.train._online import teacher_sha256

from ..conftest import ROOT
from .vision import few, tiny_transformer, weights

TEACHER = 'name = "teacher"\n[model]\nfamily = "vit"\nlayers = 1\nheads = 1\ndim = 8\npatch = 7\n'
TEACHER += 'mixer = { kind = "mlp" }\nquantised_epochs = 1\n[train]\nepochs = 1\nbatch = 64\n'


@pytest.fixture(scope="module")
def data() -> Dataset:
    return few()


@pytest.fixture(scope="module")
def taught(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of `TEACHER`."""
    folder = tmp_path_factory.mktemp("teacher")
    train(parse_recipe(tomllib.loads(TEACHER)), data, 0, folder)
    record(folder, data.sha256)
    return folder


def record(folder: Path, sha256: str, text: str = TEACHER) -> None:
    found = {"recipe_text": text, "dataset": "mnist", "dataset_sha256": sha256}
    (folder / "result.json").write_text(json.dumps(found))


def test_hard_distillation_takes_a_teacher_at_its_word() -> None:
    draw = torch.Generator().manual_seed(0)
    logits, said = (torch.randn(6, 4, generator=draw) for _ in range(2))
    targets = torch.tensor([0, 1, 2, 3, 0, 1])
    own, others = F.cross_entropy(logits, targets), F.cross_entropy(logits, said.argmax(1))
    hard = DistillConfig(weight=0.25, kind="hard")
    torch.testing.assert_close(_loss(logits, targets, said, hard), 0.75 * own + 0.25 * others)
    assert torch.equal(_loss(logits, targets, None, hard), own)
    soft = DistillConfig(weight=1.0, temperature=2.0)
    assert _loss(said, targets, said, soft).abs() < 1e-6


def test_a_teacher_sees_each_shard_of_the_mixed_batch() -> None:
    seen: list[torch.Tensor] = []

    def teacher(raw: torch.Tensor) -> torch.Tensor:
        seen.append(raw)
        return torch.zeros(len(raw), 3)

    config = parse_recipe(tiny_transformer("vit", shards=2, distill={"weight": 0.5})).train
    phase = Phase("float", Path(), 1, 0, "", teacher=teacher, shards=Shards(2))
    x = torch.randint(0, 256, (8, 5))
    batch = Batch(x, torch.full((8, 3), 1 / 3), torch.arange(8))
    model = Teacher(5, 3, None)
    loss, right = _gradients(model, batch, config, phase)
    assert torch.equal(torch.cat(seen), x) and len(seen) == 2
    assert loss.isfinite() and 0 <= right <= 8


def test_a_dense_teacher_is_trained_first(data: Dataset, tmp_path: Path) -> None:
    content = tiny_transformer("cct", distill={"weight": 0.5, "epochs": 1}, epochs=1)
    model = train(parse_recipe(content), data, 0, tmp_path)
    assert len((tmp_path / "teacher.jsonl").read_text().splitlines()) == 1
    again = restore(parse_recipe(content), data, 0, tmp_path)
    rows = torch.from_numpy(data.test.x)
    assert torch.equal(model.codes(rows), again.codes(rows))


def test_a_run_teaches_another(data: Dataset, taught: Path, tmp_path: Path) -> None:
    """And its weights are part of what the training depends on, wherever they lie."""
    plain = tiny_transformer("vit", epochs=1)
    content = tiny_transformer("vit", epochs=1, distill={"weight": 0.5, "teacher": str(taught)})
    recipe = parse_recipe(content)
    train(recipe, data, 0, tmp_path / "a")
    train(parse_recipe(plain), data, 0, tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "b")
    moved = taught.rename(taught.with_name("moved"))
    content["train"]["distill"]["teacher"] = str(moved)
    other = parse_recipe(content)
    assert other.digest == recipe.digest
    assert teacher_sha256(other) == sha256(moved / "float.best.safetensors")
    restore(other, data, 0, tmp_path / "a")
    moved.rename(taught)


def test_a_teacher_that_cannot_teach_is_a_clear_error(
    data: Dataset, taught: Path, tmp_path: Path, tiny_content: dict[str, Any]
) -> None:
    def refused(folder: Path, match: str) -> None:
        distill = {"weight": 0.5, "teacher": str(folder)}
        with pytest.raises(RecipeError, match=match):
            train(parse_recipe(tiny_transformer("vit", distill=distill)), data, 0, tmp_path / "x")
        assert not (tmp_path / "x").exists()

    refused(tmp_path, r"float\.best\.safetensors is not there; name the run folder")
    record(taught, "other")
    refused(taught, "other rows or classes")
    record(taught, data.sha256, (ROOT / "recipes" / "bthowen-mnist-s.toml").read_text())
    refused(taught, "holds no vision transformer")
    for text in ("[]", '{"recipe_text": 5}', json.dumps({"recipe_text": "x = " + "[" * 9999})):
        (taught / "result.json").write_text(text)
        refused(taught, "no readable recipe|is missing")
    record(taught, data.sha256)
    tiny_content["train"]["distill"] = {"weight": 0.5, "teacher": "somewhere"}
    with pytest.raises(RecipeError, match="teacher is for vision transformers"):
        parse_recipe(tiny_content)
    with pytest.raises(RecipeError, match="of no use without weight"):
        parse_recipe(tiny_transformer("vit", distill={"teacher": "somewhere"}))


@pytest.mark.parametrize("damage", ["cut", "integers", "other"])
def test_a_teacher_of_damaged_weights_is_a_clear_error(
    data: Dataset, taught: Path, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "teacher"
    shutil.copytree(taught, folder)
    path = folder / "float.best.safetensors"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "integers":
        shutil.copy(folder / "train.best.safetensors", path)
    else:
        record(folder, data.sha256, TEACHER.replace("dim = 8", "dim = 16"))
    distill = {"weight": 0.5, "teacher": str(folder)}
    with pytest.raises(RecipeError, match=r"teacher: .*float\.best\.safetensors .* train that run"):
        check(parse_recipe(tiny_transformer("vit", distill=distill)), data, 0)


def test_a_teacher_of_another_patch_is_a_clear_error(
    data: Dataset, taught: Path, tmp_path: Path
) -> None:
    record(taught, data.sha256, TEACHER.replace("patch = 7", "patch = 5"))
    distill = {"weight": 0.5, "teacher": str(taught)}
    with pytest.raises(RecipeError, match=r"result\.json: .* do not divide into patches of 5"):
        train(parse_recipe(tiny_transformer("vit", distill=distill)), data, 0, tmp_path)
    record(taught, data.sha256)


def test_a_teacher_lies_relative_to_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "student.toml"
    path.write_text(TEACHER + 'distill = { weight = 0.5, teacher = "../runs/teacher/seed0" }\n')
    found = load_recipe(path).train.distill.teacher
    assert found == str(tmp_path / "../runs/teacher/seed0")
