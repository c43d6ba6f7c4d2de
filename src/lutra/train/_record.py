"""A step's kernels recorded once and replayed: a GPU need not wait for Python to name them."""

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

__all__ = ["Recorder"]

_WARM = 3
"""Evaluations before one is recorded, in which libraries choose and prepare their kernels."""


class Recorder:
    """Evaluate functions of tensors on a GPU by CUDA graphs.

    A function must launch the same kernels every time, ask for no value on the way, and change
    other tensors in place alone. Results lie where those of the last call lay.
    """

    def __init__(self) -> None:
        self._graphs: dict[Hashable, tuple[torch.cuda.CUDAGraph, list[Tensor], list[Tensor]]] = {}

    def __call__(
        self, kind: Hashable, evaluate: Callable[..., list[Tensor]], inputs: list[Tensor]
    ) -> list[Tensor]:
        """Return ``evaluate(*inputs)``; a kind has one function and one shape of every input."""
        if kind not in self._graphs:
            self._graphs[kind] = _record(evaluate, [tensor.clone() for tensor in inputs])
        graph, places, results = self._graphs[kind]
        for place, tensor in zip(places, inputs, strict=True):
            place.copy_(tensor)
        graph.replay()
        return results


def _record(
    evaluate: Callable[..., list[Tensor]], places: list[Tensor]
) -> tuple[torch.cuda.CUDAGraph, list[Tensor], list[Tensor]]:
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM):
            evaluate(*places)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = evaluate(*places)
    return graph, places, results
