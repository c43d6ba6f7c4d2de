"""A training step of tables that are parameters, against torchlogix's, in one run on one thread.

    pip install --no-deps torchlogix     # into the same environment; nothing else of Lutra wants it
    lutra bench direct-step              # writes benchmarks/results/direct-step.json

Two layers of 8,000 nodes on 784 bits, batch 128, ten classes: forward, backward and an Adam step.
Times are of the processor, not of the wall, and the least of several rounds, sides in turn. The
peer lets real values flow; ours rounds in the forward pass.
"""

import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutra.bench import record
from lutra.nn import Direct, LutModel, Quantiser, TableLayer, ThermometerEncoder, balanced_wiring
from lutra.nn.functions import BitGradient, Parametrisation

FEATURES, NODES, BATCH, CLASSES = 784, 8000, 128, 10
ROUNDS, STEPS = 5, 4
OURS: dict[str, tuple[int, Parametrisation, BitGradient]] = {
    "dwn, 6 inputs": (6, "entries", "extended"),
    "light, 6 inputs": (6, "logits", "difference"),
    "warp, 6 inputs": (6, "walsh", "difference"),
    "gates, 2 inputs": (2, "gates", "difference"),
}
PEERS = {
    "light, 6 inputs": (6, "light"),
    "warp, 6 inputs": (6, "warp"),
    "gates, 2 inputs": (2, "raw"),
    "light, 2 inputs": (2, "light"),
    "warp, 2 inputs": (2, "warp"),
}


def main() -> int:
    """Time every step, write the figures."""
    torch.set_num_threads(1)
    layers, groups = _torchlogix()
    x = torch.randint(0, 2, (BATCH, FEATURES), generator=torch.Generator().manual_seed(0))
    y = torch.arange(BATCH) % CLASSES
    steps = {f"lutra {name}": _step(_ours(*kind), x, y) for name, kind in OURS.items()}
    for name, (rank, kind) in PEERS.items():
        peer = nn.Sequential(
            layers.LogicDense(FEATURES, NODES, lut_rank=rank, parametrization=kind),
            layers.LogicDense(NODES, NODES, lut_rank=rank, parametrization=kind),
            groups.GroupSum(CLASSES, tau=NODES**0.5 / 3),
        )
        steps[f"torchlogix {name}"] = _step(peer, x.float(), y)
    seconds = dict.fromkeys(steps, float("inf"))
    for _ in range(ROUNDS):
        for name, step in steps.items():
            started = time.process_time()
            for _ in range(STEPS):
                step()
            seconds[name] = min(seconds[name], (time.process_time() - started) / STEPS)
    six = min(took for name, took in seconds.items() if "logix" in name and "6" in name)
    two = min(took for name, took in seconds.items() if "logix" in name and "2" in name)
    figures = {
        "milliseconds": {name: 1000 * took for name, took in seconds.items()},
        "times_faster_6_inputs": six / seconds["lutra dwn, 6 inputs"],
        "times_faster_2_inputs": two / seconds["lutra gates, 2 inputs"],
        "peer": f"torchlogix {version('torchlogix')}, its fastest of the same inputs",
    }
    record("direct-step", figures)
    return 0


def _torchlogix() -> tuple[ModuleType, ModuleType]:
    """Import the peer's layers; its compiler, which Python 3.11 cannot parse, is left out."""
    compiler = ModuleType("torchlogix.circuit")
    compiler.Circuit = object  # pyright: ignore[reportAttributeAccessIssue]
    sys.modules["torchlogix.circuit"] = compiler
    try:
        from torchlogix.layers import (  # pyright: ignore[reportMissingImports]
            dense,
            groupsum,
        )
    except ImportError as error:
        raise SystemExit(f"{error}: pip install --no-deps torchlogix") from error
    return dense, groupsum


def _ours(fan_in: int, parametrisation: Parametrisation, gradient: BitGradient) -> LutModel:
    draw = torch.Generator().manual_seed(0)
    layers, before = [], FEATURES
    for number in range(2):
        quantiser = Quantiser(1, signed=False, threshold=1.0)
        quantiser.threshold.requires_grad_(False)
        function = Direct(NODES, fan_in, parametrisation, gradient, generator=draw)
        wires = balanced_wiring(NODES, fan_in, before, draw)
        layers.append(TableLayer(wires, 1, function, quantiser, f"level{number}", norm=False))
        before = NODES
    encoder = ThermometerEncoder(torch.ones(FEATURES, 1), 8, signed=False)
    return LutModel(encoder, layers, votes=NODES // CLASSES, learn_scale=False)


def _step(model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, fused=True)

    def step() -> None:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step()
    return step


if __name__ == "__main__":
    sys.exit(main())
