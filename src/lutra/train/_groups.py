"""What decays, and how fast each part of a model learns."""

from typing import Any

from torch import Tensor, nn

from lutra.nn.vision import VisionTransformer
from lutra.recipe import TrainConfig

__all__ = ["parameter_groups"]


def parameter_groups(model: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Return the optimiser's groups; ``factor`` is a group's rate by the learning rate.

    Weights alone decay: no norms, biases, thresholds or scalar affine maps. In a vision
    transformer tables learn at ``config.table_rate``, and the summed values of a wide mixer more
    slowly than the rest, see `_sum_rate`; neither decays.
    """
    decay, free, tables, sums = [], [], [], []
    vision = isinstance(model, VisionTransformer)
    for name, parameter in model.named_parameters():
        if vision and name.endswith("table_weight"):
            tables.append(parameter)
        elif vision and name.endswith("mixer.embedding") and _sum_rate(parameter) < 1:
            sums.append(parameter)
        else:
            (decay if name.endswith("_weight") else free).append(parameter)
    groups = [
        {"params": decay, "weight_decay": config.weight_decay, "factor": 1.0},
        {"params": free, "weight_decay": 0.0, "factor": 1.0},
        {"params": tables, "weight_decay": 0.0, "factor": config.table_rate},
        *({"params": [e], "weight_decay": 0.0, "factor": _sum_rate(e)} for e in sums),
    ]
    return [group for group in groups if group["params"]]


def _sum_rate(embedding: Tensor) -> float:
    """Return the rate of a mixer's values E, (tables, channels), by that of other parameters.

    Adam moves every weight by as much whatever its gradient, so a sum by more the more weights
    it has (Yang et al., arXiv 2203.03466): one of more ones than channels, taken as half of the
    tables, has to learn more slowly to move as a layer of the stream's width does.
    """
    tables, channels = embedding.shape
    return min(1.0, 2 * channels / tables)
