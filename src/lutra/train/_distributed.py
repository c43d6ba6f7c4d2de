"""One training on several processes, with the bits of one process.

A step's batch is divided into shards, however many processes there are. Whatever is summed over
shards is summed in the order of one binary tree, whose lower branches are those of single
processes; whatever else depends on a whole batch is computed by every process.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from lutra.errors import LutraError, RecipeError

__all__ = ["Shards", "check_batch", "check_processes", "device", "joined", "leads"]

_TORCHRUN = "TORCHELASTIC_RUN_ID"
"""Variable that torchrun sets, beside WORLD_SIZE, RANK and LOCAL_RANK."""
_PATIENCE = timedelta(days=1)
"""How long a process waits for others: the first one validates alone."""


@dataclass(frozen=True)
class Shards:
    """Equal parts of every step's batch, and those of them that this process evaluates.

    Parameters
    ----------
    count
        Parts, a power of two.
    processes, rank
        Among how many processes they are divided, and the number of this one.
    """

    count: int = 1
    processes: int = 1
    rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self.rank == 0

    def own(self, batch: int) -> Iterator[tuple[int, slice]]:
        """Yield number and rows of this process's shards of a batch."""
        size, own = batch // self.count, self.count // self.processes
        for number in range(self.rank * own, (self.rank + 1) * own):
            yield number, slice(number * size, (number + 1) * size)

    def total(self, parts: Iterable[Sequence[Tensor]]) -> Sequence[Tensor]:
        """Return the sums over all shards of what each of this process's own ones has, float32."""
        own = _pairwise(parts)
        if self.processes == 1:
            return own
        flat = torch.cat([tensor.flatten() for tensor in own])
        everyones = [torch.empty_like(flat) for _ in range(self.processes)]
        dist.all_gather(everyones, flat)
        (flat,) = _pairwise([each] for each in everyones)
        sums = flat.split([tensor.numel() for tensor in own])
        return [part.view_as(tensor) for part, tensor in zip(sums, own, strict=True)]

    def maximise(self, tensors: Sequence[Tensor]) -> None:
        """Replace every element by the greatest that any process has."""
        if self.processes > 1 and tensors:
            flat = torch.cat([tensor.flatten() for tensor in tensors])
            dist.all_reduce(flat, dist.ReduceOp.MAX)
            sizes = [tensor.numel() for tensor in tensors]
            for tensor, part in zip(tensors, flat.split(sizes), strict=True):
                tensor.copy_(part.view_as(tensor))

    def agreed(self, number: float) -> float:
        """Return the first process's number, once it is known."""
        if self.processes == 1:
            return number
        told = torch.tensor(number, dtype=torch.float64, device=device())
        dist.broadcast(told, 0)
        return told.item()

    def wait(self) -> None:
        """Go on when the first process has come here."""
        self.agreed(0.0)


@contextmanager
def joined(count: int) -> Iterator[Shards]:
    """Join the processes that torchrun started, if it did, to train on so many shards."""
    check_processes(count)
    processes = _processes()
    if processes == 1:
        yield Shards(count)
        return
    place = device()
    if place.type == "cuda":
        torch.cuda.set_device(place)
    elif not (dist.is_available() and dist.is_gloo_available()):
        raise LutraError("this torch has no gloo, by which processes talk: leave torchrun out")
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Shards(count, processes, dist.get_rank())
        dist.barrier()  # none hangs up while another one listens
    finally:
        dist.destroy_process_group()


def leads() -> bool:
    """Tell whether this process is the only one, or the first of torchrun's."""
    return _processes() == 1 or os.environ["RANK"] == "0"


def check_processes(count: int) -> None:
    """Raise LutraError where so many shards cannot be divided among torchrun's processes."""
    processes = _processes()
    if count % processes:
        raise LutraError(
            f"{processes} processes cannot share out train.shards = {count}: start 1 process, or, "
            "of a vision transformer, a power of two, with train.shards as many or more"
        )


def check_batch(count: int, batch: int) -> None:
    """Raise RecipeError where a batch cannot be divided into so many shards."""
    if batch % count:
        raise RecipeError(f"train.shards = {count} does not divide a batch of {batch} rows")


def device() -> torch.device:
    """Return where vision transformers train: on a GPU of each process's own, if there are any."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def _processes() -> int:
    """Return how many processes torchrun started; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if _TORCHRUN in os.environ else 1


def _pairwise(parts: Iterable[Sequence[Tensor]]) -> Sequence[Tensor]:
    """Add up as many lists of tensors as a power of two, neighbours first, then their sums."""
    held: list[tuple[int, Sequence[Tensor]]] = []
    for part in parts:
        size, total = 1, part
        while held and held[-1][0] == size:
            _, before = held.pop()
            total = [a + b for a, b in zip(before, total, strict=True)]
            size *= 2
        held.append((size, total))
    ((_, total),) = held
    return total
