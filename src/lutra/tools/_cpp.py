"""Verilated C++ -> program, without make and perl."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lutra.files import write_atomic
from lutra.tools._find import Tool, find_compiler
from lutra.tools._run import run

__all__ = ["build"]

_JOBS = 2
_FLAGS = ("-std=c++20", "-DVL_TIME_CONTEXT", "-fcoroutines", "-w")
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp", "verilated_timing.cpp")


def build(
    folder: Path,
    root: Path,
    verilator: Tool,
    timeout: float,
    optimise: bool = False,
    libraries: Sequence[Path] = (),
) -> Path:
    """Compile every C++ file in ``folder`` into the program ``sim`` there.

    Parameters
    ----------
    folder
        What Verilator wrote, and the main program.
    root
        Verilator's installation, which holds ``include``.
    verilator
        Its version names the cached runtime.
    timeout
        Seconds for each compiler call.
    optimise
        For millions of clocks. 10,000 samples through 5,000 tables take seconds without it, where
        optimising takes a minute first.
    libraries
        Shared ones, absolute, that the main program calls.
    """
    compiler = find_compiler()
    include = root / "include"
    flags = [
        *_FLAGS,
        "-O2" if optimise else "-O0",
        f"-I{include}",
        f"-I{include / 'vltstd'}",
        "-I.",
    ]
    sources = sorted(p for p in folder.glob("*.cpp") if not p.name.startswith("unit"))
    units = _units(folder, sources)
    with ThreadPoolExecutor(_JOBS) as pool:
        runtime = pool.submit(_runtime, compiler, verilator, include, flags, folder, timeout)
        header = _header(compiler, verilator, include, flags, folder, timeout)
        jobs = [
            pool.submit(
                run,
                [compiler.path, *flags, "-include", header, "-c", unit.name],
                folder,
                log=Path(f"{unit.stem}.log"),
                timeout=timeout,
            )
            for unit in units
        ]
        for job in jobs:
            job.result()
        objects = [*(unit.with_suffix(".o") for unit in units), runtime.result()]
    link = [compiler.path, *objects, "-o", "sim", "-lpthread", "-latomic", *libraries]
    link += [f"-Wl,-rpath,{library.parent}" for library in libraries]
    run(link, folder, log=Path("link.log"), timeout=timeout)
    return folder / "sim"


def _units(folder: Path, sources: Sequence[Path]) -> list[Path]:
    """Join the sources to a few units of like size: each unit parses the headers only once."""
    sizes = {source: source.stat().st_size for source in sources}
    count = 1 if sum(sizes.values()) < 300_000 else _JOBS
    groups: list[list[Path]] = [[] for _ in range(count)]
    for source in sorted(sources, key=lambda s: -sizes[s]):
        min(groups, key=lambda group: sum(sizes[s] for s in group)).append(source)
    return [
        write_atomic(folder / f"unit{i}.cpp", "".join(f'#include "{s.name}"\n' for s in group))
        for i, group in enumerate(groups)
    ]


def _runtime(
    compiler: Tool,
    verilator: Tool,
    include: Path,
    flags: Sequence[str],
    folder: Path,
    timeout: float,
) -> Path:
    """Return Verilator's runtime library as an object, compiled once per tool version."""
    cached = _cache(folder) / f"verilated-{_key(verilator, compiler, flags)}.o"
    if cached.exists():
        return cached
    text = "".join(f'#include "{include / name}"\n' for name in _RUNTIME)

    def compile_to(path: Path) -> None:
        unit, log = (path.with_name(path.name + suffix) for suffix in (".cpp", ".log"))
        try:
            argv = [compiler.path, *flags, "-c", write_atomic(unit, text), "-o", path]
            run(argv, path.parent, log=log, timeout=timeout)
        finally:
            unit.unlink(missing_ok=True)
            log.unlink(missing_ok=True)

    return write_atomic(cached, compile_to)


def _header(
    compiler: Tool,
    verilator: Tool,
    include: Path,
    flags: Sequence[str],
    folder: Path,
    timeout: float,
) -> Path:
    """Return a header that stands for ``verilated.h``, precompiled once per tool version.

    Parsing it takes longer than all else in small designs. It serves all installations of one
    version, wherever they lie.
    """
    own = [flag for flag in flags if not flag.startswith("-I")]
    header = _cache(folder) / f"verilated-{_key(verilator, compiler, own)}.h"
    cached = header.with_name(f"{header.name}.gch")
    if not cached.exists():
        write_atomic(header, f'#include "{include / "verilated.h"}"\n')

        def compile_to(path: Path) -> None:
            log = path.with_name(f"{path.name}.log")
            try:
                argv = [compiler.path, *flags, "-x", "c++-header", header, "-o", path]
                run(argv, path.parent, log=log, timeout=timeout)
            finally:
                log.unlink(missing_ok=True)

        write_atomic(cached, compile_to)
    return header


def _key(verilator: Tool, compiler: Tool, flags: Sequence[str]) -> str:
    key = "\n".join([verilator.sha256, compiler.sha256, *flags])
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _cache(folder: Path) -> Path:
    """Return the user's cache folder, or ``folder`` where that one cannot be written."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lutra"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError:
        return folder
    return home if os.access(home, os.W_OK) else folder
