"""A trained network of some 5,000 six-input tables in software, beside what the processor could do.

    lutra bench engine-mnist             # writes benchmarks/results/engine-mnist.json

``samples_per_second_per_core`` is from packed pixels to the class, ``from_images`` from uint8
images, on one thread of one core, the best of `REPEATS` calls of `SAMPLES` test images. The bound
is the program's operations at `PER_CYCLE` a cycle: what AVX-512 processors do at most. A cycle is
what one operation takes that waits for the one before, measured in a program that is nothing else.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lutra.bench import record
from lutra.circuit import Circuit, Lut, Output, Words, evaluate, pack_tables
from lutra.engine import Program, pack_samples
from lutra.flow import open_run
from lutra.passes import encoder_words, without_encoder

ROOT = Path(__file__).parents[1]
RECIPE = "neuralut-assemble-mnist"
SAMPLES, REPEATS, PER_CYCLE = 1 << 15, 15, 2
CHAIN = 20_000


def main() -> int:
    """Train what is not trained yet, measure, write the figures."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    run = open_run(ROOT / "recipes" / f"{RECIPE}.toml", ROOT / "runs")
    run.train()
    circuit, test = run.lower(), run.data.test.x.astype(np.uint8)
    expected = evaluate(circuit, test)["class"]
    core = without_encoder(circuit)
    x = np.resize(test, (SAMPLES, test.shape[1]))
    bits = pack_samples(encoder_words(circuit, x), core.input_width)

    started = time.perf_counter()
    program = Program(core, ["class"], packed=True)
    build = time.perf_counter() - started
    whole = Program(circuit, ["class"])
    for found in (program.run_packed(bits, SAMPLES), whole.run(x)):
        if not np.array_equal(found["class"][: len(test)], expected):
            raise SystemExit("the program's classes differ from the circuit's")

    packed = SAMPLES / _best(lambda: program.run_packed(bits, SAMPLES, 1))
    images = SAMPLES / _best(lambda: whole.run(x, 1))
    cycles = _cycles_per_second()
    lanes = 512 if program.instruction_set == "avx512" else 256
    bound = PER_CYCLE * cycles * lanes / program.operations
    record(
        "engine-mnist",
        {
            "unit": "samples/s of one core",
            "ours": packed,
            "peer": bound,
            "ratio": packed / bound,
            "samples_per_second_per_core": packed,
            "from_images": images,
            "bound": bound,
            "operations": program.operations,
            "tables": sum(len(op.wires) for op in core.ops if isinstance(op, Lut)),
            "cycles_per_second": cycles,
            "build_seconds": build,
            "instruction_set": program.instruction_set,
            "test_accuracy": 100 * float(np.mean(expected[:, 0] == run.data.test.y)),
        },
    )
    return 0


def _best(call: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _cycles_per_second() -> float:
    """Return the rate of operations of which each reads the one before."""
    rng = np.random.default_rng(0)
    inputs, ops = 16, []
    table = pack_tables(np.array([[0, 1, 1, 0, 1, 0, 0, 1]]), 1)  # the sum of three bits
    for at in range(inputs, inputs + CHAIN):
        wires = [at - 1, *rng.choice(inputs - 1, 2, replace=False)]
        ops.append(Lut(np.array([wires]), table))
    end = Words(np.array([[inputs + CHAIN - 1]]))
    circuit = Circuit("chain", inputs, 1, tuple(ops), (Output("end", end),))
    program = Program(circuit, packed=True)
    bits = np.zeros((inputs, SAMPLES // 64), np.uint64)
    lanes = 512 if program.instruction_set == "avx512" else 256
    seconds = _best(lambda: program.run_packed(bits, SAMPLES, 1))
    return program.operations * SAMPLES / lanes / seconds


if __name__ == "__main__":
    sys.exit(main())
