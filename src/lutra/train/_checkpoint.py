"""Training state on disk: safetensors arrays and a JSON header, written atomically."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lutra.errors import CheckpointError
from lutra.files import write_atomic

__all__ = ["load_state", "pack_optimizer", "save_state", "unpack", "unpack_optimizer"]


def save_state(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> Path:
    """Write named tensors and a JSON header."""
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return write_atomic(path, save(content, {"lutra.state": json.dumps(header)}))


def load_state(path: Path, digest: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_state` wrote.

    Raises
    ------
    CheckpointError
        The file is missing, corrupt, or was written for another recipe than ``digest``.
    """
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})["lutra.state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found = header["digest"]
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path}: not a readable checkpoint ({error}); delete it to train from the start"
        ) from error
    if found != digest:
        raise CheckpointError(
            f"{path}: was written for another recipe or seed; "
            "choose another output folder, or delete it to train from the start"
        )
    return tensors, header


def unpack(module: nn.Module, tensors: dict[str, Tensor], prefix: str, path: Path) -> None:
    """Load the tensors that start with ``prefix`` into a module; all must be there and fit."""
    state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: does not fit the model ({error})") from error


def pack_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's per-parameter state as named tensors."""
    return {
        f"optimizer.{number}.{key}": value
        for number, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def unpack_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore what `pack_optimizer` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".")
            state.setdefault(int(number), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
