"""Accuracy rows: means over seeds, one row per recipe, nothing lost."""

import json
from pathlib import Path

import pytest

from lutra.errors import LutraError
from lutra.recipe import Recipe
from lutra.report import Accuracy, Machine, RunResult
from lutra.results import accuracy_row, default_results, write_row


def result(seed: int, test: float | None, validation: float | None = 50.0) -> RunResult:
    accuracy = None
    if test is not None:
        accuracy = Accuracy(
            validation=validation,
            test=test,
            more={"other": test - 10},
            classes=("a",),
            confusion=((1,),),
        )
    return RunResult(
        recipe="tiny",
        dataset="mnist",
        seed=seed,
        commit=f"c{seed}",
        machine=Machine(cpu="cpu", cores=2),
        tools={},
        accuracy=accuracy,
    )


def test_row_over_seeds(tiny_recipe: Recipe) -> None:
    row = accuracy_row(tiny_recipe, [result(0, 90.0), result(1, 94.0, 60.0), result(2, None)])
    assert row["seeds"] == [0, 1]
    assert row["test_mean"] == 92.0
    assert row["test_std"] == pytest.approx(8**0.5)
    assert row["val_mean"] == 55.0
    assert row["more"] == {"other": 82.0}
    assert row["commit"] == "c1", "areas are of the seed that is best on validation"
    assert row["lut6_total"] is None


def test_one_seed_has_no_spread(tiny_recipe: Recipe) -> None:
    assert accuracy_row(tiny_recipe, [result(0, 90.0)])["test_std"] is None


def test_no_accuracy_is_an_error(tiny_recipe: Recipe) -> None:
    with pytest.raises(LutraError, match="no run has an accuracy"):
        accuracy_row(tiny_recipe, [result(0, None)])


def test_rows_replace_their_own_and_keep_others(tmp_path: Path) -> None:
    path = tmp_path / "accuracy.json"
    for name, mean in (("b", 1), ("a", 2), ("b", 3)):
        write_row(path, {"recipe": name, "test_mean": mean})
    rows = json.loads(path.read_text())["rows"]
    assert rows == [{"recipe": "a", "test_mean": 2}, {"recipe": "b", "test_mean": 3}]


@pytest.mark.parametrize("content", ["[]", '{"rows": 3}', "{"])
def test_a_foreign_file_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "accuracy.json"
    path.write_text(content)
    with pytest.raises(LutraError, match=r"accuracy\.json"):
        write_row(path, {"recipe": "a"})
    assert path.read_text() == content


def test_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_results(Path("runs")) == Path("runs/accuracy.json")
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    assert default_results(Path("runs")) == Path("benchmarks/results/accuracy.json")
