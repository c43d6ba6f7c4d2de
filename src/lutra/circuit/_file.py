"""The file form of a circuit: safetensors arrays and one bounded JSON header entry.

Nothing in a file is trusted: every name, type, shape and bound is checked before an array is
read, and `Circuit` then checks its invariants.
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lutra.circuit._circuit import ARRAYS, MAX_BITS, MAX_WIDTH, Circuit, Output
from lutra.circuit._ops import Argmax, Code, Compare, Encode, Lut, Op, Sum, Words
from lutra.errors import CircuitError
from lutra.files import write_atomic

__all__ = ["FORMAT_VERSION", "load", "save"]

FORMAT_VERSION = 1
_MAX_HEADER = 16 << 20

Text = Annotated[str, Field(max_length=1024)]
Count = Annotated[int, Field(ge=0, le=MAX_BITS)]
Width = Annotated[int, Field(ge=1, le=MAX_WIDTH)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Code(_Strict):
    width: Width
    offset: Annotated[int, Field(ge=-(1 << 62), le=1 << 62)]
    scale: Annotated[float, Field(allow_inf_nan=False)]


class _Op(_Strict):
    kind: Literal["encode", "lut", "sum", "compare", "argmax"]
    name: Text
    stage: Annotated[int, Field(ge=0, le=1 << 20)]
    signed: bool = False
    thermometer: bool = False
    width: Width = 1
    code: _Code | None = None


class _Output(_Strict):
    name: Text
    signed: bool
    labels: list[Text]


class _Header(_Strict):
    format_version: Literal[1]
    name: Text
    inputs: Count
    input_width: Width
    input_signed: bool
    input_labels: list[Text]
    ops: Annotated[list[_Op], Field(max_length=100_000)]
    outputs: Annotated[list[_Output], Field(max_length=1024)]


_KINDS = {op.__name__.lower(): op for op in ARRAYS}
_DTYPES = {"I64": np.int64, "U8": np.uint8}


def save(circuit: Circuit, path: Path) -> Path:
    """Write the circuit to ``path``, atomically; the same circuit gives the same bytes.

    Raises
    ------
    CircuitError
        A name or a number of the metadata is beyond what a file may hold.
    OutputError
        The file could not be written.
    """
    try:
        text = _header(circuit).model_dump_json(exclude_defaults=True)
    except ValueError as error:  # pydantic's errors are ValueErrors
        raise CircuitError(f"circuit {circuit.name!r} cannot be written: {error}") from error
    arrays = {
        f"{number}.{name}": np.ascontiguousarray(_array(op, name))
        for number, op in enumerate(circuit.ops)
        for name in ARRAYS[type(op)]
    }
    for number, output in enumerate(circuit.outputs):
        arrays[f"out{number}.words"] = np.ascontiguousarray(output.words.bits)
    metadata = {"lutra.circuit": text}

    def write(temporary: Path) -> None:
        save_file(arrays, temporary, metadata)
        _check_size(temporary)  # what cannot be loaded again is not written

    return write_atomic(path, write)


def _array(op: Op, name: str) -> np.ndarray:
    return op.words.bits if name == "words" and not isinstance(op, Lut | Sum) else getattr(op, name)


def _header(circuit: Circuit) -> _Header:
    ops = [
        _Op(
            kind=type(op).__name__.lower(),  # pyright: ignore[reportArgumentType]
            name=op.name,
            stage=stage,
            signed=op.signed
            if isinstance(op, Sum)
            else not isinstance(op, Lut) and op.words.signed,
            thermometer=isinstance(op, Encode) and op.thermometer,
            width=op.width if isinstance(op, Sum) else 1,
            code=_Code(**vars(op.code)) if op.code else None,
        )
        for op, stage in zip(circuit.ops, circuit.stages, strict=True)
    ]
    outputs = [
        _Output(name=output.name, signed=output.words.signed, labels=list(output.labels))
        for output in circuit.outputs
    ]
    return _Header(
        format_version=FORMAT_VERSION,
        name=circuit.name,
        inputs=circuit.inputs,
        input_width=circuit.input_width,
        input_signed=circuit.input_signed,
        input_labels=list(circuit.input_labels),
        ops=ops,
        outputs=outputs,
    )


def load(path: Path) -> Circuit:
    """Read a circuit file.

    Raises
    ------
    CircuitError
        The file is missing, truncated, malformed, or its circuit breaks an invariant.
    """
    try:
        _check_size(path)
        with safe_open(path, "numpy") as file:
            text = (file.metadata() or {}).get("lutra.circuit")
            if text is None:
                raise CircuitError(f"{path}: no circuit header; is this a Lutra circuit file?")
            return _build(_Header.model_validate_json(text), file)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CircuitError(f"{path}: header entry {where}: {first['msg']}") from error
    except CircuitError as error:
        raise error if str(path) in str(error) else CircuitError(f"{path}: {error}") from error
    except (OSError, SafetensorError, ValueError, OverflowError) as error:
        raise CircuitError(
            f"{path}: not a readable circuit file ({error}); compile it again"
        ) from error


def _check_size(path: Path) -> None:
    """Bound the header before safetensors allocates it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if size < 8 or header > min(_MAX_HEADER, size - 8):
        raise CircuitError(
            f"{path}: header of {header} bytes in a file of {size}, at most {_MAX_HEADER} are "
            "read; the file is truncated or its names are too long"
        )


