"""Training state on disk: safetensors arrays and a JSON header, written atomically."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lutra.errors import CheckpointError
from lutra.files import write_atomic
from lutra.nn import LutModel
from lutra.nn.vision import VisionTransformer

__all__ = [
    "check_shapes",
    "damaged",
    "load_state",
    "pack_optimizer",
    "save_state",
    "unpack",
    "unpack_optimizer",
]

_SAID = 250
"""Characters of what torch says of tensors that do not fit, which may be all of a model's."""


def save_state(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> Path:
    """Write named tensors and a JSON header."""
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return write_atomic(path, save(content, {"lutra.state": json.dumps(header)}))


def load_state(path: Path, digest: str | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_state` wrote.

    Raises
    ------
    CheckpointError
        The file is missing, corrupt, or was written for another recipe than that of ``digest``,
        where there is one.
    """
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})["lutra.state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found = header["digest"]
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(path, f"not a readable checkpoint, {error}") from error
    if digest is not None and found != digest:
        raise CheckpointError(
            f"{path}: was written for another recipe, seed or data set; "
            "choose another output folder, or delete it to train from the start"
        )
    return tensors, header


def damaged(path: Path, what: str) -> CheckpointError:
    """Return the error of a file that cannot be gone on from; ``what`` in one line, cut short."""
    said = textwrap.shorten(what, _SAID, placeholder=" ...")
    return CheckpointError(f"{path}: {said}; delete it to train from the start")


def check_shapes(
    tensors: Mapping[str, Tensor], shapes: Mapping[str, Sequence[int]], path: Path
) -> None:
    """Raise CheckpointError where a tensor is missing, of another shape, or one too many."""
    for name in shapes.keys() | tensors.keys():
        found = tuple(tensors[name].shape) if name in tensors else None
        wanted = tuple(shapes[name]) if name in shapes else None
        if found != wanted:
            raise damaged(path, f"{name!r} has shape {found}, {wanted} is expected")


def unpack(module: nn.Module, tensors: dict[str, Tensor], prefix: str, path: Path) -> None:
    """Load the tensors that start with ``prefix`` into a module; all must be there and fit."""
    state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise damaged(path, f"{name!r} is not finite")
    try:
        module.load_state_dict(state)
        if isinstance(module, LutModel | VisionTransformer):
            module.check_wires()
    except (RuntimeError, ValueError) as error:
        raise damaged(path, f"does not fit the model, {error}") from error


def pack_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's per-parameter state as named tensors."""
    return {
        f"optimizer.{number}.{key}": value
        for number, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def unpack_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], path: Path
) -> None:
    """Restore what `pack_optimizer` returned, AdamW's; all of it must be there and fit."""
    packed = {name: tensor for name, tensor in tensors.items() if name.startswith("optimizer.")}
    state: dict[int, dict[str, Tensor]] = {}
    shapes: dict[str, Sequence[int]] = {}
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, parameter in enumerate(parameters):
        theirs = {"step": (), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
        names = {key: f"optimizer.{number}.{key}" for key in theirs}
        if any(name in packed for name in names.values()):  # a parameter may have no gradient yet
            shapes |= {names[key]: shape for key, shape in theirs.items()}
            state[number] = {key: packed[name] for key, name in names.items() if name in packed}
    if not state:
        raise damaged(path, "the optimizer's state is missing")
    check_shapes(packed, shapes, path)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
