"""Tables compressed: stored bits and seconds beside CompressedLUT's and ReducedLUT's, and a stress.

    lutra bench compress                 # writes benchmarks/results/compress.json

Peer: measurements of the released CompressedLUT, stored bits without and with its levels of
biases, and the least seconds per table. It quantises ``floor(1024 f(x))`` at ``x = i / 1024``:
2744 and 3520 bits come out for ``exp(x - 1)`` and ``sin(pi x / 2)``. The random tables are of the
peer's shapes, not the peer's own: their bits cannot be compared, their seconds can. ReducedLUT
takes 0.05 to 0.2 s for a table of these shapes with cares; the least stands for all of them.

Tables are 1,000 per shape, compressed in one call on one thread; seconds are CPU time per table,
wall time beside it. The stress replaces random tables with random cares by operations and reads
every entry of the resulting circuit.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutra.bench import record
from lutra.circuit import Builder, Lut, evaluate, pack_tables
from lutra.passes import compress, compress_tables

Ints = NDArray[np.int64]
Cares = NDArray[np.bool_]
Generator = np.random.Generator

SEED = 0
TABLES = 1000
SAMPLES = 60_000
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], tuple[int, int], float]] = {
    "exp(x-1) 10->10": (lambda x: np.exp(x - 1), (2744, 2114), 0.02),
    "sin 10->10": (lambda x: np.sin(np.pi / 2 * x), (3520, 3032), 0.02),
}
"""Function, published bits without and with levels, published seconds."""
SHAPES = {
    "linear 12->4": ("linear", 3, 4, 4, 0.10),
    "sub-MLP JSC-like 12->4": ("mlp", 3, 4, 4, 0.11),
    "sub-MLP MNIST-like 12->2": ("mlp", 6, 2, 2, 0.06),
    "uniform random 12->4": ("uniform", 3, 4, 4, 0.12),
}
"""Kind, digits, bits per digit, output bits, published seconds."""
REDUCED_SECONDS = 0.05
STRESS = [
    (kind, digits, bits, width)
    for kind in ("mlp", "uniform")
    for digits, bits, width in ((4, 2, 4), (8, 1, 1), (3, 3, 8), (5, 2, 2), (3, 4, 4))
]
EXIGUITY = (None, 0, 4, 50, 250)
STRESS_TABLES = 110
"""Per shape, exiguity and number of levels: 11,000 in all."""


def random_tables(rng: Generator, kind: str, n: int, digits: int, bits: int, width: int) -> Ints:
    """Tables over digits from -1 to 1: linear, one hidden layer of 16 ReLUs, or uniform codes.

    The values are quantised over two standard deviations to both sides. Shape (n, entries).
    """
    entries, top = 1 << (digits * bits), (1 << width) - 1
    if kind == "uniform":
        return rng.integers(0, 1 << width, (n, entries))
    digit = np.arange(entries) >> bits * np.arange(digits)[:, None] & ((1 << bits) - 1)
    x = digit / ((1 << bits) - 1) * 2 - 1
    if kind == "mlp":
        weight = rng.normal(size=(n, 16, digits)) / np.sqrt(digits)
        x = np.maximum(weight @ x + rng.normal(size=(n, 16, 1)) / 2, 0)
    y = (rng.normal(size=(n, 1, x.shape[-2])) @ x)[:, 0]
    y = (y - y.mean(axis=1, keepdims=True)) / y.std(axis=1, keepdims=True)
    return np.clip(np.rint((y + 2) / 4 * top), 0, top).astype(np.int64)


def occupied(rng: Generator, n: int, digits: int, bits: int) -> Cares:
    """Entries that samples of correlated Gaussian digits read. Shape (n, entries)."""
    cares = np.zeros((n, 1 << (digits * bits)), bool)
    top = (1 << bits) - 1
    for care in cares:
        mix = np.eye(digits) + rng.normal(size=(digits, digits)) / 2
        mix /= np.linalg.norm(mix, axis=1, keepdims=True)
        x = mix @ rng.normal(size=(digits, SAMPLES))
        code = np.clip(np.rint((x + 2) / 4 * top), 0, top).astype(np.int64)
        care[(code << bits * np.arange(digits)[:, None]).sum(axis=0)] = True
    return cares


def measure(codes: Ints, width: int, cares: Cares | None = None, **options: Any) -> dict[str, Any]:
    """Compress tables in one call. Bits are means over the tables, seconds per table."""
    cpu, wall = time.process_time(), time.perf_counter()
    forms = compress_tables(codes, width, cares, **options)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    plain = codes.shape[1] * width
    bits = np.mean([plain if form is None else form.stored_bits for form in forms])
    return {
        "stored_bits": float(bits),
        "ratio_plain": float(bits / plain),
        "compressed": sum(form is not None for form in forms) / len(forms),
        "seconds": cpu / len(codes),
        "wall_seconds": wall / len(codes),
    }


def wrong_entries(codes: Ints, width: int, cares: Cares, **options: Any) -> int:
    """Count entries that matter and that the compressed circuit gives differently."""
    bits = codes.shape[1].bit_length() - 1
    builder = Builder(1, bits)
    wires = np.tile(np.arange(bits), (len(codes), 1))
    builder.output("y", builder.add(Lut(wires, pack_tables(codes, width), "tables"), width))
    circuit = compress(builder.build("stress"), {0: cares}, **options)
    found = evaluate(circuit, np.arange(codes.shape[1])[:, None])["y"].T
    return int((cares & (found != codes)).sum())


def main() -> int:
    """Measure functions, random tables and the stress, write the figures."""
    rng = np.random.default_rng(SEED)
    functions: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    stress = {"tables": 0, "care_entries": 0, "wrong_care_entries": 0}
    for name, (function, published, seconds) in FUNCTIONS.items():
        codes = np.floor(1024 * function(np.arange(1024) / 1024)).astype(np.int64)
        batch = np.tile(codes, (TABLES, 1))
        row: dict[str, Any] = {"peer_bits": published, "peer_seconds": seconds}
        row |= {"single": measure(batch, 10), "multilevel": measure(batch, 10, multilevel=True)}
        functions[name] = row
        sys.stderr.write(f"{name}: {row}\n")
    for name, (kind, digits, bits, width, seconds) in SHAPES.items():
        codes = random_tables(rng, kind, TABLES, digits, bits, width)
        cares = occupied(rng, TABLES, digits, bits)
        row = {"peer_seconds": seconds, "care_fraction": float(cares.mean())}
        for levels, multilevel in (("single", False), ("multilevel", True)):
            row[levels] = measure(codes, width, multilevel=multilevel)
            row[f"{levels}_reduced"] = measure(codes, width, cares, multilevel=multilevel)
        tables[name] = row
        sys.stderr.write(f"{name}: {row}\n")
    exact = reduced = 0.0
    for kind, digits, bits, width in STRESS:
        for exiguity in EXIGUITY:
            for multilevel in (False, True):
                codes = random_tables(rng, kind, STRESS_TABLES, digits, bits, width)
                cares = rng.random(codes.shape) < rng.random((len(codes), 1))
                options = {"exiguity": exiguity, "multilevel": multilevel}
                exact += measure(codes, width, multilevel=multilevel)["stored_bits"]
                reduced += measure(codes, width, cares, **options)["stored_bits"]
                stress["tables"] += len(codes)
                stress["care_entries"] += int(cares.sum())
                stress["wrong_care_entries"] += wrong_entries(codes, width, cares, **options)
        sys.stderr.write(f"stress {kind} {digits}x{bits}->{width}: {stress}\n")
    levels = ("single", "multilevel")
    ours = sum(row[level]["stored_bits"] for row in functions.values() for level in levels)
    peer = sum(sum(row["peer_bits"]) for row in functions.values())
    rows = [*functions.values(), *tables.values()]
    figures = {
        "ours": ours,
        "peer": peer,
        "ratio": ours / peer,
        "unit": "stored bits of exp and sin without and with levels, ours / peer",
        "least_speedup": min(row["peer_seconds"] / row["single"]["seconds"] for row in rows),
        "least_speedup_multilevel": min(
            row["peer_seconds"] / row["multilevel"]["seconds"] for row in rows
        ),
        "least_speedup_reduced": min(
            REDUCED_SECONDS / row[f"{level}_reduced"]["seconds"]
            for row in tables.values()
            for level in levels
        ),
        "functions": functions,
        "tables": tables,
        "stress": stress | {"reduced_to_compressed_bits": reduced / exact},
        "seed": SEED,
        "tables_per_shape": TABLES,
    }
    record("compress", figures)
    return int(stress["wrong_care_entries"] > 0)


if __name__ == "__main__":
    sys.exit(main())
