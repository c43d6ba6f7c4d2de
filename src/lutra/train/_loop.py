"""The training loop: plain steps, one validation per epoch, resumable at any step.

A run that was killed and resumed ends with the same bits as one that was not (CPU, same number
of threads): every random draw depends on seed, epoch and step alone, and a checkpoint holds all
else.
"""

import copy
import json
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lutra.data import Dataset
from lutra.errors import CheckpointError, LutraError
from lutra.files import write_atomic
from lutra.nn import BitFlips, Dropout, LutModel, Teacher
from lutra.nn.vision import Range, VisionTransformer
from lutra.recipe import DistillConfig, TrainConfig
from lutra.train._augment import augment
from lutra.train._checkpoint import (
    damaged,
    load_state,
    pack_optimizer,
    save_state,
    unpack,
    unpack_optimizer,
)
from lutra.train._distributed import Shards
from lutra.train._groups import parameter_groups
from lutra.train._members import MemberLoss
from lutra.train._mix import mix
from lutra.train._random import generator
from lutra.train._record import Recorder
from lutra.train._rewire import Rewiring
from lutra.train._schedule import learning_rate
from lutra.train._trained import Trained
from lutra.weightless import UleenModel

__all__ = ["Phase", "Progress", "accuracy", "fit"]

Progress = Callable[[str, int, int, dict[str, Any]], None]
"""Called with (phase, steps done, steps in total, newest figures)."""


@dataclass(frozen=True)
class Batch:
    """Rows as they are trained on, their targets, and their numbers in the train part."""

    x: Tensor
    targets: Tensor
    rows: Tensor


Trainee = LutModel | UleenModel | Teacher | VisionTransformer

_COUNTERS = {
    "epoch": int,
    "step": int,
    "sums": list,
    "best": int | float,
    "seconds": int | float,
    "history": list,
}
"""What of a phase a checkpoint holds, and of which type."""
_FIGURES = {"epoch", "phase", "loss", "train_accuracy", "val_accuracy", "lr", "seconds"}
"""What the history holds of an epoch."""
_CHECKPOINT_SECONDS = 30.0
_CHECKPOINT_SHARE = 0.05
"""Least time between checkpoints, and the greatest share of the time that they may take."""


@dataclass
class Phase:
    """One training of one model, and where its files lie.

    Parameters
    ----------
    name
        ``dense``, ``teacher``, ``float`` or ``train``; names the files.
    epochs, seed, digest
        Length, seed of every draw, and the fingerprint that a checkpoint must carry.
    penalty
        Added to the loss, e.g. the group regulariser.
    rewiring
        Changes the wiring during the training.
    targets
        A teacher's logits of every training row, (rows, classes).
    member_loss
        Of the members of an ensemble, in the place of the loss of their sum.
    dropout
        Share of a `lutra.weightless.UleenModel`'s answers that a step leaves out.
    drop_path
        Whether samples skip branches of a vision transformer, as its recipe says.
    teacher
        Gives its logits of raw rows as they are trained on.
    shards
        How every batch is divided.
    remedy
        What to do where the loss is no longer finite.
    """

    name: str
    folder: Path
    epochs: int
    seed: int
    digest: str
    penalty: Callable[[], Tensor | None] = lambda: None
    rewiring: Rewiring | None = None
    targets: Tensor | None = None
    member_loss: MemberLoss | None = None
    dropout: float = 0.0
    drop_path: bool = False
    teacher: Callable[[Tensor], Tensor] | None = None
    shards: Shards = field(default_factory=Shards)
    remedy: str = "lower train.learning_rate, train.weight_decay"
    history: list[dict[str, Any]] = field(default_factory=list)
    best: float = -1.0
    epoch: int = 0
    step: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0])
    seconds: float = 0.0

    @property
    def checkpoint(self) -> Path:
        """Latest state, to resume from."""
        return self.folder / f"{self.name}.checkpoint.safetensors"

    @property
    def result(self) -> Path:
        """Weights that the phase keeps."""
        return self.folder / f"{self.name}.best.safetensors"

    @property
    def log(self) -> Path:
        """One JSON line per epoch."""
        return self.folder / f"{self.name}.jsonl"


def accuracy(model: Trained | Teacher, x: Tensor, y: Tensor) -> float:
    """Return the share of rows, in per cent, whose greatest output code is at the label."""
    return 100 * (model.codes(x).argmax(dim=1) == y).double().mean().item()


