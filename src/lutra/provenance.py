"""Where a number comes from: commit, machine, versions."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["commit", "cpu", "packages"]


def commit() -> str:
    """Return the commit of the checkout that runs, ``+`` appended where it was changed since.

    Result files do not count: every benchmark writes one. ``release VERSION`` where Lutra does
    not run from a checkout.
    """
    root = Path(__file__).parents[2]
    try:
        if not (root / ".git").exists():
            raise FileNotFoundError(root)
        head = _git(root, "rev-parse", "HEAD")
        what = ("--", ".", ":(exclude)benchmarks/results")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", *what)
    except (OSError, subprocess.SubprocessError):
        return f"release {version('lutra')}"
    return head + ("+" if changed else "")


def cpu() -> str:
    """Return the processor's name and the widest vector instructions that Lutra could use."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {key.strip(): value.strip() for key, _, value in (ln.partition(":") for ln in lines)}
    flags = facts.get("flags", "").split()
    vector = next((name for name in ("avx512vbmi", "avx512f", "avx2") if name in flags), "")
    return " ".join(part for part in (facts.get("model name", platform.machine()), vector) if part)


def packages(*names: str) -> dict[str, str]:
    """Return the versions of the installed packages among ``names``, and Python's."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", os.fspath(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
