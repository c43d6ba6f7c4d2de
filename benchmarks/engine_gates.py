"""Two layers of 8,000 two-input gates in software: Lutra's programs beside difflogic's.

    lutra bench engine-gates             # writes benchmarks/results/engine-gates.json

The peer is difflogic's ``CompiledLogicNet`` by its published algorithm, written anew: 64 samples a
word, straight-line C, counters that ripple, ``gcc -O1 -march=native``. Gates and wires are random,
each of the sixteen functions as likely as another; outputs are ten sums of 800 gates. Both run on
one thread of one core in the same process and agree on every sum. Rates are the best of `REPEATS`
calls of `SAMPLES` samples.

``ratio_bytes`` and ``ratio_packed`` are Lutra from bytes and from packed bits to the peer's call,
which takes bytes; ``ratio_packed_alike`` is to the peer's inner functions, given packed words.
"""

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.bench import record
from lutra.circuit import Circuit, Lut, Output, Sum, Words, pack_tables
from lutra.engine import Program, pack_samples

INPUTS, GATES, LAYERS, CLASSES = 784, 8000, 2, 10
SAMPLES, REPEATS = 1 << 14, 9
WIDTH = (GATES // CLASSES).bit_length()


def main() -> int:
    """Build, check and time both, write the figures."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rng = np.random.default_rng(0)
    wires = [
        rng.integers(0, features, (GATES, 2)) for features in (INPUTS, *[GATES] * (LAYERS - 1))
    ]
    tables = rng.integers(0, 16, (LAYERS, GATES))
    circuit = _circuit(wires, tables)
    x = rng.integers(0, 2, (SAMPLES, INPUTS)).astype(np.uint8)
    bits = pack_samples(x)

    started = time.perf_counter()
    program = Program(circuit)
    build = time.perf_counter() - started
    from_bits = Program(circuit, packed=True)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        peer = _compile(wires, tables, Path(folder))
        peer_build = time.perf_counter() - started
        sums = np.zeros((SAMPLES, CLASSES), np.int32)
        words = np.ascontiguousarray(bits.T)
        calls: dict[str, Callable[[], object]] = {
            "bytes": lambda: program.run(x, 1),
            "packed": lambda: from_bits.run_packed(bits, SAMPLES, 1),
            "peer_bytes": lambda: peer.from_bytes(x.ctypes, sums.ctypes, SAMPLES // 64),
            "peer_packed": lambda: peer.from_words(words.ctypes, sums.ctypes, SAMPLES // 64),
        }
        for of in ("peer_bytes", "peer_packed"):
            sums[:] = -1
            calls[of]()
            for found in (program.run(x, 1), from_bits.run_packed(bits, SAMPLES, 1)):
                if not np.array_equal(found["scores"], sums):
                    raise SystemExit(f"{of}: the sums differ")
        rates = {
            of: SAMPLES / min(_seconds(call) for _ in range(REPEATS)) for of, call in calls.items()
        }
    record(
        "engine-gates",
        {
            "unit": "samples/s of one core",
            "ours": rates["bytes"],
            "peer": rates["peer_bytes"],
            "ratio": rates["bytes"] / rates["peer_bytes"],
            "ratio_bytes": rates["bytes"] / rates["peer_bytes"],
            "ratio_packed": rates["packed"] / rates["peer_bytes"],
            "ratio_packed_alike": rates["packed"] / rates["peer_packed"],
            "samples_per_second": rates,
            "build_seconds": build,
            "peer_build_seconds": peer_build,
            "instruction_set": program.instruction_set,
            "operations": program.operations,
        },
    )
    return 0


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _circuit(wires: list[NDArray[np.int64]], tables: NDArray[np.int64]) -> Circuit:
    ops, at, features = [], 0, INPUTS
    for layer, functions in zip(wires, tables, strict=True):
        entries = functions[:, None] >> np.arange(4) & 1
        ops.append(Lut(at + layer, pack_tables(entries, 1)))
        at, features = at + features, GATES
    ones = np.ones((CLASSES, GATES // CLASSES), np.int64)
    votes = at + np.arange(GATES).reshape(CLASSES, -1)
    ops.append(Sum(votes, ones, np.zeros(CLASSES, np.int64), WIDTH, False))
    scores = Words(at + GATES + np.arange(CLASSES * WIDTH).reshape(CLASSES, WIDTH))
    return Circuit("gates", INPUTS, 1, tuple(ops), (Output("scores", scores),))


def _compile(
    wires: list[NDArray[np.int64]], tables: NDArray[np.int64], folder: Path
) -> ctypes.CDLL:
    """Return the peer's library, compiled."""
    lines = ["#include <stdint.h>", "#include <stddef.h>", "typedef uint64_t word;"]
    lines.append("static void gates(const word *in, word *out) {")
    for layer, (pairs, functions) in enumerate(zip(wires, tables.tolist(), strict=True)):
        for gate, ((a, b), function) in enumerate(zip(pairs.tolist(), functions, strict=True)):
            of = "in[{}]" if layer == 0 else f"v{layer - 1}_{{}}"
            to = f"out[{gate}]" if layer == LAYERS - 1 else f"const word v{layer}_{gate}"
            lines.append(f"  {to} = {_FORMS[function].format(a=of.format(a), b=of.format(b))};")
    lines.append("}")
    sizes = {"INPUTS": INPUTS, "GATES": GATES, "CLASSES": CLASSES, "WIDTH": WIDTH}
    lines += [f"enum {{ {name} = {value} }};" for name, value in sizes.items()]
    source, library = folder / "gates.c", folder / "gates.so"
    source.write_text("\n".join(lines) + _AROUND)
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-march=native", "-o", library, source], check=True
    )
    return ctypes.CDLL(os.fspath(library))


