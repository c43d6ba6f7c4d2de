"""However many processes share a training, it ends with the same bits."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lutra.errors import LutraError, RecipeError
from lutra.recipe import parse_recipe
from lutra.train import check, train
from lutra.train._distributed import Shards, _pairwise, check_batch

from .vision import few, run, tiny_transformer, weights


@pytest.mark.parametrize(
    ("backbone", "more"),
    [("vit", {}), ("cct", {"precision": "bfloat16", "select": "last"})],
)
def test_two_processes_end_as_one_does(backbone: str, more: dict[str, Any], tmp_path: Path) -> None:
    content = tiny_transformer(backbone, shards=4, **more)
    for processes in (1, 2):
        done = run(tmp_path / str(processes), content, processes)
        assert not done.returncode, done.stderr
    for phase in ("float", "train"):
        assert weights(tmp_path / "1", phase) == weights(tmp_path / "2", phase)
        assert log(tmp_path / "1", phase) == log(tmp_path / "2", phase)


def log(folder: Path, phase: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / f"{phase}.jsonl").read_text().splitlines()]
    return [{key: row[key] for key in row if key != "seconds"} for row in rows]


def test_a_killed_training_goes_on_with_another_number_of_processes(tmp_path: Path) -> None:
    content = tiny_transformer("vit", shards=2, distill={"weight": 0.5, "epochs": 1})
    assert run(tmp_path / "killed", content, 2, 12).returncode  # 4 after the teacher's 4
    assert run(tmp_path / "killed", content, 1, 15).returncode  # in integers
    assert (tmp_path / "killed" / "train.checkpoint.safetensors").exists()
    done = run(tmp_path / "killed", content, 2)
    assert not done.returncode, done.stderr
    assert not run(tmp_path / "whole", content).returncode
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")


def test_shards_are_summed_as_one_tree() -> None:
    draw = torch.Generator().manual_seed(1)
    parts = [[torch.randn(5, generator=draw), torch.randn(2, 3, generator=draw)] for _ in range(8)]
    whole = _pairwise(parts)
    halves = _pairwise([_pairwise(parts[:4]), _pairwise(parts[4:])])
    assert all(torch.equal(a, b) for a, b in zip(whole, halves, strict=True))
    torch.testing.assert_close(whole[0], torch.stack([part[0] for part in parts]).sum(0))
    own = [list(Shards(8, 4, rank).own(32)) for rank in range(4)]
    assert own[1] == [(2, slice(8, 12)), (3, slice(12, 16))]


def test_shards_that_do_not_fit_are_refused(tmp_path: Path, tiny_content: dict[str, Any]) -> None:
    for shards in (3, 128):
        with pytest.raises(RecipeError, match="power of two that divides batch = 64"):
            parse_recipe(tiny_transformer("vit", shards=shards))
    tiny_content["train"]["shards"] = 2
    with pytest.raises(RecipeError, match=r"train\.shards is for vision transformers"):
        parse_recipe(tiny_content)
    check_batch(4, 512)
    with pytest.raises(RecipeError, match="does not divide a batch of 510 rows"):
        check_batch(4, 510)


def test_processes_that_do_not_fit_are_refused(
    tmp_path: Path, tiny_content: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    for content in (tiny_transformer("vit", shards=2), tiny_content):
        with pytest.raises(LutraError, match=r"4 processes cannot share out train\.shards"):
            train(parse_recipe(content), few(), 0, tmp_path / "none")
        with pytest.raises(LutraError, match=r"4 processes cannot share out train\.shards"):
            check(parse_recipe(content), few(), 0)
    monkeypatch.setattr(torch.distributed, "is_gloo_available", lambda: False)
    with pytest.raises(LutraError, match="no gloo"):
        train(parse_recipe(tiny_transformer("vit", shards=4)), few(), 0, tmp_path / "none")
    assert not (tmp_path / "none").exists()
