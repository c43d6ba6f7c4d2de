"""Integer models on disk: safetensors arrays, and a JSON header that says how they belong."""

import json
import types
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lutra.errors import ModelError
from lutra.files import write_atomic
from lutra.vit import _integer, _parts
from lutra.vit._integer import IntegerTransformer

__all__ = ["load_integer", "save_integer"]

_HEADER = "lutra.vit"
_VERSION = 1
_INTEGERS = (np.int8, np.int16, np.int32, np.int64)
_SHIFTS = range(63)
_PARTS: dict[str, type] = {
    name: kind
    for module in (_parts, _integer)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and is_dataclass(kind)
}


def save_integer(model: IntegerTransformer, path: Path) -> Path:
    """Write a model; every array in the shortest integers that hold it.

    Raises
    ------
    OutputError
        The file could not be written.
    """
    arrays: dict[str, np.ndarray] = {}
    tree = {"version": _VERSION, "model": _pack(model, "", arrays)}
    return write_atomic(path, save(arrays, {_HEADER: json.dumps(tree)}))


def load_integer(path: Path) -> IntegerTransformer:
    """Read what `save_integer` wrote.

    Raises
    ------
    ModelError
        The file is missing, corrupt, or its parts do not fit one another.
    """
    try:
        with safe_open(path, "numpy") as file:
            tree = json.loads((file.metadata() or {})[_HEADER])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if tree["version"] != _VERSION:
            raise ValueError(f"version {tree['version']} is not {_VERSION}")
        model = _unpack(IntegerTransformer, tree["model"], arrays, "model")
        _check(model)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        what = " ".join(str(error).split())
        raise ModelError(f"{path}: not a readable integer model ({what}); make it anew") from error
    return model


def _pack(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return the JSON form of a value; arrays go to ``arrays`` under their place's name."""
    if is_dataclass(value):
        content = {"part": type(value).__name__}
        for field in fields(value):
            place = f"{name}.{field.name}".lstrip(".")
            content[field.name] = _pack(getattr(value, field.name), place, arrays)
        return content
    if isinstance(value, np.ndarray):
        kind = next(k for k in _INTEGERS if (value.astype(k) == value).all())
        arrays[name] = np.ascontiguousarray(value.astype(kind))
        return {"array": name}
    if isinstance(value, tuple):
        return [_pack(item, f"{name}.{number}", arrays) for number, item in enumerate(value)]
    return value


def _unpack(kind: Any, value: Any, arrays: dict[str, np.ndarray], place: str) -> Any:
    """Return what `_pack` was given, as annotated by ``kind``; anything else is refused."""
    if get_origin(kind) in (types.UnionType,):
        kinds = {k if isinstance(k, type) else get_origin(k): k for k in get_args(kind)}
        found = (
            type(None)
            if value is None
            else tuple
            if isinstance(value, list)
            else _PARTS.get(value.get("part"))
        )
        if found not in kinds:
            raise ValueError(f"{place} is no part of a known kind")
        return None if value is None else _unpack(kinds[found], value, arrays, place)
    if kind in _PARTS.values():
        hints = get_type_hints(kind)
        if value.keys() != {"part", *hints} or value["part"] != kind.__name__:
            raise ValueError(f"{place} is no {kind.__name__}")
        parts = {k: _unpack(hints[k], value[k], arrays, f"{place}.{k}") for k in hints}
        return kind(**parts)
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        inner = [inner[0]] * len(value) if inner[1:] == (...,) else inner
        if len(inner) != len(value):
            raise ValueError(f"{place} has {len(value)} items")
        pairs = enumerate(zip(inner, value, strict=True))
        return tuple(_unpack(k, item, arrays, f"{place}.{n}") for n, (k, item) in pairs)
    if kind is int:
        if type(value) is not int or not 0 <= value < 1 << 32:
            raise ValueError(f"{place} is {value!r}")
        return value
    array = arrays[value["array"]]
    if array.dtype.kind != "i":
        raise ValueError(f"{place} is {array.dtype}")
    return array.astype(np.int64)


def _check(model: IntegerTransformer) -> None:
    """Raise ValueError where a wire, a table or a shift is out of bounds, or shapes do not fit."""
    for encoder in model.encoders:
        mixer = encoder.mixer
        if isinstance(mixer, _parts.LutChannelMixer):
            _check_tables(mixer)
    for part in _walk(model):
        for name, value in vars(part).items():
            if name == "shift" and not np.isin(value, _SHIFTS).all():
                raise ValueError(f"a shift of {type(part).__name__} is not in 0..62")
            if name == "bits" and value not in range(1, 17):
                raise ValueError(f"{value} bits of {type(part).__name__}")
            if name == "unit" and value < 1:
                raise ValueError(f"the unit of {type(part).__name__} is {value}")
    planes, height, width = model.shape
    if planes * height * width > 1 << 24:
        raise ValueError(f"images of {planes} x {height} x {width}")
    try:
        model.scores(np.zeros((1, planes * height * width), np.uint8))
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise ValueError(f"its parts do not fit one another, {error}") from error


def _check_tables(mixer: _parts.LutChannelMixer) -> None:
    before = mixer.bits
    for layer in mixer.layers:
        if ((layer.wires < 0) | (layer.wires >= before)).any():
            raise ValueError(f"a table reads a bit outside of {before}")
        if layer.table.shape != (len(layer.wires), 1 << layer.wires.shape[1]):
            raise ValueError(f"tables of shape {layer.table.shape}")
        if not np.isin(layer.table, (0, 1)).all():
            raise ValueError("an entry of a table is not a bit")
        before = len(layer.wires)


def _walk(value: Any) -> list[Any]:
    """Return a dataclass and all those in it."""
    if isinstance(value, tuple):
        return [part for item in value for part in _walk(item)]
    if not is_dataclass(value):
        return []
    return [value, *(part for item in vars(value).values() for part in _walk(item))]
