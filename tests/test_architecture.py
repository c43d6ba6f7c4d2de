"""The house rules: imports go downwards, and the hardware half knows nothing of torch."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "lutra"

# A room may import from those before it.
ORDER = [
    ["errors", "files", "sections", "provenance", "_kernels"],
    ["circuit", "passes", "engine", "emit", "tools", "verify", "vit", "hardware"],
    ["data", "trees"],
    ["nn", "weightless", "recipe", "train", "estimator"],
    ["report", "results", "bench", "optimise", "accelerate", "flow", "cli"],
]
RANK = {name: rank for rank, name in enumerate(name for line in ORDER for name in line)}
FILES = sorted(SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_downwards(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lutra"):
            inner = node.module.split(".")[1:2]
            names = inner or [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name.split(".")[1] for a in node.names if a.name.startswith("lutra.")]
        for name in names:
            assert name == own or RANK[name] < RANK[own], f"{own} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_forbidden_constructs(path: Path) -> None:
    forbidden = r"torch\.load\(|\bpickle\.|allow_pickle=True|shell=True|os\.system"
    forbidden += r"|(?<![.>\w])(eval|exec)\("
    text = path.read_text()
    assert not re.search(forbidden, text)
    assert len(text.splitlines()) <= 500
    if room(path) != "cli":
        assert "print(" not in text.replace("console.print(", "")


def test_the_hardware_half_imports_without_torch() -> None:
    code = (
        "import sys, lutra.circuit, lutra.passes, lutra.emit, lutra.tools, lutra.verify\n"
        "import lutra.trees, lutra.vit, lutra.hardware\n"
        "heavy = {'torch', 'matplotlib', 'jinja2', 'pyosys', 'pyslang', 'xgboost'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_core_imports_without_extras() -> None:
    code = (
        "import sys, lutra.flow, lutra.cli\n"
        "heavy = {'matplotlib', 'jinja2', 'pyosys', 'pyslang', 'sklearn', 'xgboost'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy - {'jinja2'}, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_without_kernels_there_is_one_line_and_torch() -> None:
    code = (
        "import sys\n"
        "sys.modules['lutra._kernels._native'] = None\n"
        "from lutra import cli\n"
        "from lutra.nn import _torch_ops\n"
        "from lutra.nn._table_domain import operations\n"
        "import torch\n"
        "assert operations(torch.zeros(1)) is _torch_ops\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [
        "native kernels are not built; using the slower torch path (`lutra doctor` says more)"
    ]
