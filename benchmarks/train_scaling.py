"""What a training step costs: kernel by kernel against the machine, and as the network grows.

    lutra bench train-scaling            # writes benchmarks/results/train-scaling.json

The limit of each kernel is the greater of its floating-point operations at the rate of a large
matrix product and its bytes at the rate of a large copy, both measured in the same run.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from lutra._kernels import native
from lutra.bench import record
from lutra.nn import Quantiser, Signal, SkipMlp, TableLayer, random_wiring
from lutra.nn import _native_ops as ops
from lutra.nn._torch_ops import NormQuantise
from lutra.nn.functions import Entries, Polynomial, SubNetwork, TableFunction

NEURONS, FAN_IN, HIDDEN, BATCH, FEATURES = 2160, 6, 64, 512, 784


def main() -> int:
    """Measure kernels and scaling, write the figures."""
    if native is None:
        sys.stderr.write("the native kernels are not built\n")
        return 1
    cores = torch.get_num_threads()
    peak, bandwidth = _machine(cores)
    torch.set_num_threads(1)
    kernels = _kernels(peak, bandwidth, cores)
    step = {
        "batch": {b: _step(batch=b) for b in (64, 128, 256, 512, 1024, 2048)},
        "levels": {n: _step(levels=n) for n in (1, 2, 4, 6)},
        "hidden": {n: _step(hidden=n) for n in (8, 16, 32, 64, 128)},
        "address_bits": {f: _step(fan_in=f) for f in (4, 6, 8, 10, 12, 14)},
        "threads": {t: _step(threads=t) for t in range(1, cores + 1)},
    }
    slowest = max(kernels, key=lambda name: kernels[name]["milliseconds"])
    figures = {
        "unit": "milliseconds",
        "layer": {"neurons": NEURONS, "fan_in": FAN_IN, "hidden": HIDDEN, "batch": BATCH},
        "instruction_set": native.instruction_set(),
        "gflops": round(peak / 1e9, 1),
        "gigabytes_per_second": round(bandwidth / 1e9, 1),
        "kernels": kernels,
        "next_bottleneck": slowest,
        "step": step,
        "unique": _unique(),
    }
    record("train-scaling", figures)
    return 0


def _time(run: Callable[[], Any], repeats: int = 9) -> float:
    """Return the median of some runs, in seconds, after two to warm up."""
    seconds = []
    for _ in range(repeats + 2):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[2:])


def _machine(threads: int) -> tuple[float, float]:
    """Return operations per second of a matrix product and bytes per second of a copy."""
    torch.set_num_threads(threads)
    a, big = torch.randn(1500, 1500), torch.randn(1 << 26)
    other = torch.empty_like(big)
    return 2 * 1500**3 / _time(lambda: a @ a), 8 * big.numel() / _time(lambda: other.copy_(big))


def _kernels(peak: float, bandwidth: float, threads: int) -> dict[str, dict[str, float]]:
    assert native is not None
    native.set_threads(threads)
    n, entries, batch = NEURONS, 1 << FAN_IN, BATCH
    codes = torch.randint(0, 2, (FEATURES, batch), dtype=torch.uint8)
    wires, quantiser = random_wiring(n, FAN_IN, FEATURES), Quantiser(1, False)
    function = SkipMlp(n, FAN_IN, HIDDEN)
    inputs = Entries(torch.tensor([0.0, 1.0]), 1, FAN_IN)
    addresses, counts = ops.address(codes, wires, 1)
    table = function.table(inputs)
    grid = torch.randn(table.shape)
    values = table.detach()
    norm = torch.ones(n), torch.zeros(n)
    output = NormQuantise(*norm, 1e-5, quantiser.step.detach(), 0, 1)
    table_codes, mean, variance = ops.quantise(values, counts, batch, output)
    gradient = torch.randn(n, batch)
    *_, direct, shared = ops.quantise_backward(
        gradient, addresses, values, counts, mean, variance, output
    )
    slopes = function.slopes(inputs)
    weights = list(function.parameters())
    unit = n * HIDDEN * entries
    rows: dict[str, tuple[Callable[[], Any], float, float]] = {
        # run, floating-point operations, bytes of every array read or written once
        "address": (
            lambda: ops.address(codes, wires, 1),
            0,
            (n + FEATURES) * batch + 4 * n * entries,
        ),
        "table": (lambda: function.table(inputs), 4 * unit, 4 * n * HIDDEN * (FAN_IN + 2)),
        "quantise": (
            lambda: ops.quantise(values, counts, batch, output),
            8 * n * entries,
            9 * n * entries,
        ),
        "lookup": (
            lambda: ops.lookup(table_codes, addresses),
            0,
            2 * n * batch + n * entries,
        ),
        "quantise_backward": (
            lambda: ops.quantise_backward(
                gradient, addresses, values, counts, mean, variance, output
            ),
            n * batch,
            5 * n * batch + 20 * n * entries,
        ),
        "slopes": (
            lambda: function.slopes(inputs),
            (2 + 2 * FAN_IN) * unit,
            4 * n * entries * inputs.row,
        ),
        "differences": (
            lambda: ops.differences(values, inputs.levels, 1, inputs.row),
            2 * FAN_IN * n * entries,
            4 * n * entries * (1 + inputs.row),
        ),
        "gather": (
            lambda: ops.gather(gradient, direct, shared, slopes, addresses, wires, FEATURES),
            2 * (FAN_IN + 1) * n * batch,
            (5 * n + 4 * FEATURES) * batch + 4 * n * entries * inputs.row,
        ),
        "table_backward": (
            lambda: torch.autograd.grad(table, weights, grid, retain_graph=True),
            4 * unit,
            8 * n * HIDDEN * (FAN_IN + 2),
        ),
    }
    result = {}
    for name, (run, operations, moved) in rows.items():
        seconds, limit = _time(run), max(operations / peak, moved / bandwidth)
        sys.stderr.write(f"{name}: {1e3 * seconds:.2f} ms, {limit / seconds:.0%} of the limit\n")
        result[name] = {
            "milliseconds": round(1e3 * seconds, 3),
            "limit_milliseconds": round(1e3 * limit, 3),
            "fraction": round(limit / seconds, 3),
        }
    return result


def _step(
    batch: int = BATCH,
    levels: int = 1,
    hidden: int = HIDDEN,
    fan_in: int = FAN_IN,
    threads: int | None = None,
) -> float:
    """Return the milliseconds of one forward and backward pass of equal levels."""
    assert native is not None
    native.set_threads(threads or native.threads())
    draw = torch.Generator().manual_seed(0)
    layers = [
        _layer(SkipMlp(FEATURES, fan_in, hidden, True, draw), fan_in, draw) for _ in range(levels)
    ]
    milliseconds = _pass(layers, batch)
    sys.stderr.write(f"batch {batch}, {levels} levels, hidden {hidden}, fan-in {fan_in}: ")
    sys.stderr.write(f"{milliseconds:.1f} ms\n")
    return milliseconds


def _unique(neurons: int = 32) -> dict[str, dict[str, list[float]]]:
    """Return the cost of a layer that evaluates all entries, and of one that evaluates those met.

    Milliseconds by function and kind of gradient, then by address bits.
    """
    draw = torch.Generator().manual_seed(0)
    functions: dict[str, Callable[[int], TableFunction]] = {
        "skip-mlp 64": lambda fan_in: SkipMlp(neurons, fan_in, 64, True, draw),
        "sub-network 4 x 16": lambda fan_in: SubNetwork(neurons, fan_in, 4, 16, 2, draw),
        "polynomial 2": lambda fan_in: Polynomial(neurons, fan_in, 2, generator=draw),
    }
    result: dict[str, dict[str, list[float]]] = {}
    for name, make in functions.items():
        for kind in ("derivative", "difference"):
            row = result[f"{name}, {kind}"] = {}
            for fan_in in (8, 10, 11, 12, 14, 16):
                layer = _layer(make(fan_in), fan_in, draw)
                layer.differences = kind == "difference"
                row[str(fan_in)] = []
                for above in (math.inf, 0.0):
                    layer.function.unique_above = (above, above)
                    row[str(fan_in)].append(_pass([layer], BATCH))
            sys.stderr.write(f"{name}, {kind}: all and met entries, ms: {row}\n")
    return result


def _layer(function: TableFunction, fan_in: int, draw: torch.Generator) -> TableLayer:
    wires = random_wiring(function.neurons, fan_in, FEATURES, draw)
    return TableLayer(wires, 1, function, Quantiser(1, False))


def _pass(layers: Sequence[TableLayer], batch: int) -> float:
    """Return the milliseconds of one forward and backward pass."""
    source = Quantiser(1, False)
    x = torch.randn(FEATURES, batch, generator=torch.Generator().manual_seed(1), requires_grad=True)
    values, codes = (part.detach() for part in source(x))
    values.requires_grad_()

    def run() -> Tensor:
        flow = Signal(codes, source.levels, 1, values)
        for layer in layers:
            flow = layer(flow)
        flow.values.sum().backward()
        return flow.codes

    return round(1e3 * _time(run, 5), 2)


if __name__ == "__main__":
    sys.exit(main())
