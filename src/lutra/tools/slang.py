"""Reading Verilog with slang: a second front end that shares nothing with Verilator."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lutra.errors import ToolError
from lutra.tools._find import find_slang

__all__ = ["Parsed", "parse"]


@dataclass(frozen=True)
class Parsed:
    """What slang saw: every module, and the top module's ports as (direction, name, width)."""

    modules: tuple[str, ...]
    ports: tuple[tuple[str, str, int], ...]


def parse(files: Sequence[Path], top: str) -> Parsed:
    """Elaborate Verilog files.

    Raises
    ------
    ToolError
        slang is missing or reports an error, or there is no module ``top``.
    """
    find_slang()
    import pyslang

    manager = pyslang.SourceManager()
    compilation = pyslang.ast.Compilation()
    for file in files:
        compilation.addSyntaxTree(pyslang.syntax.SyntaxTree.fromFile(str(file), manager))
    errors = [problem for problem in compilation.getAllDiagnostics() if problem.isError()]
    if errors:
        report = pyslang.DiagnosticEngine.reportAll(manager, errors[:10])
        raise ToolError(f"slang: {len(errors)} errors in {top}:\n{report}")
    root = compilation.getRoot()
    definitions = compilation.getDefinitions()
    modules = tuple(sorted(definition.name for definition in definitions))
    instances = [instance for instance in root.topInstances if instance.name == top]
    if not instances:
        raise ToolError(f"slang: no top module {top!r}, only: {', '.join(modules)}")
    ports = tuple(
        (port.direction.name.lower(), port.name, port.type.bitWidth)
        for port in instances[0].body.portList
    )
    return Parsed(modules, ports)
