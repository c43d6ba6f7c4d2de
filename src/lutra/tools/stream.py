"""Simulating a design that takes a stream of words and gives one, with pauses on either side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Words, pack_words, read_words
from lutra.errors import ToolError
from lutra.files import write_atomic
from lutra.tools._run import run
from lutra.tools.verilator import verilate

__all__ = ["StreamSimulator", "Streamed", "build_stream"]

_HARNESS = Path(__file__).with_name("stream.cpp")


@dataclass(frozen=True, eq=False)
class Streamed:
    """What left a design."""

    words: NDArray[np.int64]
    """(beats, lanes)."""
    entered: NDArray[np.int64]
    """Clock at which every beat was taken; -1 where it was not, (beats in,)."""
    left: NDArray[np.int64]
    """Clock of every output beat, (beats out,)."""


@dataclass(frozen=True)
class StreamSimulator:
    """A simulator that was built; it runs in the design's folder, where the memories lie."""

    program: Path
    folder: Path
    input_bits: int
    output_bits: int

    def run(
        self,
        words: NDArray[np.integer],
        beats: int,
        *,
        lanes: int = 1,
        signed: bool = True,
        pauses: tuple[int, int] = (0, 0),
        seed: int = 0,
        reset: int = 0,
        patience: int = 1_000_000,
        timeout: float = 3600,
    ) -> Streamed:
        """Send words, and return what comes out.

        Parameters
        ----------
        words
            (beats in,) or (beats in, lanes), lane 0 in the lowest bits.
        beats
            Output beats to wait for.
        lanes, signed
            How the output is split into words, and whether their highest bit is a sign.
        pauses
            Per cent of clocks in which the sender and the receiver pause, at random by ``seed``.
        reset
            Clock at which the design is reset once more, for a single clock; then everything is
            sent again. 0 for no such thing.
        patience
            Clocks without any beat that mean a deadlock.
        timeout
            Seconds.

        Raises
        ------
        ToolError
            The design deadlocks, or breaks the protocol: what was offered stays until taken.
        """
        words = words.reshape(len(words), -1)
        size, into = -(-self.output_bits // 32) * 4, -(-self.input_bits // 32) * 4
        bits = pack_words(words.T, self.input_bits // words.shape[1])
        packed = np.packbits(bits, axis=0, bitorder="little")
        records = np.pad(packed, ((0, into - len(packed)), (0, 0))).T.copy()
        write_atomic(self.folder / "x.bin", records.tobytes())
        for name in ("y.bin", "cycles.bin"):
            (self.folder / name).unlink(missing_ok=True)
        numbers = (len(words), beats, *pauses, seed, patience, reset)
        argv = [self.program.resolve(), *map(str, numbers)]
        run(argv, self.folder, log=Path("stream.log"), timeout=timeout)
        y = np.fromfile(self.folder / "y.bin", np.uint8).reshape(beats, size)
        cycles = np.fromfile(self.folder / "cycles.bin", np.int64)
        found = np.unpackbits(y.T, axis=0, bitorder="little", count=self.output_bits)
        layout = Words(np.arange(self.output_bits).reshape(lanes, -1), signed)
        split = read_words(found, layout).T
        return Streamed(split, cycles[: len(words)], cycles[len(words) :])


def build_stream(
    folder: Path,
    top: str,
    files: Sequence[Path],
    input_bits: int,
    output_bits: int,
    *,
    optimise: bool = False,
    timeout: float = 1800,
) -> StreamSimulator:
    """Build a simulator of a design with ports ``clk``, ``rst``, and streams ``in`` and ``out``.

    Parameters
    ----------
    folder
        Where the design and its memories lie.
    top, files
        Top module and SystemVerilog.
    input_bits, output_bits
        Widths of the streams.
    optimise
        Whether the C++ compiler optimises: slower to build, several times faster to run.
    timeout
        Seconds for each step.

    Raises
    ------
    ToolError
        Verilator or the compiler is missing or fails.
    """
    if not files:
        raise ToolError(f"{folder}: no SystemVerilog to simulate")
    folder = folder.resolve()
    design = {"X_BYTES": -(-input_bits // 32) * 4, "Y_BYTES": -(-output_bits // 32) * 4}
    program = verilate(
        [file.resolve() for file in files],
        folder / "verilator",
        ["--cc", "--top-module", top],
        design,
        _HARNESS,
        timeout,
        optimise,
    )
    return StreamSimulator(program, folder, input_bits, output_bits)