def fit(
    model: Trainee,
    data: Dataset,
    config: TrainConfig,
    phase: Phase,
    progress: Progress | None = None,
) -> None:
    """Train ``model`` in place, from its checkpoint where there is one.

    It ends in evaluation mode, with the weights that ``config.select`` names.

    Raises
    ------
    CheckpointError
        A checkpoint is corrupt or belongs to another recipe.
    LutraError
        The loss is no longer finite.
    """
    place = next(model.parameters()).device
    x, y = torch.from_numpy(data.train.x).to(place), torch.from_numpy(data.train.y).to(place)
    batch = min(config.batch, len(y))
    steps = max(1, len(y) // batch)
    optimizer = torch.optim.AdamW(
        parameter_groups(model, config),
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        fused=True,
    )
    average = copy.deepcopy(model) if config.ema else None
    _resume(phase, model, optimizer, average)
    shards, ranges = phase.shards, [part for part in model.modules() if isinstance(part, Range)]
    progress = progress if shards.first else None
    recorder = Recorder() if _recorded(model, phase) else None
    started = time.monotonic()
    due = started + _CHECKPOINT_SECONDS
    before = phase.seconds
    model.train()
    while phase.epoch < phase.epochs:
        order = torch.randperm(len(y), generator=generator(phase.seed, "order", phase.epoch))
        while phase.step < steps:
            step = phase.epoch * steps + phase.step
            rate = learning_rate(config, step, steps, phase.epochs)
            rows = order[phase.step * batch : (phase.step + 1) * batch]
            own = rows.to(place)
            xb = _distort(x.index_select(0, own), data, config, phase)
            xb, targets = _mix(xb, y.index_select(0, own), data, config, phase)
            whole = Batch(xb, targets, rows)
            if phase.rewiring is not None:
                phase.rewiring.prepare(step, phase.epochs * steps)
            loss, right = _gradients(model, whole, config, phase, recorder)
            _update(optimizer, rate)
            shards.maximise([part.met for part in ranges])
            if not isinstance(model, Teacher):
                model.constrain()
            if phase.rewiring is not None:
                averaged = average if isinstance(average, LutModel) else None
                phase.rewiring.apply(step, phase.epochs * steps, optimizer, averaged)
            if average is not None:
                settled = phase.rewiring.settled(phase.epochs * steps) if phase.rewiring else 0
                window = max(1, step + 1 - settled)
                _average(average, model, min(config.ema, 1 - 1 / window))
            phase.sums[0] += _finite(loss, phase)
            phase.sums[1] += int(right)
            phase.step += 1
            phase.seconds = before + time.monotonic() - started
            if progress is not None:
                newest = phase.history[-1] if phase.history else {}
                progress(phase.name, step + 1, phase.epochs * steps, newest)
            if time.monotonic() > due and phase.step < steps and shards.first:
                due = _save(phase, model, optimizer, average)
        if not all(parameter.isfinite().all() for parameter in model.parameters()):
            raise _diverged("a weight", phase)
        kept = average or model
        row = _close_epoch(phase, kept, data, steps, batch, optimizer.param_groups[0]["lr"])
        last = phase.epoch + 1 == phase.epochs
        if last if config.select == "last" else row["val_accuracy"] > phase.best:
            phase.best = row["val_accuracy"] or 0.0
            if shards.first:
                save_state(phase.result, kept.state_dict(), {"digest": phase.digest, **row})
        phase.epoch, phase.step, phase.sums = phase.epoch + 1, 0, [0.0, 0.0]
        if progress is not None:
            progress(phase.name, phase.epoch * steps, phase.epochs * steps, row)
        if (last or time.monotonic() > due) and shards.first:
            due = _save(phase, model, optimizer, average)
    shards.wait()  # until all files are written
    tensors, _ = load_state(phase.result, phase.digest)
    unpack(model, tensors, "", phase.result)
    model.train(False)


def _recorded(model: Trainee, phase: Phase) -> bool:
    """Tell whether every step is the same to a GPU: no draws, no teacher, no scales to look at."""
    if not isinstance(model, VisionTransformer) or model.device.type != "cuda":
        return False
    one = phase.shards.count == phase.shards.processes
    return one and not (model.quantised or phase.drop_path or phase.teacher)


def _gradients(
    model: Trainee,
    whole: Batch,
    config: TrainConfig,
    phase: Phase,
    recorder: Recorder | None = None,
) -> tuple[Tensor, Tensor]:
    """Leave a batch's gradients with the parameters; return its loss, and how many are right."""
    shards = phase.shards

    def evaluate(number: int, part: slice) -> list[Tensor]:
        def differentiate(x: Tensor, targets: Tensor) -> list[Tensor]:
            return _differentiate(model, Batch(x, targets, whole.rows[part]), config, phase, number)

        inputs = [whole.x[part], whole.targets[part]]
        if recorder is None:
            return differentiate(*inputs)
        observing = phase.rewiring is not None and phase.rewiring.observing
        return recorder(observing, differentiate, inputs)

    own = shards.own(len(whole.rows))
    loss, right, *sums = shards.total(evaluate(*each) for each in own)
    learning = [each for each in model.parameters() if each.grad is not None]
    for parameter, gradient in zip(learning, sums[: len(learning)], strict=True):
        parameter.grad = gradient
    if phase.rewiring is not None:
        phase.rewiring.take(sums[len(learning) :])
    return loss, right


def _differentiate(
    model: Trainee, own: Batch, config: TrainConfig, phase: Phase, number: int
) -> list[Tensor]:
    """Return what shard ``number`` gives: its loss, its right answers, gradients, observations."""
    logits, loss = _forward(model, own, config, phase, number)
    loss = loss / phase.shards.count
    model.zero_grad()
    loss.backward()
    targets = own.targets
    labels = targets.argmax(dim=1) if targets.is_floating_point() else targets
    right = (logits.argmax(dim=1) == labels).sum().float()
    observed = phase.rewiring.observed() if phase.rewiring is not None else []
    gradients = [each.grad for each in model.parameters() if each.grad is not None]
    return [loss.detach(), right, *gradients, *observed]


def _forward(
    model: Trainee, part: Batch, config: TrainConfig, phase: Phase, number: int
) -> tuple[Tensor, Tensor]:
    """Return logits and loss of shard ``number`` of a batch."""
    noise = _noise(config, phase, number)
    if phase.member_loss is not None and isinstance(model, LutModel | UleenModel):
        parts = model.by_member(part.x, noise)
        return parts.sum(0), phase.member_loss(parts, part.targets, part.rows)
    with _mixed_precision(model, config):
        logits = model(part.x, noise)
    said = phase.teacher(part.x) if phase.teacher is not None else None
    if phase.targets is not None:
        said = phase.targets[part.rows]
    loss = _loss(logits, part.targets, said, config.distill)
    extra = phase.penalty()
    return logits, loss if extra is None else loss + extra


def _distort(x: Tensor, data: Dataset, config: TrainConfig, phase: Phase) -> Tensor:
    if not (config.augment.active and data.image):
        return x
    draw = generator(phase.seed, "augment", phase.epoch, phase.step)
    return augment(x, data.image, config.augment, draw)


def _mixed_precision(model: Trainee, config: TrainConfig) -> AbstractContextManager[Any]:
    """Let products be taken in bfloat16 where the recipe says so and values are real."""
    mixed = config.precision == "bfloat16"
    if isinstance(model, VisionTransformer) and mixed and not model.quantised:
        return torch.autocast(model.device.type, torch.bfloat16)
    return nullcontext()


def _mix(
    x: Tensor, labels: Tensor, data: Dataset, config: TrainConfig, phase: Phase
) -> tuple[Tensor, Tensor]:
    """Return the features, and the targets: labels where nothing is mixed or smoothed."""
    if not (config.mix.active or config.label_smoothing):
        return x, labels
    draw = generator(phase.seed, "mix", phase.epoch, phase.step)
    smoothing, classes = config.label_smoothing, len(data.classes)
    return mix(x, labels, classes, config.mix, smoothing, data.image, draw)


def _noise(config: TrainConfig, phase: Phase, shard: int) -> Any:
    """Return what the model's forward pass takes as noise."""
    if phase.drop_path:
        further = (shard,) if shard else ()
        return generator(phase.seed, "drop path", phase.epoch, phase.step, *further)
    if phase.dropout:
        draw = generator(phase.seed, f"{phase.name} dropout", phase.epoch, phase.step)
        return Dropout(phase.dropout, draw)
    if not config.flips:
        return None
    return BitFlips(config.flips, generator(phase.seed, "flips", phase.epoch, phase.step))


def _close_epoch(
    phase: Phase, model: Trainee, data: Dataset, steps: int, batch: int, rate: float
) -> dict[str, Any]:
    """Validate; append the epoch's figures to the history and the log."""
    part, shards, found = data.validation, phase.shards, None
    if len(part):
        x, y = torch.from_numpy(part.x), torch.from_numpy(part.y)
        found = shards.agreed(accuracy(model, x, y) if shards.first else 0.0)
    row = {
        "epoch": phase.epoch + 1,
        "phase": phase.name,
        "loss": phase.sums[0] / steps,
        "train_accuracy": 100 * phase.sums[1] / (steps * batch),
        "val_accuracy": found,
        "lr": rate,
        "seconds": phase.seconds,
    }
    phase.history.append(row)
    _write_log(phase)
    return row


def _write_log(phase: Phase) -> None:
    if phase.shards.first:
        write_atomic(phase.log, "".join(json.dumps(line) + "\n" for line in phase.history))


def _loss(logits: Tensor, targets: Tensor, said: Tensor | None, config: DistillConfig) -> Tensor:
    """Return cross-entropy, mixed with that by what a teacher said.

    Soft distillation is Hinton et al.'s (arXiv 1503.02531), hard distillation that of DeiT, whose
    teacher is taken at its word (Touvron et al., arXiv 2012.12877).
    """
    loss = F.cross_entropy(logits, targets)
    if said is None:
        return loss
    weight, heat = config.weight, config.temperature
    if config.kind == "hard":
        return (1 - weight) * loss + weight * F.cross_entropy(logits, said.argmax(dim=1))
    soft = F.softmax(said / heat, dim=1)
    soft_loss = F.kl_div(F.log_softmax(logits / heat, dim=1), soft, reduction="batchmean")
    return (1 - weight) * loss + weight * heat**2 * soft_loss


def _update(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    optimizer.step()


def _finite(loss: Tensor, phase: Phase) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise _diverged("the loss", phase)
    return value


def _diverged(what: str, phase: Phase) -> LutraError:
    return LutraError(f"{what} is no longer finite: {phase.remedy}")


@torch.no_grad()
def _average(average: Trainee, model: Trainee, decay: float) -> None:
    pairs = list(zip(average.state_dict().values(), model.state_dict().values(), strict=True))
    real = [pair for pair in pairs if pair[0].is_floating_point()]
    torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
        [old for old, _ in real], [new for _, new in real], 1 - decay
    )
    for old, new in pairs:
        if not old.is_floating_point():  # wires
            old.copy_(new)


def _save(
    phase: Phase,
    model: Trainee,
    optimizer: torch.optim.Optimizer,
    average: Trainee | None,
) -> float:
    """Write the checkpoint; return when the next one is due."""
    started = time.monotonic()
    tensors = {f"model.{key}": value for key, value in model.state_dict().items()}
    tensors |= pack_optimizer(optimizer)
    if average is not None:
        tensors |= {f"average.{key}": value for key, value in average.state_dict().items()}
    if phase.rewiring is not None:
        tensors |= {f"rewiring.{key}": value for key, value in phase.rewiring.state().items()}
    header = {key: getattr(phase, key) for key in ("digest", *_COUNTERS)}
    save_state(phase.checkpoint, tensors, header)
    ended = time.monotonic()
    return ended + max(_CHECKPOINT_SECONDS, (ended - started) / _CHECKPOINT_SHARE)


def _resume(
    phase: Phase,
    model: Trainee,
    optimizer: torch.optim.Optimizer,
    average: Trainee | None,
) -> None:
    if not phase.checkpoint.exists():
        return
    tensors, header = load_state(phase.checkpoint, phase.digest)
    unpack(model, tensors, "model.", phase.checkpoint)
    unpack_optimizer(optimizer, tensors, phase.checkpoint)
    if average is not None:
        unpack(average, tensors, "average.", phase.checkpoint)
    if phase.rewiring is not None:
        state = {k: v for k, v in tensors.items() if k.startswith("rewiring.")}
        found = {k.removeprefix("rewiring."): v for k, v in state.items()}
        phase.rewiring.load(found, phase.checkpoint)
    for key, kind in _COUNTERS.items():
        if not isinstance(header.get(key), kind):
            raise damaged(phase.checkpoint, f"{key!r} is {header.get(key)!r}")
        setattr(phase, key, header[key])
    if phase.epoch < 0 or phase.step < 0:
        raise damaged(phase.checkpoint, f"it is at step {phase.step} of epoch {phase.epoch}")
    if len(phase.sums) != 2 or not all(isinstance(number, int | float) for number in phase.sums):
        raise damaged(phase.checkpoint, f"'sums' is {phase.sums!r}")
    if not all(isinstance(row, dict) and row.keys() >= _FIGURES for row in phase.history):
        raise damaged(phase.checkpoint, "'history' lacks figures of an epoch")
    if phase.best >= 0 and not phase.result.exists():
        raise CheckpointError(
            f"{phase.result} is gone, which {phase.checkpoint.name} belongs to; "
            "delete that as well to train from the start"
        )
    _write_log(phase)
