"""Benchmarks are found by name, run in their own process, and leave their figures behind."""

import json
from pathlib import Path

import pytest

from lutra import bench
from lutra.cli import main
from lutra.errors import LutraError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bench, "_FOLDER", tmp_path)
    (tmp_path / "two_things.py").write_text("print('warming up')\nprint('{\"ratio\": 3}')\n")
    (tmp_path / "broken.py").write_text("raise SystemExit(7)\n")
    return tmp_path


def test_a_benchmark_gives_its_figures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(bench.benchmarks()) == ["broken", "two-things"]
    assert bench.run_benchmark("two-things") == {"ratio": 3}
    assert main(["bench", "two-things", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ratio": 3}
    assert main(["bench"]) == 0
    assert "two-things" in capsys.readouterr().out


def test_unknown_and_failing_benchmarks_are_errors(folder: Path) -> None:
    with pytest.raises(LutraError, match=r"no benchmark 'x'; known: broken, two-things"):
        bench.run_benchmark("x")
    with pytest.raises(LutraError, match=r"broken\.py ended with status 7"):
        bench.run_benchmark("broken")


def test_figures_say_where_they_come_from(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.record("two-things", {"ours": 1.5})
    row = json.loads(capsys.readouterr().out)
    assert row == json.loads((folder / "results" / "two-things.json").read_text())
    assert row["name"] == "two-things" and row["ours"] == 1.5
    assert {"commit", "machine", "tools"} <= set(row)
