"""LL-ViT's published cost, from counts and the closed-form model; nothing is trained or run.

    lutra bench llvit-tables             # writes benchmarks/results/llvit-tables.json

`matched` figures agree with the published ones at the digits that were published, rounded or cut
off. The peer is the paper; `ours`, `peer` and `ratio` are how many. Two energies are fitted on
figures that are not among them, and power is the published one. `designs` are what the paper
lacks: latency, throughput and energy of the same arrays.
"""

import sys
from typing import Any

from lutra.bench import record
from lutra.hardware import headroom, ll_vit, performance
from lutra.report.llvit import numbers, ratios_by_bits, ratios_by_dim, ratios_by_side, ways_to_mix
from lutra.vit import PAPER_MIXER, deit_tiny

IMAGE = (224, 224)


def main() -> int:
    """Compute and record."""
    found = numbers()
    matched = sum(bool(one.agreement) for one in found)
    figures = {
        one.name: {
            "ours": one.ours,
            "paper": float(one.paper),
            "unit": one.unit,
            "agreement": one.agreement,
        }
        for one in found
    }
    record(
        "llvit-tables",
        {
            "unit": "published figures",
            "ours": matched,
            "peer": len(found),
            "ratio": matched / len(found),
            "matched": matched,
            "numbers": figures,
            "designs": [_design(side) for side in (16, 32)],
            "figure7": {name: vars(operations) for name, operations in ways_to_mix().items()},
            "figure8": ratios_by_bits(),
            "figure9a": ratios_by_dim(),
            "figure9b": ratios_by_side(),
        },
    )
    return 0


def _design(side: int) -> dict[str, Any]:
    row: dict[str, Any] = {"side": side}
    for name, model in (("i_vit_t", deit_tiny()), ("ll_vit", deit_tiny(PAPER_MIXER))):
        found = performance(model, IMAGE, ll_vit(side))
        row[name] = {
            "latency_ms": 1e3 * found.latency,
            "interval_cycles": found.interval,
            "images_per_second": found.images_per_second,
            "stages_mj": 1e3 * found.joule,
            "stages_watt": found.watt,
        }
    return row | {"headroom": vars(headroom(deit_tiny(PAPER_MIXER), IMAGE, ll_vit(side)))}


if __name__ == "__main__":
    sys.exit(main())