def _build(header: _Header, file: safe_open) -> Circuit:  # pyright: ignore[reportGeneralTypeIssues]
    expected = {
        f"{i}.{field}" for i, op in enumerate(header.ops) for field in ARRAYS[_KINDS[op.kind]]
    }
    expected |= {f"out{i}.words" for i in range(len(header.outputs))}
    if expected != set(file.keys()):
        odd = sorted(expected ^ set(file.keys()))[0]
        raise CircuitError(f"array {odd!r} is missing or unexpected")

    def array(name: str, dtype: type[np.generic], rank: int) -> np.ndarray:
        view = file.get_slice(name)
        if _DTYPES.get(view.get_dtype()) is not dtype or len(view.get_shape()) != rank:
            raise CircuitError(
                f"array {name!r} is {view.get_dtype()} of shape {view.get_shape()}; "
                f"expected {np.dtype(dtype)} of rank {rank}"
            )
        return file.get_tensor(name)

    ops: list[Op] = []
    for i, op in enumerate(header.ops):
        fields = {
            field: array(f"{i}.{field}", dtype, rank)
            for field, (dtype, rank) in ARRAYS[_KINDS[op.kind]].items()
        }
        words = Words(fields["words"], op.signed) if "words" in fields else None
        code = Code(**op.code.model_dump()) if op.code else None
        match op.kind, words:
            case "lut", _:
                ops.append(Lut(fields["wires"], fields["table"], op.name, code))
            case "sum", _:
                wires, weights, bias = fields["wires"], fields["weights"], fields["bias"]
                ops.append(Sum(wires, weights, bias, op.width, op.signed, op.name, code))
            case "encode", Words():
                ops.append(Encode(words, fields["thresholds"], op.thermometer, op.name, code))
            case "compare", Words():
                ops.append(Compare(words, fields["thresholds"], op.name, code))
            case "argmax", Words():
                ops.append(Argmax(words, op.name, code))
    outputs = tuple(
        Output(o.name, Words(array(f"out{i}.words", np.int64, 2), o.signed), tuple(o.labels))
        for i, o in enumerate(header.outputs)
    )
    return Circuit(
        header.name,
        header.inputs,
        header.input_width,
        tuple(ops),
        outputs,
        header.input_signed,
        tuple(op.stage for op in header.ops),
        tuple(header.input_labels),
    )
