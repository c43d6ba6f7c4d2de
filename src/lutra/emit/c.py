"""A circuit as C11: one header, one source, nothing but the integers of the language."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lutra.circuit import Circuit, Words
from lutra.emit._c_tables import Tables
from lutra.emit._c_types import RESERVED, Constants, word_type
from lutra.emit._names import Names, comment
from lutra.errors import CircuitError
from lutra.files import write_atomic
from lutra.passes import without_unread

__all__ = ["CSource", "emit_c"]


@dataclass(frozen=True)
class CSource:
    """C on disk.

    Parameters
    ----------
    name
        What every name in it begins with.
    header, source
        The files.
    fields
        Of the struct of outputs, by the name of the output; without those that have no words.
    constant_bytes
        Memory of the constants.
    work_bytes
        Memory on the stack for the bits of a sample.
    """

    name: str
    header: Path
    source: Path
    fields: dict[str, str]
    constant_bytes: int
    work_bytes: int


def emit_c(circuit: Circuit, folder: Path, *, name: str | None = None) -> CSource:
    """Write a circuit as ``NAME.h`` and ``NAME.c``, for programs without an operating system, too.

    The code is C11 and needs ``stdint.h`` alone: no library, no allocation, nothing that is
    written but the stack and the outputs. ``NAME_run`` takes the raw fixed-point input words of
    one sample, each in its range, and gives the words that `lutra.circuit.evaluate` gives;
    ``NAME_predict``, where the circuit has an output ``class``, gives its word. Tables and wires
    are constants, loops work through them, and bits lie on the stack, a byte each. Equal circuits
    give equal bytes.

    Parameters
    ----------
    circuit
        What to write.
    folder
        Where the files go.
    name
        Instead of the circuit's own; it is changed to a name of C where it is none.

    Raises
    ------
    CircuitError
        The circuit has no output words.
    OutputError
        The folder cannot be written.
    """
    outputs = [output for output in circuit.outputs if output.words.count]
    if not outputs:
        raise CircuitError(f"circuit {circuit.name!r} has no output words, nothing to compute in C")
    circuit = without_unread(circuit)
    prefix = Names().add(circuit.name if name is None else name).lower()
    names = Names(["inputs", "h", *RESERVED])
    fields = {output.name: names.add(output.name).lower() for output in outputs}
    constants = Constants(prefix)
    tables = Tables(circuit, fields, constants)
    body = list(tables.lines())
    found = CSource(
        prefix, folder / f"{prefix}.h", folder / f"{prefix}.c", fields, constants.bytes, tables.bits
    )
    source = [
        f'#include "{prefix}.h"',
        "",
        *constants.lines(),
        "",
        f"{_run(circuit, prefix)} {{",
        *([f"    uint8_t bits[{tables.bits}];"] if tables.bits else []),
        *(f"    {line}" for line in body),
        "}",
    ]
    if _decides(circuit):
        source += [
            "",
            f"{_predict(circuit, prefix)} {{",
            f"    {prefix}_outputs outputs;",
            f"    {prefix}_run(inputs, &outputs);",
            f"    return outputs.{fields['class']}[0];",
            "}",
        ]
    write_atomic(found.header, "\n".join(_header(circuit, found)) + "\n")
    write_atomic(found.source, "\n".join(source) + "\n")
    return found


def _header(circuit: Circuit, c: CSource) -> Iterator[str]:
    macro, outputs = c.name.upper(), [o for o in circuit.outputs if o.name in c.fields]
    yield f"/* {comment(circuit.name)}, a network of lookup tables, by Lutra {version('lutra')}."
    yield " *"
    yield f" * Memory: {c.constant_bytes} bytes of constants, {c.work_bytes} bytes of stack."
    yield " * Functions are reentrant. Inputs are raw fixed-point words, each in its range."
    yield " *"
    yield from _words("inputs", circuit.input_words, circuit.input_labels)
    for output in outputs:
        yield from _words(c.fields[output.name], output.words, output.labels)
    yield " */"
    yield f"#ifndef {macro}_H"
    yield f"#define {macro}_H"
    yield ""
    yield "#include <stdint.h>"
    yield ""
    yield "#ifdef __cplusplus"
    yield 'extern "C" {'
    yield "#endif"
    yield ""
    yield f"#define {macro}_INPUTS {circuit.inputs}"
    for output in outputs:
        yield f"#define {macro}_{c.fields[output.name].upper()} {output.words.count}"
    yield ""
    yield "typedef struct {"
    for output in outputs:
        field = c.fields[output.name]
        yield f"    {word_type(output.words)} {field}[{macro}_{field.upper()}];"
    yield f"}} {c.name}_outputs;"
    yield ""
    yield "/* Compute the outputs of one sample. */"
    yield f"{_run(circuit, c.name)};"
    if _decides(circuit):
        yield ""
        yield "/* Return the class of one sample. */"
        yield f"{_predict(circuit, c.name)};"
    yield ""
    yield "#ifdef __cplusplus"
    yield "}"
    yield "#endif"
    yield ""
    yield "#endif"


def _words(name: str, words: Words, labels: tuple[str, ...]) -> Iterator[str]:
    kind = "signed" if words.signed else "unsigned"
    yield f" * {name}: {words.count} {kind} words, {words.low}..{words.high}"
    yield from (f" *   {i}: {comment(label)}" for i, label in enumerate(labels))


def _decides(circuit: Circuit) -> bool:
    return any(output.name == "class" and output.words.count == 1 for output in circuit.outputs)


def _run(circuit: Circuit, name: str) -> str:
    return f"void {name}_run({_inputs(circuit, name)}, {name}_outputs *outputs)"


def _predict(circuit: Circuit, name: str) -> str:
    return f"int {name}_predict({_inputs(circuit, name)})"


def _inputs(circuit: Circuit, name: str) -> str:
    kind = word_type(circuit.input_words)
    size = f"[{name.upper()}_INPUTS]" if circuit.inputs else "[1]"  # C has no empty arrays
    return f"const {kind} inputs{size}"
