"""The fourteen published figures of LL-ViT's cost, from counts and the closed-form model."""

from lutra.hardware import Performance, ll_vit, performance
from lutra.report.llvit._compared import Compared
from lutra.report.llvit._published import POWER
from lutra.vit import PAPER_MIXER, Cct, LayerCount, Vit, count, deit_tiny, total

__all__ = ["BASELINE", "IMAGE", "LL_VIT", "encoders", "numbers", "run_on"]

IMAGE = (224, 224)
BASELINE, LL_VIT = deit_tiny(), deit_tiny(PAPER_MIXER)


def encoders(model: Vit | Cct) -> LayerCount:
    """Return the matrices, tables and summed values of all encoders, which published sizes count.

    Biases, norms, thresholds, the embedding of patches and the head are left out.
    """
    return total(count(model, (3, *IMAGE), 10), "attention", "mixer")


def run_on(model: Vit, side: int) -> Performance:
    """Return what a model does on LL-ViT's accelerator with arrays of a side."""
    return performance(model, IMAGE, ll_vit(side))


def numbers() -> tuple[Compared, ...]:
    """Return the figures: latency, energy from arrays of 32 x 32, throughput from 16 x 16.

    That is what the published ones are; `lutra.report.llvit.design_table` has them from one design.
    """
    base, ours = run_on(BASELINE, 32), run_on(LL_VIT, 32)
    throughput = run_on(LL_VIT, 16).images_per_second
    held, kept = encoders(BASELINE), encoders(LL_VIT)
    return (
        Compared("latency, I-ViT-T", 1e3 * base.latency, "6.93", "ms"),
        Compared("latency, LL-ViT", 1e3 * ours.latency, "5.33", "ms"),
        Compared("latency, ratio", base.latency / ours.latency, "1.3", "x"),
        Compared("throughput, LL-ViT", throughput, "1083", "FPS"),
        Compared("throughput by power, LL-ViT", round(throughput) / POWER, "99.35", "FPS/W"),
        Compared("energy of an encoder, I-ViT-T", 1e6 * base.encoder_joule, "338.1", "uJ"),
        Compared("energy of an encoder, LL-ViT", 1e6 * ours.encoder_joule, "178.2", "uJ"),
        Compared("energy, I-ViT-T", 1e3 * base.joule, "4.05", "mJ"),
        Compared("energy, LL-ViT", 1e3 * ours.joule, "2.14", "mJ"),
        Compared("energy, ratio", base.joule / ours.joule, "1.9", "x"),
        Compared("size, I-ViT-T", held.weight_bits / 2**23, "5.06", "MiB"),
        Compared("size, LL-ViT", kept.weight_bits / 2**23, "1.93", "MiB"),
        Compared("parameters, I-ViT-T", held.weights / 1e6, "5.3", "M"),
        Compared("parameters, LL-ViT", kept.weights / 1e6, "2.5", "M"),
    )
