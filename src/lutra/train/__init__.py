"""Training: a plain resumable loop, learned mapping, augmentation, schedules, checkpoints;
boosting of forests."""

from lutra.train._augment import augment
from lutra.train._dispatch import check, restore, train
from lutra.train._distributed import leads
from lutra.train._loop import Progress, accuracy
from lutra.train._train import build
from lutra.train._trained import Trained
from lutra.train._vision import restore_float, train_integers

__all__ = [
    "Progress",
    "Trained",
    "accuracy",
    "augment",
    "build",
    "check",
    "leads",
    "restore",
    "restore_float",
    "train",
    "train_integers",
]
