"""Truth tables and Verilog of the largest published networks, against an entry at a time.

    lutra bench tabulate                 # writes benchmarks/results/tabulate.json

Both sides go from the same model to tables and RTL on disk. The peer is plain Python: it works
out each entry of each neuron from its digits, and writes a line of a case statement for it. It
does one neuron in `EVERY` of each level, and its time is scaled up; one full pass takes minutes.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lutra.bench import record
from lutra.circuit import Circuit, Lut
from lutra.data import load
from lutra.emit import emit_verilog
from lutra.nn import LutModel, TableLayer
from lutra.nn.functions import Polynomial
from lutra.recipe import load_recipe
from lutra.train import build

RECIPES = Path(__file__).parents[1] / "recipes"
NETWORKS = ("polylut-jsc-xl", "logicnets-jsc-l")
EVERY = 8


def main() -> int:
    """Tabulate each network both ways, write the figures."""
    torch.set_num_threads(1)
    rows = {name: _compare(name) for name in NETWORKS}
    record("tabulate", {"unit": "seconds", "peer_share": f"1 / {EVERY}", "networks": rows})
    return 0


def _compare(name: str) -> dict[str, Any]:
    recipe = load_recipe(RECIPES / f"{name}.toml")
    data = load(recipe.data.name, width=recipe.data.width, clip=recipe.data.clip)
    model = build(recipe, data, seed=0)
    model(torch.from_numpy(data.train.x[:4096]))
    model.eval()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        circuit = model.lower(name, data.classes, data.features)
        lowered = time.perf_counter()
        rtl = emit_verilog(circuit, Path(folder))
        emitted = time.perf_counter()
        size = sum(file.stat().st_size for file in rtl.files)
        peer, equal = _by_entry(model, circuit, Path(folder))
    ours = emitted - started
    figures = {
        "entries": sum(layer.neurons * layer.entries for layer in _layers(model)),
        "tables": lowered - started,
        "rtl": emitted - lowered,
        "rtl_bytes": size,
        "ours": ours,
        "peer": peer,
        "ratio": peer / ours,
        "equal_entries": equal,
    }
    sys.stderr.write(f"{name}: {ours:.2f} s against {peer:.0f} s, {peer / ours:.0f} x\n")
    return figures


def _layers(model: LutModel) -> list[TableLayer]:
    return [layer for layer in model.levels if isinstance(layer, TableLayer)]


def _by_entry(model: LutModel, circuit: Circuit, folder: Path) -> tuple[float, float]:
    """Return the peer's seconds for all neurons, and the share of its entries equal to ours.

    It computes in double precision and we in single, so that a value between two codes may differ.
    """
    levels, seconds, right, seen = model.encoder.levels, 0.0, 0, 0
    tables = [op for op in circuit.ops if isinstance(op, Lut)]
    for layer, op in zip(_layers(model), tables, strict=True):
        chosen = range(0, layer.neurons, EVERY)
        started = time.perf_counter()
        found = [_neuron(layer, neuron, levels, folder) for neuron in chosen]
        seconds += (time.perf_counter() - started) * layer.neurons / len(chosen)
        bits = layer.quantiser.bits
        own = np.unpackbits(op.table, axis=-1, bitorder="little")
        own = own.reshape(layer.neurons, bits, -1)[list(chosen), :, : layer.entries]
        codes = (own.astype(np.int64) << np.arange(bits)[:, None]).sum(1)
        right += int((codes == np.array(found)).sum())
        seen += codes.size
        levels = layer.quantiser.levels
    return seconds, right / seen


def _neuron(layer: TableLayer, neuron: int, levels: Tensor, folder: Path) -> list[int]:
    function, norm, quantiser = layer.function, layer.norm, layer.quantiser
    norm, quantiser = norm.requires_grad_(False), quantiser.requires_grad_(False)
    assert isinstance(function, Polynomial)
    weights = function.monomial_weight[neuron].tolist()
    factors = [
        [digit for digit, exponent in enumerate(row) for _ in range(exponent)]
        for row in function.exponents.tolist()
    ]
    scale = float(norm.weight[neuron] / (norm.variance[neuron] + norm.eps).sqrt())
    mean, bias, step = float(norm.mean[neuron]), float(norm.bias[neuron]), float(quantiser.step)
    values, bits, fan_in = levels.tolist(), layer.bits, layer.wires.shape[1]
    mask, result = (1 << bits) - 1, []
    with (folder / f"{layer.name}_{neuron}.v").open("w") as file:
        for address in range(layer.entries):
            digits = [values[address >> bits * digit & mask] for digit in range(fan_in)]
            total = 0.0
            for weight, factor in zip(weights, factors, strict=True):
                for digit in factor:
                    weight *= digits[digit]
                total += weight
            q = round(((total - mean) * scale + bias) / step)
            code = max(quantiser.q_min, min(quantiser.q_max, q)) - quantiser.q_min
            file.write(f"{bits * fan_in}'d{address}: y = {quantiser.bits}'d{code};\n")
            result.append(code)
    return result


if __name__ == "__main__":
    sys.exit(main())
