from pathlib import Path

import pytest

from lutra.emit import PRIMITIVES
from lutra.errors import ToolError
from lutra.tools import parse


def test_modules_and_ports(tmp_path: Path) -> None:
    file = tmp_path / "a.v"
    file.write_text("module a (input [3:0] x, output y); LUT1 u (.O(y), .I0(x[2])); endmodule\n")
    seen = parse([file, PRIMITIVES], "a")
    assert {"a", "LUT1", "FDRE"} <= set(seen.modules)
    assert seen.ports == (("in", "x", 4), ("out", "y", 1))
    with pytest.raises(ToolError, match="no top module 'b'"):
        parse([file, PRIMITIVES], "b")


def test_errors_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "a.v"
    file.write_text("module a (input x, output y); assign y = z; endmodule\n")
    with pytest.raises(ToolError, match=r"(?s)1 errors in a:.*undeclared identifier 'z'"):
        parse([file], "a")
