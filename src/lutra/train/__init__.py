"""Training: a plain resumable loop, learned mapping, augmentation, schedules, checkpoints."""

from lutra.train._augment import augment
from lutra.train._loop import Progress, accuracy
from lutra.train._train import build, restore, train

__all__ = ["Progress", "accuracy", "augment", "build", "restore", "train"]
