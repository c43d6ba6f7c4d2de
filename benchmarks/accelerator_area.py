"""What the blocks of LL-ViT's accelerator take, and how deep their logic is; mixer against MLP.

    lutra bench accelerator-area         # writes benchmarks/results/accelerator-area.json

Yosys for UltraScale+, nothing placed. Areas are those of an encoder of I-ViT-T at full size (197
tokens of 192 channels), with DSP48 slices and without, elements and lanes mapped apart. Depths are
LUTs between registers, block RAMs, DSP slices and ports, of blocks of the same kind that are small
enough to map with everything flattened; `levels` are the most that fit 5 ns by the delays of
`lutra.tools.estimate_timing` if every net is as slow as the slowest, the median or the fastest one
that published clock rates of designs with one level imply. `ours` and `peer` are LUTs times clocks
per image of the mixer and of the MLP it takes the place of, DSP slices not counted; without them
Yosys takes more than a quarter of an hour for the MLP, so that only tables are mapped so.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from lutra.bench import record
from lutra.files import write_json
from lutra.hardware import (
    LANES,
    attention_blocks,
    joined,
    ll_vit,
    mixer_blocks,
    model_clocks,
    write_design,
)
from lutra.nn.vision import VisionTransformer, freeze
from lutra.provenance import commit
from lutra.tools import find_yosys, synthesise_blocks, synthesise_paths
from lutra.vit import (
    PAPER_MIXER,
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
SMALL = Vit(family="vit", layers=1, heads=2, dim=64, patch=8, mixer=PAPER_MIXER)
MIXERS: dict[str, MlpMixer | LutMixer] = {
    "tables": PAPER_MIXER,
    "mlp": MlpMixer(kind="mlp", ratio=4),
}


def main() -> int:
    """Synthesise everything, and write the figures; what is measured is kept for another try."""
    path = ROOT / "runs" / "accelerator-area.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    for name, mixer in MIXERS.items():
        jobs: dict[str, Callable[[], Any]] = {
            f"areas {name}": lambda m=mixer: _areas(deit_tiny(m), 224),
            f"depths {name}": lambda m=mixer: _depths(SMALL.model_copy(update={"mixer": m})),
        }
        for job, measure in jobs.items():
            if job not in known:
                known[job] = measure() | {"commit": commit()}
                sys.stderr.write(f"{job}: {known[job]}\n")
                write_json(path, known)
    areas = {name: known[f"areas {name}"] for name in MIXERS}
    cost = {
        name: row["mixer"]["dsp"]["lut"] * row["clocks"]["mixer"] for name, row in areas.items()
    }
    levels = {name: int((PERIOD - 0.152) / (0.150 + net)) for name, net in NETS.items()}
    figures = {
        "ours": cost["tables"],
        "peer": cost["mlp"],
        "ratio": cost["tables"] / cost["mlp"],
        "unit": "LUTs times clocks per image of a channel mixer of I-ViT-T, array of 16 x 16",
        "areas": areas,
        "depths": {name: known[f"depths {name}"] for name in MIXERS},
        "levels": levels,
        "kind": "post-synthesis",
        "yosys": find_yosys().version,
    }
    record("accelerator-area", figures)
    return 0


def _model(config: Vit, side: int) -> IntegerTransformer:
    """Return an integer model of one encoder after a few steps, which areas do not depend on."""
    config = config.model_copy(update={"resize": 0, "layers": 1})
    model = VisionTransformer(config, (3, side, side), 10, torch.Generator().manual_seed(1))
    x = torch.randint(256, (2, 3 * side * side), generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for quantised in (False, True):
        if quantised:
            model.quantise()
        optimizer.zero_grad()
        F.cross_entropy(model(x.to(torch.uint8)), torch.arange(2)).backward()
        optimizer.step()
        model.constrain()
    return freeze(model.train(False))


def _areas(config: Vit, image: int) -> dict[str, Any]:
    model, accelerator = _model(config, image), ll_vit(16)
    (encoder,), tokens = model.encoders, len(model.positions)
    blocks = [
        joined("attention", attention_blocks("a", encoder, tokens, 16)),
        joined("mixer", mixer_blocks("m", [encoder], tokens, accelerator, "luts")),
    ]
    clocks = model_clocks(model, accelerator)
    found: dict[str, Any] = {
        "clocks": {name: clocks[f"encoder0_{name}"] for name in ("attention", "mixer")}
    }
    with tempfile.TemporaryDirectory() as folder:
        design = write_design(blocks, Path(folder))
        for dsp in (True, False) if isinstance(config.mixer, LutMixer) else (True,):
            names = [block.name for block in blocks]
            area = synthesise_blocks(design.folder, design.files, names, kept=LANES, dsp=dsp)
            for name in names:
                row = found.setdefault(name, {})
                row["dsp" if dsp else "no_dsp"] = vars(area[name])
                row["constant_bits"] = next(b.constant_bits for b in blocks if b.name == name)
    return found


def _depths(config: Vit) -> dict[str, Any]:
    model, accelerator = _model(config, 32), ll_vit(8)
    (encoder,), tokens = model.encoders, len(model.positions)
    blocks = [
        *attention_blocks("a", encoder, tokens, 8),
        *mixer_blocks("m", [encoder], tokens, accelerator, "luts"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        design = write_design(blocks, Path(folder))
        names = [block.name for block in blocks]
        paths = synthesise_paths(design.folder, design.files, names)
    found = {name: vars(path) for name, path in paths.items()}
    return found


if __name__ == "__main__":
    sys.exit(main())