_FORMS = (
    *("0", "~({a} | {b})", "{a} & ~{b}", "~{b}", "{b} & ~{a}", "~{a}", "{a} ^ {b}", "~({a} & {b})"),
    *(
        "{a} & {b}",
        "~({a} ^ {b})",
        "{a}",
        "{a} | ~{b}",
        "{b}",
        "{b} | ~{a}",
        "{a} | {b}",
        "~(word)0",
    ),
)
"""By truth table, entry a + 2 b at that bit."""

_AROUND = """
static void count(const word *votes, int32_t *sums) {
  for (size_t c = 0; c < CLASSES; ++c) {
    word total[WIDTH] = {0};
    for (size_t i = 0; i < GATES / CLASSES; ++i) {
      word carry = votes[c * (GATES / CLASSES) + i];
      for (int d = 0; d < WIDTH; ++d) {
        const word before = total[d];
        total[d] = before ^ carry;
        carry &= before;
      }
    }
    for (size_t s = 0; s < 64; ++s) {
      int32_t sum = 0;
      for (int d = 0; d < WIDTH; ++d) sum |= (int32_t)(total[d] >> s & 1) << d;
      sums[s * CLASSES + c] = sum;
    }
  }
}
void from_words(const word *in, int32_t *sums, size_t words) {
  static word votes[GATES];
  for (size_t w = 0; w < words; ++w, in += INPUTS, sums += 64 * CLASSES) {
    gates(in, votes);
    count(votes, sums);
  }
}
void from_bytes(const uint8_t *bytes, int32_t *sums, size_t words) {
  static word in[INPUTS];
  for (size_t w = 0; w < words; ++w, bytes += 64 * INPUTS, sums += 64 * CLASSES) {
    for (size_t i = 0; i < INPUTS; ++i) {
      word packed = 0;
      for (size_t s = 64; s-- > 0;) packed = packed << 1 | !!bytes[s * INPUTS + i];
      in[i] = packed;
    }
    from_words(in, sums, 1);
  }
}
"""

if __name__ == "__main__":
    sys.exit(main())
