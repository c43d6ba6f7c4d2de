"""Numbers know where they come from."""

import re
import subprocess
from pathlib import Path

import pytest

from lutra import provenance
from lutra.provenance import commit, cpu, packages


def test_commit_of_a_checkout_marks_local_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "src" / "lutra"
    source.mkdir(parents=True)
    file = source / "provenance.py"
    file.write_text("")
    monkeypatch.setattr(provenance, "__file__", str(file))
    assert commit().startswith("release ")

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        subprocess.run(command, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    assert re.fullmatch(r"[0-9a-f]{40}", commit())
    file.write_text("changed")
    assert re.fullmatch(r"[0-9a-f]{40}\+", commit())


def test_machine_and_packages() -> None:
    assert cpu()
    found = packages("torch", "no-such-package")
    assert set(found) == {"python", "torch"}
