"""A circuit as C11: one header, one source, nothing but the integers of the language."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from lutra.circuit import Circuit, Words
from lutra.emit._c_sliced import Sliced
from lutra.emit._c_tables import Tables
from lutra.emit._c_types import RESERVED, Constants, word_type
from lutra.emit._names import Names, comment
from lutra.errors import CircuitError
from lutra.files import write_atomic
from lutra.passes import without_unread

__all__ = ["CForm", "CSource", "emit_c"]

CForm = Literal["tables", "sliced"]
"""``tables``: little memory, a sample at a time. ``sliced``: much code, 64 samples together."""


@dataclass(frozen=True)
class CSource:
    """C on disk.

    Parameters
    ----------
    name
        What every name in it begins with.
    header, source
        The files.
    form
        How it computes.
    fields
        Of the struct of outputs, by the name of the output; without those that have no words.
    constant_bytes
        Memory of the constants.
    work_bytes
        Memory on the stack for the bits of a sample, or of 64.
    """

    name: str
    header: Path
    source: Path
    form: CForm
    fields: dict[str, str]
    constant_bytes: int
    work_bytes: int


def emit_c(
    circuit: Circuit, folder: Path, *, form: CForm = "tables", name: str | None = None
) -> CSource:
    """Write a circuit as ``NAME.h`` and ``NAME.c``, for programs without an operating system, too.

    The code is C11 and needs ``stdint.h`` alone: no library, no allocation, nothing that is
    written but the stack and the outputs. Equal circuits give equal bytes.

    In the form ``tables``, ``NAME_run`` takes the raw fixed-point input words of one sample, each
    in its range, and gives the words that `lutra.circuit.evaluate` gives; ``NAME_predict``, where
    the circuit has an output ``class``, gives its word. Tables and wires are constants, loops work
    through them, and bits lie on the stack, a byte each.

    In the form ``sliced``, ``NAME_run64`` takes 64 samples, one after the other, and gives their
    outputs. Each gate is an instruction on words of 64 samples.

    Parameters
    ----------
    circuit
        What to write.
    folder
        Where the files go.
    form
        ``tables`` or ``sliced``.
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
    if form == "tables":
        code = Tables(circuit, fields, constants)
    else:
        code = Sliced(circuit, prefix, fields, constants)
    body = [f"    {line}" for line in code.lines()]
    header, file = folder / f"{prefix}.h", folder / f"{prefix}.c"
    found = CSource(prefix, header, file, form, fields, constants.bytes, code.work_bytes)
    source = [f'#include "{prefix}.h"', "", *constants.lines(), ""]
    if isinstance(code, Sliced):
        source += code.functions()
    source += [f"{_run(circuit, found)} {{", *body, "}"]
    if _decides(circuit, found):
        source += [
            "",
            f"{_predict(circuit, found)} {{",
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
    samples = "one sample" if c.form == "tables" else "64 samples, which follow each other"
    yield f"/* Compute the outputs of {samples}. */"
    yield f"{_run(circuit, c)};"
    if _decides(circuit, c):
        yield ""
        yield "/* Return the class of one sample. */"
        yield f"{_predict(circuit, c)};"
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


def _decides(circuit: Circuit, c: CSource) -> bool:
    return c.form == "tables" and any(
        output.name == "class" and output.words.count == 1 for output in circuit.outputs
    )


def _run(circuit: Circuit, c: CSource) -> str:
    name, target = ("run", "*outputs") if c.form == "tables" else ("run64", "outputs[64]")
    return f"void {c.name}_{name}({_inputs(circuit, c)}, {c.name}_outputs {target})"


def _predict(circuit: Circuit, c: CSource) -> str:
    return f"int {c.name}_predict({_inputs(circuit, c)})"


def _inputs(circuit: Circuit, c: CSource) -> str:
    size = f"{c.name.upper()}_INPUTS" if circuit.inputs else "1"  # C has no empty arrays
    samples = "" if c.form == "tables" else "64 * "
    return f"const {word_type(circuit.input_words)} inputs[{samples}{size}]"
