"""What a training step costs: kernel by kernel against the machine, and as the network grows.

    lutra bench train-scaling            # writes benchmarks/results/train-scaling.json

The limit of each kernel is the greater of its floating-point operations at the rate of a large
matrix product and its bytes at the rate of a large copy, both measured in the same run.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lutra._kernels import native
from lutra.bench import record
from lutra.nn import Quantiser, Signal, SkipMlp, TableLayer, _table_layer, random_wiring
from lutra.nn import _native_ops as ops
from lutra.nn._torch_ops import NormQuantise
from lutra.nn.functions import Entries

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
        "address_bits": {f: _step(fan_in=f) for f in (4, 6, 8, 10, 12)},
        "address_bits_all_entries": {f: _step(fan_in=f, unique=False) for f in (8, 10, 11, 12)},
        "address_bits_unique": {f: _step(fan_in=f, unique=True) for f in (8, 10, 11, 12)},
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
    unique: bool | None = None,
) -> float:
    """Return the milliseconds of one forward and backward pass of equal levels.

    ``unique`` evaluates the entries that samples meet (True) or all of them (False) in place of
    the layer's own choice.
    """
    assert native is not None
    native.set_threads(threads or native.threads())
    chosen = _table_layer.UNIQUE_ABOVE
    if unique is not None:
        _table_layer.UNIQUE_ABOVE = 0 if unique else 1 << 16
    draw = torch.Generator().manual_seed(0)
    layers = [
        TableLayer(
            random_wiring(FEATURES, fan_in, FEATURES, draw),
            1,
            SkipMlp(FEATURES, fan_in, hidden, True, draw),
            Quantiser(1, False),
        )
        for _ in range(levels)
    ]
    source = Quantiser(1, False)
    x = torch.randn(FEATURES, batch, generator=draw, requires_grad=True)
    values, codes = (part.detach() for part in source(x))
    values.requires_grad_()

    def run() -> Tensor:
        flow = Signal(codes, source.levels, 1, values)
        for layer in layers:
            flow = layer(flow)
        flow.values.sum().backward()
        return flow.codes

    milliseconds = 1e3 * _time(run, 5)
    _table_layer.UNIQUE_ABOVE = chosen
    sys.stderr.write(f"batch {batch}, {levels} levels, hidden {hidden}, fan-in {fan_in}: ")
    sys.stderr.write(f"{milliseconds:.1f} ms\n")
    return round(milliseconds, 2)


if __name__ == "__main__":
    sys.exit(main())
