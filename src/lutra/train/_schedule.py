"""Learning-rate schedules: plain functions of the step, so that a resumed run continues exactly."""

import math

from lutra.recipe import TrainConfig

__all__ = ["learning_rate"]


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Return the learning rate of one step.

    ``cosine`` falls from the base rate to 0 once; ``warm-restarts`` does so every
    ``restart_epochs`` (SGDR with T_mult = 1, stepped every batch, as the LogicNets lineage). The
    first ``warmup`` steps rise to it in a line.
    """
    cycle = config.restart_epochs if config.schedule == "warm-restarts" else epochs
    period = cycle * steps_per_epoch
    rise = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    return rise * config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step % period) / period))
