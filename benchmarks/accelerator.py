"""Accelerators of vision transformers in simulation, bit for bit, clock for clock; and their area.

    lutra bench accelerator              # writes benchmarks/results/accelerator.json

`mismatches` is 0 if every code of every design and block is the integer model's: scores of
trained models on test images (recipes whose run folders are there; `vit-mnist-lut` is trained if it
is not), and every code between the blocks of an encoder of I-ViT-T at full size, 197 tokens of 192
channels, whose weights have seen a few steps only: clocks and exactness do not depend on them.
`ours` and `peer` are the clocks of that encoder's parts in simulation and by the paper's closed
form.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from lutra.bench import record
from lutra.data import load
from lutra.errors import VerifyError
from lutra.flow import open_run
from lutra.hardware import (
    BlockRun,
    accelerator_blocks,
    ll_vit,
    performance,
    verify_accelerator,
    verify_blocks,
)
from lutra.nn.vision import VisionTransformer, freeze
from lutra.vit import PAPER_MIXER, IntegerTransformer, LutMixer, Vit, deit_tiny, load_integer

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "runs"
IMAGE = (224, 224)
FRAMES = 3
TRAINED = {"vit-mnist-lut": 100, "cct-2-cifar10-lut": 100, "cct-2-cifar10-mlp": 20}
"""Test images of each."""


def main() -> int:
    """Simulate everything, and write the figures; the first difference ends it."""
    try:
        record("accelerator", {"mismatches": 0, **_measure()})
    except VerifyError as error:
        record("accelerator", {"mismatches": 1, "difference": str(error)})
        return 1
    return 0


def _measure() -> dict[str, Any]:
    trained = [_trained(name, images) for name, images in TRAINED.items()]
    pixels = _photos()
    sides = {str(side): _encoder(deit_tiny(PAPER_MIXER), pixels, side) for side in (16, 32)}
    wide = LutMixer(kind="lut", tables=[192, 768])
    more = {
        "mlp": _encoder(deit_tiny(), pixels, 16),
        "tables [192, 768]": _encoder(deit_tiny(wide), pixels, 16),
        "four encoders, one mixer": _shared(pixels),
    }
    ours = sum(block["measured"] for block in sides["16"]["blocks"] if "encoder" in block["name"])
    peer = sum(sides["16"]["closed_form"].values())
    return {
        "ours": ours,
        "peer": peer,
        "ratio": peer / ours,
        "unit": "clocks per image of attention and mixer, I-ViT-T, arrays of 16 x 16",
        "trained": [row for row in trained if row is not None],
        "encoder": sides,
        "options": more,
    }


def _trained(name: str, images: int) -> dict[str, Any] | None:
    run = open_run(ROOT / "recipes" / f"{name}.toml", RUNS)
    if not run.integer_path.exists():
        if name != "vit-mnist-lut":
            return None
        run.train()
        run.compile()
    model, accelerator = load_integer(run.integer_path), ll_vit(16)
    pixels = run.data.test.x[:images]
    folder = run.folder / "accelerator"
    whole = verify_accelerator(model, accelerator, pixels, folder)
    paused = verify_accelerator(model, accelerator, pixels[:5], folder, pauses=(40, 40))
    blocks = verify_blocks(model, accelerator, pixels[:FRAMES], folder / "blocks")
    found = {
        "recipe": name,
        "images": whole.images,
        "images_with_pauses": paused.images,
        "latency": whole.latency,
        "interval": whole.interval,
        "blocks": _rows(blocks),
        "constant_bits": sum(
            block.constant_bits for block in accelerator_blocks(model, accelerator)
        ),
    }
    sys.stderr.write(f"{found}\n")
    return found


def _photos() -> NDArray[np.uint8]:
    """Return images of CIFAR-10 at the size that I-ViT-T takes."""
    few = torch.from_numpy(load("cifar10").test.x[: 2 * FRAMES]).view(-1, 3, 32, 32)
    big = F.interpolate(few.float(), IMAGE, mode="bilinear").round().clamp(0, 255)
    return big.to(torch.uint8).flatten(1).numpy()


def _full_size(config: Vit, pixels: NDArray[np.uint8]) -> IntegerTransformer:
    """Return an integer model after a few steps in floating point and in integers."""
    config = config.model_copy(update={"resize": 0})
    draw = torch.Generator().manual_seed(1)
    model = VisionTransformer(config, (3, *IMAGE), 10, draw)
    for mixer in model.mixers():  # in so few steps they would learn to add next to nothing
        nn.init.normal_(mixer.embedding, std=0.05, generator=draw)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    x, y = torch.from_numpy(pixels), torch.arange(len(pixels))
    for quantised in (False, True):
        if quantised:
            model.quantise()
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            model.constrain()
    return freeze(model.train(False))


def _encoder(config: Vit, pixels: NDArray[np.uint8], side: int) -> dict[str, Any]:
    """Simulate the tokenizer, one encoder and the classifier, each alone and all together."""
    config = config.model_copy(update={"layers": 1})
    model = _full_size(config, pixels)
    accelerator = ll_vit(side)
    folder = RUNS / "accelerator" / f"{config.mixer.kind}{side}"
    blocks = verify_blocks(model, accelerator, pixels[:FRAMES], folder / "blocks")
    whole = verify_accelerator(model, accelerator, pixels[:FRAMES], folder)
    expected = performance(config, IMAGE, accelerator)
    found = {
        "frames": FRAMES,
        "blocks": _rows(blocks),
        "closed_form": {name: expected.cycles(name) for name in ("attention", "mixer")},
        "latency": whole.latency,
        "interval": whole.interval,
    }
    sys.stderr.write(f"{side} x {side}: {found}\n")
    return found


def _shared(pixels: NDArray[np.uint8]) -> dict[str, Any]:
    """Simulate four encoders with a mixer each, and with one mixer for all."""
    model = _full_size(deit_tiny(PAPER_MIXER).model_copy(update={"layers": 4}), pixels)
    found: dict[str, Any] = {}
    for encoders in (1, 4):
        accelerator = replace(ll_vit(16), encoders_per_mixer=encoders)
        folder = RUNS / "accelerator" / f"shared{encoders}"
        whole = verify_accelerator(model, accelerator, pixels, folder)
        found[str(encoders)] = {"latency": whole.latency, "interval": whole.interval}
    sys.stderr.write(f"encoders per mixer: {found}\n")
    return found


def _rows(blocks: tuple[BlockRun, ...]) -> list[dict[str, Any]]:
    return [vars(block) for block in blocks]


if __name__ == "__main__":
    sys.exit(main())
