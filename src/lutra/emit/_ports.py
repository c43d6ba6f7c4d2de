"""``ports.json``: what every bit at the ports means, and which files belong to the emission."""

from pathlib import Path
from typing import Any

import numpy as np

from lutra.circuit import Circuit, Code, Words
from lutra.emit._rtl import Port, Rtl
from lutra.errors import OutputError
from lutra.files import read_json, write_json

__all__ = ["describe", "remove_previous"]

_NAME = "ports.json"


def describe(rtl: Rtl) -> Path:
    """Write ``ports.json`` beside the Verilog."""
    circuit = rtl.circuit
    x = _port(rtl.input, circuit.input_labels, None)
    outputs = [
        _port(port, output.labels, _code(circuit, output.words))
        for port, output in zip(rtl.outputs, circuit.outputs, strict=True)
    ]
    value = {
        "generator": "lutra",
        "circuit": circuit.name,
        "top": rtl.top,
        "style": rtl.style,
        "clock": "clk" if rtl.clocked else None,
        "latency_cycles": rtl.latency,
        "input": x,
        "outputs": outputs,
        "files": [file.name for file in rtl.files],
    }
    return write_json(rtl.folder / _NAME, value)


def remove_previous(folder: Path) -> None:
    """Delete the files that an earlier emission into this folder lists, and nothing else."""
    path = folder / _NAME
    if not path.exists():
        return
    value = read_json(path, OutputError)
    files = value.get("files") if isinstance(value, dict) else None
    if not isinstance(files, list) or value.get("generator") != "lutra":
        raise OutputError(f"{path}: not written by Lutra; choose another folder")
    for name in files:
        if isinstance(name, str) and name.endswith(".v") and Path(name).name == name:
            (folder / name).unlink(missing_ok=True)


def _port(port: Port, labels: tuple[str, ...], code: Code | None) -> dict[str, Any]:
    words = []
    for i in range(port.words):
        word: dict[str, Any] = {"lsb": i * port.width, "msb": (i + 1) * port.width - 1}
        words.append(word | {"label": labels[i]} if labels else word)
    meaning = {"scale": code.scale, "offset": code.offset} if code else None
    return {
        "name": port.name,
        "label": port.label,
        "signed": port.signed,
        "word_width": port.width,
        "meaning": meaning,
        "words": words,
    }


def _code(circuit: Circuit, words: Words) -> Code | None:
    """Return the code that the words are, where they are whole words of one operation."""
    sources = np.unique(circuit.sources(words.bits.reshape(-1)))
    if len(sources) != 1 or sources[0] < 0:
        return None
    code = circuit.ops[sources[0]].code
    return code if code and code.width == words.width else None
