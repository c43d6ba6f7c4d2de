"""Blocks: hardware that takes a stream of codes and gives one, and how they become a design."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lutra.errors import OutputError
from lutra.files import read_json, write_atomic, write_json

__all__ = ["LANES", "Block", "Design", "Memory", "joined", "write_design"]

_PRIMITIVES = Path(__file__).with_name("rtl")
LANES = (
    "lutra_element",
    "lutra_requantise",
    "lutra_exponential",
    "lutra_divide",
    "lutra_quotient",
)
"""Modules that there are many instances of."""
_MANIFEST = "design.json"
_SUFFIXES = {".sv", ".v", ".mem"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, eq=False)
class Memory:
    """What a memory holds when the device starts."""

    values: NDArray[np.int64] | NDArray[np.object_]
    """Signed or unsigned, (words, lanes); lane 0 in the lowest bits."""
    width: int
    """Bits per lane."""

    def text(self) -> str:
        """Return it as ``$readmemh`` reads it, one word per line."""
        mask, digits = (1 << self.width) - 1, -(-self.width * self.values.shape[1] // 4)
        lines = []
        for lanes in self.values.tolist():
            word = 0
            for lane in reversed(lanes):
                word = word << self.width | int(lane) & mask  # of Python, which has no width
            lines.append(f"{word:0{digits}x}\n")
        return "".join(lines)


@dataclass(frozen=True, eq=False)
class Block:
    """An instance of a static module, with its constants.

    Parameters
    ----------
    name
        Of the module that is generated around it.
    module
        The static one, in the folder ``rtl``; its ports are ``clk``, ``rst`` and two streams,
        ``in`` and ``out``, each with ``valid``, ``ready`` and ``data``.
    parameters
        Its parameters.
    memories
        Parameter that takes the file's name -> contents.
    input_bits, output_bits
        Widths of the streams.
    sources
        File name -> generated Verilog that the module needs besides.
    body
        Text in place of the instance, for blocks that are made of others.
    inner
        Those others.
    """

    name: str
    module: str
    parameters: Mapping[str, int | str]
    memories: Mapping[str, Memory]
    input_bits: int
    output_bits: int
    sources: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    inner: Sequence["Block"] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise OutputError(f"block {self.name!r}: names are lower case, digits and _")

    @property
    def constant_bits(self) -> int:
        """Bits of all memories that are loaded with the device."""
        own = sum(memory.values.size * memory.width for memory in self.memories.values())
        return own + sum(block.constant_bits for block in self.inner)

    def files(self) -> dict[str, str]:
        """Return file name -> content, the module itself last.

        Raises
        ------
        OutputError
            Two different files have one name.
        """
        found = {self._memory(name): memory.text() for name, memory in self.memories.items()}
        found |= self.sources
        for block in self.inner:
            for file, text in block.files().items():
                if found.setdefault(file, text) != text:
                    raise OutputError(f"block {self.name}: two blocks write {file}, differently")
        return {**found, f"{self.name}.sv": self._text()}

    def _memory(self, parameter: str) -> str:
        return f"{self.name}_{parameter.lower()}.mem"

    def _text(self) -> str:
        parameters = {name: str(value) for name, value in self.parameters.items()}
        parameters |= {name: f'"{self._memory(name)}"' for name in self.memories}
        given = ",\n".join(f"        .{name}({value})" for name, value in parameters.items())
        body = self.body or f"    {self.module} #(\n{given}\n    ) block (.*);\n"
        return _header(self.name, self.input_bits, self.output_bits) + body + "endmodule\n"


@dataclass(frozen=True)
class Design:
    """SystemVerilog on disk; simulators and synthesis run in its folder, where memories lie."""

    folder: Path
    top: str
    files: tuple[Path, ...]
    input_bits: int
    output_bits: int


def joined(name: str, blocks: Sequence[Block]) -> Block:
    """Return a block of blocks in a row, each fed by the one before."""
    ends = blocks[0].input_bits, blocks[-1].output_bits
    return Block(name, "", {}, {}, *ends, body="\n".join(_row(blocks)) + "\n", inner=blocks)


def write_design(
    blocks: Sequence[Block],
    folder: Path,
    top: str = "accelerator",
    more: Mapping[str, str] = MappingProxyType({}),
) -> Design:
    """Write blocks, each fed by the one before, and a module ``top`` around them.

    ``design.json`` beside them lists the files; those of an earlier design there go away.

    Parameters
    ----------
    blocks
        In a row.
    folder
        Where the files go.
    top
        Name of the module around them.
    more
        File name -> text, written with them and no part of the design.

    Raises
    ------
    OutputError
        The folder cannot be written, or holds a ``design.json`` that is not ours.
    """
    block = joined(top, blocks)
    files = {path.name: path.read_text() for path in sorted(_PRIMITIVES.glob("*.sv"))}
    files |= block.files()
    _remove_previous(folder)
    for name, text in {**files, **more}.items():
        write_atomic(folder / name, text)
    listed = {"generator": "lutra", "top": top, "files": sorted([*files, *more])}
    write_json(folder / _MANIFEST, listed)
    sources = tuple(folder / name for name in files if name.endswith((".sv", ".v")))
    return Design(folder, top, sources, block.input_bits, block.output_bits)


def _remove_previous(folder: Path) -> None:
    """Delete the files that an earlier design in this folder lists, and nothing else."""
    path = folder / _MANIFEST
    if not path.exists():
        return
    found = read_json(path, OutputError)
    files = found.get("files") if isinstance(found, dict) else None
    if not isinstance(files, list) or found.get("generator") != "lutra":
        raise OutputError(f"{path}: not written by Lutra; choose another folder")
    for name in files:
        if isinstance(name, str) and Path(name).name == name and Path(name).suffix in _SUFFIXES:
            (folder / name).unlink(missing_ok=True)


def _row(blocks: Sequence[Block]) -> Iterator[str]:
    """Return the body of a module of blocks in a row."""
    widths = [blocks[0].input_bits, *(block.output_bits for block in blocks)]
    for i, width in enumerate(widths):
        yield f"    logic valid{i}, ready{i};"
        yield f"    logic [{width - 1}:0] data{i};"
    for i, block in enumerate(blocks):
        yield (
            f"    {block.name} {block.name}_block (.clk, .rst,\n"
            f"        .in_valid(valid{i}), .in_ready(ready{i}), .in_data(data{i}),\n"
            f"        .out_valid(valid{i + 1}), .out_ready(ready{i + 1}), .out_data(data{i + 1}));"
        )
    last = len(blocks)
    yield "    assign valid0 = in_valid;"
    yield "    assign in_ready = ready0;"
    yield "    assign data0 = in_data;"
    yield f"    assign out_valid = valid{last};"
    yield f"    assign ready{last} = out_ready;"
    yield f"    assign out_data = data{last};"


def _header(name: str, input_bits: int, output_bits: int) -> str:
    """Return the beginning of a module with an input and an output stream."""
    ports = [
        "input logic clk",
        "input logic rst",
        "input logic in_valid",
        "output logic in_ready",
        f"input logic [{input_bits - 1}:0] in_data",
        "output logic out_valid",
        "input logic out_ready",
        f"output logic [{output_bits - 1}:0] out_data",
    ]
    return f"module {name} (\n" + ",\n".join(f"    {port}" for port in ports) + "\n);\n"
