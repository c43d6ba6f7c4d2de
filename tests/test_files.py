"""A reader sees the old content or the new, never half of it."""

import os
from pathlib import Path

import pytest

from lutra.errors import CircuitError, LutraError, OutputError
from lutra.files import exclusive, read_json, sha256, write_atomic, write_json


def test_writes_bytes_text_and_by_function(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    assert write_atomic(path, b"\x00\xff").read_bytes() == b"\x00\xff"
    assert write_atomic(path, "ä").read_text(encoding="utf-8") == "ä"
    write_atomic(path, lambda temporary: temporary.write_text("by function"))
    assert path.read_text() == "by function"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("stage", ["write", "sync", "rename"])
def test_a_failure_at_any_stage_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    path = write_atomic(tmp_path / "file", "old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    target = {"write": (Path, "write_bytes"), "sync": (os, "fsync"), "rename": (Path, "replace")}
    monkeypatch.setattr(*target[stage], fail)
    with pytest.raises(OutputError, match=r"file: could not be written .*No space left"):
        write_atomic(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="could not be written"):
        write_atomic(tmp_path / "file" / "below", "x")


def test_an_error_of_ours_passes(tmp_path: Path) -> None:
    def content(_: Path) -> None:
        raise CircuitError("ours")

    with pytest.raises(CircuitError, match="ours"):
        write_atomic(tmp_path / "file", content)


def test_json_round_trip_and_errors(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", {"x": [1, 2.5, None]})
    assert read_json(path) == {"x": [1, 2.5, None]}
    for text in ("{", "[" * 100_000):
        path.write_text(text)
        with pytest.raises(CircuitError, match=r"a\.json"):
            read_json(path, CircuitError)
    with pytest.raises(LutraError, match=r"b\.json"):
        read_json(tmp_path / "b.json")


def test_sha256(tmp_path: Path) -> None:
    path = write_atomic(tmp_path / "file", "abc")
    assert sha256(path).startswith("ba7816bf")


def test_a_folder_is_held_by_one_and_freed_of_leftovers(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with exclusive(folder):
        (folder / ".train.checkpoint.abc.part").write_text("half")
        with pytest.raises(OutputError, match="another run"), exclusive(folder):
            pass
    with exclusive(folder):
        assert [p.name for p in folder.iterdir()] == [".lock"]
