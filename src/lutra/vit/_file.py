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
from lutra.vit._check import check
from lutra.vit._integer import IntegerTransformer

__all__ = ["load_integer", "save_integer"]

_HEADER = "lutra.vit"
_VERSION = 1
_INTEGERS = (np.int8, np.int16, np.int32, np.int64)
_UNREADABLE = (
    OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError,
    AttributeError,  # of numbers that numpy has no type for
)  # fmt: skip
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
            raise ValueError(f"version {tree['version']!r:.80} is not {_VERSION}")
        model = _unpack(IntegerTransformer, tree["model"], arrays, "model")
        if arrays:
            raise ValueError(f"{min(arrays)!r:.80} is of no use")
        check(model)
    except _UNREADABLE as error:
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
        arrays[name] = value.astype(kind, order="C")
        return {"array": name}
    if isinstance(value, tuple):
        return [_pack(item, f"{name}.{number}", arrays) for number, item in enumerate(value)]
    return value


def _unpack(kind: Any, value: Any, arrays: dict[str, np.ndarray], place: str) -> Any:
    """Return what `_pack` was given, as annotated by ``kind``; anything else is refused.

    What is taken from ``arrays`` is gone, so that no file says how often an array is held.
    """
    content: dict[str, Any] = value if isinstance(value, dict) else {}
    if get_origin(kind) is types.UnionType:
        kinds = {k if isinstance(k, type) else get_origin(k): k for k in get_args(kind)}
        found = tuple if isinstance(value, list) else _PARTS.get(content.get("part", ""))
        found = type(None) if value is None else found
        if found not in kinds:
            raise ValueError(f"{place} is no part of a known kind")
        return None if value is None else _unpack(kinds[found], value, arrays, place)
    if kind in _PARTS.values():
        hints = get_type_hints(kind)
        if content.keys() != {"part", *hints} or content["part"] != kind.__name__:
            raise ValueError(f"{place} is no {kind.__name__}")
        parts = {k: _unpack(hints[k], content[k], arrays, f"{place}.{k}") for k in hints}
        return kind(**parts)
    if get_origin(kind) is tuple:
        items = value if isinstance(value, list) else []
        inner = get_args(kind)
        inner = [inner[0]] * len(items) if inner[1:] == (...,) else inner
        if len(inner) != len(items):
            raise ValueError(f"{place} has {len(items)} items")
        pairs = enumerate(zip(inner, items, strict=True))
        return tuple(_unpack(k, item, arrays, f"{place}.{n}") for n, (k, item) in pairs)
    if kind is int:
        if type(value) is not int or not 0 <= value < 1 << 32:
            raise ValueError(f"{place} is no whole number of 32 bits")
        return value
    array = arrays.pop(content.get("array", ""), None)
    if array is None or array.dtype.kind != "i":
        raise ValueError(f"{place} is no array of integers, or one that belongs elsewhere")
    return array.astype(np.int64)
