"""What the blocks of LL-ViT's accelerator take, and how deep their logic is; mixer against MLP.

    lutra bench accelerator-area         # writes benchmarks/results/accelerator-area.json

Yosys for UltraScale+, nothing placed. Areas are those of I-ViT-T at full size (197 tokens of 192
channels) with one encoder, elements and lanes mapped apart, and of the ends of a small CCT, which
have blocks of their own. Depths are LUTs between registers, block RAMs, DSP slices and ports of the
same netlists; `levels` are the most that fit 5 ns by the delays of `lutra.tools.estimate_timing` if
every net is as slow as the slowest, the median or the fastest one that published clock rates of
designs with one level imply. `ours` and `peer` are LUTs times clocks per image of the mixer and of
the MLP it takes the place of, DSP slices not counted; without them Yosys takes more than a quarter
of an hour for the MLP, so that only attention and tables are mapped so.
"""

import json
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from lutra.bench import record
from lutra.files import write_json
from lutra.hardware import (
    LANES,
    accelerator_blocks,
    attention_blocks,
    joined,
    ll_vit,
    mixer_blocks,
    model_clocks,
    write_design,
)
from lutra.nn.vision import VisionTransformer, freeze
from lutra.provenance import commit
from lutra.tools import find_yosys, synthesise_blocks
from lutra.vit import (
    PAPER_MIXER,
    Cct,
    IntegerTransformer,
    LutMixer,
    MlpMixer,
    Vit,
    deit_tiny,
)

ROOT = Path(__file__).parents[1]
PERIOD = 5.0
IMPLIED = (0.790, 0.704, 0.635, 0.374)
"""ns of net per level, by published clock rates."""
NETS = {"slowest": max(IMPLIED), "median": statistics.median(IMPLIED), "fastest": min(IMPLIED)}
MODELS: dict[str, tuple[Vit | Cct, int, list[str]]] = {
    "tables": (
        deit_tiny(PAPER_MIXER),
        224,
        ["tokenizer", "attention", "mixer", "classifier"],
    ),
    "mlp": (deit_tiny(MlpMixer(kind="mlp", ratio=4)), 224, ["attention", "mixer"]),
    "cct": (
        Cct(family="cct", layers=1, heads=2, dim=32, convolutions=2, mixer=PAPER_MIXER),
        32,
        ["tokenizer", "classifier"],
    ),
}
"""Models, the sides of their images, and the parts that are mapped."""


def main() -> int:
    """Synthesise everything, and write the figures; what is measured is kept for another try."""
    path = ROOT / "runs" / "accelerator-area.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    for name, given in MODELS.items():
        if name not in known:
            known[name] = _measure(*given) | {"commit": commit()}
            sys.stderr.write(f"{name}: {known[name]}\n")
            write_json(path, known)
    cost = {
        name: known[name]["mixer"]["dsp"]["lut"] * known[name]["mixer"]["clocks"]
        for name in ("tables", "mlp")
    }
    levels = {name: int((PERIOD - 0.152) / (0.150 + net)) for name, net in NETS.items()}
    figures = {
        "ours": cost["tables"],
        "peer": cost["mlp"],
        "ratio": cost["tables"] / cost["mlp"],
        "unit": "LUTs times clocks per image of a channel mixer of I-ViT-T, array of 16 x 16",
        "areas": {name: known[name] for name in MODELS},
        "levels": levels,
        "kind": "post-synthesis",
        "yosys": find_yosys().version,
    }
    record("accelerator-area", figures)
    return 0


def _model(config: Vit | Cct, side: int) -> IntegerTransformer:
    """Return an integer model of one encoder after a few steps, which areas do not depend on."""
    resized = {"resize": 0} if isinstance(config, Vit) else {}
    config = config.model_copy(update={**resized, "layers": 1})
    draw = torch.Generator().manual_seed(1)
    model = VisionTransformer(config, (3, side, side), 10, draw)
    x = torch.randint(256, (2, 3 * side * side), generator=torch.Generator().manual_seed(1))
    for mixer in model.mixers():  # in so few steps they would learn to add next to nothing
        nn.init.normal_(mixer.embedding, std=0.05, generator=draw)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for quantised in (False, True):
        if quantised:
            model.quantise()
        optimizer.zero_grad()
        F.cross_entropy(model(x.to(torch.uint8)), torch.arange(2)).backward()
        optimizer.step()
        model.constrain()
    return freeze(model.train(False))


def _measure(config: Vit | Cct, image: int, parts: list[str]) -> dict[str, Any]:
    """Return clocks, constants, areas and the deepest path of every part."""
    model, accelerator = _model(config, image), ll_vit(16)
    (encoder,), tokens = model.encoders, len(model.positions)
    clocks = model_clocks(model, accelerator)
    tokenizer, *_, classifier = accelerator_blocks(model, accelerator, "luts")
    blocks = [
        tokenizer,
        joined("attention", attention_blocks("a", encoder, tokens, 16)),
        joined("mixer", mixer_blocks("m", [encoder], tokens, accelerator, "luts")),
        classifier,
    ]
    found: dict[str, Any] = {
        block.name: {
            "clocks": clocks.get(block.name) or clocks[f"encoder0_{block.name}"],
            "constant_bits": block.constant_bits,
        }
        for block in blocks
        if block.name in parts
    }
    with tempfile.TemporaryDirectory() as folder:
        design = write_design(blocks, Path(folder))
        wanted = {"dsp": parts}
        if isinstance(config, Vit) and isinstance(config.mixer, LutMixer):
            wanted["no_dsp"] = ["attention", "mixer"]
        for kind, names in wanted.items():
            dsp = kind == "dsp"
            area = synthesise_blocks(design.folder, design.files, names, kept=LANES, dsp=dsp)
            for name in names:
                found[name][kind] = asdict(area[name])
    return found


if __name__ == "__main__":
    sys.exit(main())
