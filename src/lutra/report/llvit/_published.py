"""What the tables of LL-ViT (FPT 2025, arXiv 2511.00812) hold. None of it was measured by us."""

from typing import NamedTuple

__all__ = ["ACCELERATORS", "ACCURACIES", "COUNTS", "LUT_NETWORKS", "MODELS", "POWER", "STAGES"]

COUNTS = {
    "qkv": ("1327104", "261439488"),
    "q.k": (None, "89415936"),
    "s.v": (None, "89415936"),
    "projection": ("442368", "87146496"),
    "dense 1": ("1769472", "348585984"),
    "dense 2": ("1769472", "348585984"),
}
"""Table I: parameters and multiply-accumulates of DeiT-T's encoders."""

ACCURACIES = {
    "I-ViT-T": ("95.4", "79.2", "60.4", "91.3"),
    "LL-ViT": ("95.5", "78.8", "60.9", "91.6"),
}
"""Table II: CIFAR-10, CIFAR-100, Tiny-ImageNet, Flowers-102, per cent; the text has 91.3 % for
LL-ViT on the last."""

MODELS = {
    "CCT-2/3x2": ("89.7", "0.28", "0.04"),
    "CCT-7/3x2": ("95.0", "3.85", "0.29"),
    "CCT-7/3x1": ("96.5", "3.76", "1.19"),
    "DeiT-T": ("94.8", "5.3", "1.31"),
    "I-ViT-T": ("95.4", "5.3", "1.31"),
    "LL-ViT": ("95.5", "2.5", "0.65"),
}
"""Table III: CIFAR-10 accuracy, millions of parameters, G multiply-accumulates."""

LUT_NETWORKS = {
    "TreeLUT": ("42.9", "", "2.2", ""),
    "DiffLogicNet": ("57.3", "250", "283.3", ""),
    "DWN": ("57.5", "23.4", "45.7", "0.004"),
    "FINN": ("80.1", "183.1", "46.3", "0.15"),
    "LL-ViT": ("95.5", "1976.3", "587", "2.14"),
}
"""Table IV: CIFAR-10 accuracy, KiB, thousands of LUTs, mJ per inference."""


class Throughput(NamedTuple):
    """One row of table V, LUTs in thousands."""

    platform: str
    luts: str
    images_per_second: int
    watt: float
    per_watt: str


ACCELERATORS = {
    "ViTA": Throughput("Pynq Z1", "22.8", 19, 0.88, "21.60"),
    "HG-PIPE": Throughput("VCK190", "669", 7118, 46.7, "152.42"),
    "HeaT-ViT": Throughput("ZCU102", "137", 183, 9.45, "19.40"),
    "Huang et al.": Throughput("ZCU102", "114", 245, 29.6, "8.27"),
    "SSR": Throughput("VCK190", "619", 4545, 46, "98.8"),
    "ME-ViT": Throughput("Alveo200", "192", 352, 9.3, "37.87"),
    "LL-ViT": Throughput("Virtex", "589", 1083, 10.9, "99.35"),
}
"""Table V."""

POWER = ACCELERATORS["LL-ViT"].watt
"""Of LL-ViT with arrays of 16 x 16 on the whole device, W; not modelled, taken as published."""

STAGES = {
    "q": ("23.59", "23.59"),
    "k": ("23.59", "23.59"),
    "v": ("23.59", "23.59"),
    "q.k": ("27.52", "27.52"),
    "s.v": ("27.52", "27.52"),
    "projection": ("23.59", "23.59"),
    "dense 1": ("94.35", None),
    "dense 2": ("94.35", None),
    "mixer": (None, "28.8"),
    "total": ("338.10", "178.2"),
}
"""Table VI: uJ of one encoder, of I-ViT-T and of LL-ViT."""
