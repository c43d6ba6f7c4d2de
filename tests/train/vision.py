"""Tiny vision transformers, and trainings of them in processes of their own."""

import copy
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from lutra.data import Dataset
from lutra.recipe import parse_recipe
from lutra.train import _loop, train

from ..conftest import ROOT, first_rows, small

_TRANSFORMER = {
    "layers": 2,
    "heads": 2,
    "dim": 16,
    "mixer": {"kind": "lut", "tables": [24, 16], "candidates": 8},
    "quantised_epochs": 1,
    "drop_path": 0.2,
}
_BACKBONES = {
    "vit": {"family": "vit", "patch": 7, **_TRANSFORMER},
    "cct": {"family": "cct", "convolutions": 2, **_TRANSFORMER},
}
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]


def tiny_transformer(backbone: str, **train: Any) -> dict[str, Any]:
    """Return the content of a recipe of two encoders on MNIST, its mixers tables."""
    settings = {
        "epochs": 2,
        "batch": 64,
        "learning_rate": 2e-3,
        "weight_decay": 0.05,
        "schedule": "cosine",
        "ema": 0.9,
        "augment": {"crop": 2},
        "mix": {"mixup": 0.8, "cutmix": 1.0},
    }
    content = {
        "name": "tiny",
        "data": {"name": "mnist", "validation": 5000},
        "model": _BACKBONES[backbone],
        "train": settings | train,
    }
    return copy.deepcopy(content)


def few() -> Dataset:
    """MNIST's first 512 training images, and 100 of each other part."""
    return first_rows(small(), train=512, validation=100, test=100)


def run(
    folder: Path, content: dict[str, Any], processes: int = 1, stop: int = -1
) -> subprocess.CompletedProcess[str]:
    """Train a recipe in ``folder``; every process dies at step ``stop``, counted from the start."""
    command = [sys.executable, *([] if processes == 1 else [*TORCHRUN, str(processes)])]
    command += ["-m", "tests.train.vision", str(folder), json.dumps(content), str(stop)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, timeout=120, capture_output=True, text=True
    )


def weights(folder: Path, name: str = "train") -> dict[str, bytes]:
    """Return the kept weights of a run folder."""
    state = load_file(folder / f"{name}.best.safetensors")
    return {key: value.numpy().tobytes() for key, value in state.items()}


def _train(folder: Path, content: dict[str, Any], stop: int) -> None:
    _loop._CHECKPOINT_SECONDS, _loop._CHECKPOINT_SHARE = 0.0, 1e9
    update, seen = _loop._update, 0

    def counted(*arguments: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        update(*arguments)

    _loop._update = counted
    train(parse_recipe(content), few(), 3, folder)


if __name__ == "__main__":
    _train(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]))
