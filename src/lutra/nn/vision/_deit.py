"""Published weights of DeiT (arXiv 2012.12877), by the names that its authors gave them."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from lutra.errors import ModelError
from lutra.nn.vision._model import PIXEL, VisionTransformer
from lutra.vit import PIXEL_ZERO, Vit

__all__ = ["load_deit"]

_NAMES = [
    ("class_token", "cls_token"),
    ("positions", "pos_embed"),
    ("tokenizer.projection", "patch_embed.proj"),
    ("encoders", "blocks"),
    ("attention", "attn"),
    ("projection", "proj"),
    ("mixer.up", "mlp.fc1"),
    ("mixer.down", "mlp.fc2"),
    ("linear_weight", "weight"),
    ("gain", "weight"),
]
"""Parts of our names, and of the published ones."""
_PATCHES, _BIAS = "patch_embed.proj.weight", "patch_embed.proj.bias"
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's planes, whose values are from 0 to 1."""


@torch.no_grad()
def load_deit(model: VisionTransformer, path: Path) -> None:
    """Give a transformer the weights of a DeiT from a .safetensors or .npz file.

    The normalisation of ImageNet's pixels becomes part of the patches' projection. Positions of
    another number of tokens are interpolated bicubically. A head of another number of classes
    keeps its own weights, and mixers of tables keep theirs.

    Raises
    ------
    ModelError
        The file is missing, corrupt or of another form, or its tensors are not the model's; the
        model is as it was before.
    """
    config = model.config
    if not isinstance(config, Vit) or model.shape[0] != len(_MEAN):
        raise ModelError(
            f"{path}: weights of a DeiT are for a model of family 'vit' on images of "
            f"{len(_MEAN)} planes, not for a {config.family!r} on {model.shape[0]}"
        )
    given, problems = _read(path), []
    head = given.get("head.weight", model.head.linear_weight)
    classes = list(head.shape[:1])
    taken: dict[str, tuple[nn.Parameter, Tensor]] = {}
    for own, parameter in model.named_parameters():
        name = own
        for ours, published in _NAMES:
            name = name.replace(ours, published)
        if ".mixer." in name:
            continue
        tensor = given.pop(name, None)
        if tensor is None:
            problems.append(f"{name} is missing")
            continue
        shape = list(parameter.shape)
        if name == _PATCHES:
            shape[1:] = [model.shape[0], config.patch, config.patch]
        elif name == "pos_embed" and tensor.dim() == 3 and _side(tensor):
            shape[1] = tensor.shape[1]
        elif name.startswith("head."):
            shape[:1] = classes
        if list(tensor.shape) != shape:
            problems.append(f"{name} has shape {list(tensor.shape)}, not {shape}")
        elif not tensor.float().isfinite().all():
            problems.append(f"{name} holds a number that is not finite")
        elif name == "pos_embed":
            taken[name] = parameter, _positions(tensor, config, model.shape)
        elif tensor.numel() == parameter.numel():  # else that of a head of other classes
            taken[name] = parameter, tensor.reshape(parameter.shape)
    tables = any(model.mixers())
    problems += [f"{name!r:.80} is unknown" for name in given if not (tables and ".mlp.fc" in name)]
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ModelError(
            f"{path}: not the weights of a DeiT of this shape ({'; '.join(problems[:3])}{more})"
        )
    _fold_normalisation(taken)
    for parameter, tensor in taken.values():
        parameter.copy_(tensor)


def _fold_normalisation(taken: dict[str, tuple[nn.Parameter, Tensor]]) -> None:
    """Let the patches' projection read ``(pixel - PIXEL_ZERO) * PIXEL``, as the model has it."""
    weight, bias = taken[_PATCHES][1], taken[_BIAS][1]
    mean, deviation = (torch.tensor(x, dtype=torch.float64)[:, None] for x in (_MEAN, _DEVIATION))
    planes = weight.view(len(weight), len(_MEAN), -1)
    zero = planes * ((PIXEL_ZERO / 255 - mean) / deviation)
    scaled = planes / (255 * PIXEL * deviation)
    taken[_PATCHES] = taken[_PATCHES][0], scaled.flatten(1)
    taken[_BIAS] = taken[_BIAS][0], bias + zero.sum((1, 2))


def _positions(given: Tensor, config: Vit, shape: tuple[int, int, int]) -> Tensor:
    """Return positions for the model's grid of tokens, from those of a square one."""
    sides = (config.resize, config.resize) if config.resize else shape[1:]
    height, width = (side // config.patch for side in sides)
    side = _side(given)
    if (side, side) == (height, width):
        return given
    grid = given[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, (height, width), mode="bicubic", antialias=True)
    return torch.cat([given[:, :1], grid.flatten(2).transpose(1, 2)], 1)


def _side(positions: Tensor) -> int:
    """Return the side of the grid of tokens; 0 where they make up no square."""
    tokens = positions.shape[1] - 1
    side = round(max(0, tokens) ** 0.5)
    return side if side * side == tokens else 0


def _read(path: Path) -> dict[str, Tensor]:
    """Return a file's tensors, float64."""
    if path.suffix not in (".safetensors", ".npz"):
        raise ModelError(
            f"{path}: weights are read from .safetensors and .npz files, since a pickle can "
            "run any code; convert one that you trust: torch.load with weights_only=True, and "
            "safetensors.torch.save_file of what lies under 'model'"
        )
    try:
        if path.suffix == ".safetensors":
            found = load_file(path)
        else:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                found = {name: torch.from_numpy(file[name]) for name in file.files}
    except Exception as error:  # safetensors, numpy, zipfile and zlib each raise their own
        what = " ".join(str(error).split())
        raise ModelError(f"{path}: not a readable file of weights ({what})") from error
    for name, tensor in found.items():
        if not tensor.is_floating_point():
            raise ModelError(f"{path}: {name!r:.80} is of {tensor.dtype}, not of real numbers")
    return {name: tensor.double() for name, tensor in found.items()}
