"""Published points, with the conventions that they were measured under.

None of these was measured by us. A point stands beside ours only with its conventions named,
and only for the very data set that it was measured on.
"""

from dataclasses import dataclass

__all__ = ["CONVENTIONS", "Published", "published"]

CONVENTIONS = (
    "Published: device xcvu9p-2, out of context, after place and route; inputs arrive already "
    "encoded (encoder excluded) and the argmax is excluded, unless noted. The LogicNets lineage "
    "chose its checkpoint by test accuracy, which flatters it. Ours: checkpoint chosen on "
    "validation rows, area after synthesis, for a generic 6-input-LUT device."
)


@dataclass(frozen=True)
class Published:
    """One published design.

    Parameters
    ----------
    accuracy
        Test accuracy, per cent.
    lut, ff
        After place and route; None where not published.
    mhz, ns
        Clock and latency.
    source
        Where it was published.
    notes
        Conventions beyond those of `CONVENTIONS`.
    recalled
        The accuracy was quoted from memory and not verified against the paper.
    """

    method: str
    accuracy: float
    lut: int
    ff: int | None
    mhz: int | None
    ns: float | None
    source: str
    notes: str = ""
    recalled: bool = False


_NLA = "NeuraLUT-Assemble, FCCM 2025, arXiv 2504.00592"
_DWN = "DWN, ICML 2024, arXiv 2410.11112"
_DWN_ENCODER = "Mecik and Kumm, arXiv 2512.15251"
_DIFFLOGIC = "DiffLogicNet, NeurIPS 2022, arXiv 2210.08277, on FPGA by DWN's authors"
_FINN = "FINN, FPGA 2017, arXiv 1612.07119"
_TREE = "TreeLUT, FPGA 2025, arXiv 2501.01511"
_KANELE = "KANELE, FPGA 2026, arXiv 2512.12850"
_ADD = "PolyLUT-Add, FPL 2024, arXiv 2406.04910"
_NEURALUT = "NeuraLUT, FPL 2024, arXiv 2403.00849"
_POLY = "PolyLUT, FPT 2023, arXiv 2309.02334"
_POLY_TC = "PolyLUT, TC 2025, arXiv 2501.08043"
_REDUCED = "ReducedLUT, FPGA 2025, arXiv 2412.18579"
_AMIGO = "AmigoLUT, FPGA 2025, doi 10.1145/3706628.3708874"
_LOGICNETS = "LogicNets, FPL 2020, arXiv 2004.03021"
_FPGN = "FPGN, arXiv 2607.08427"

_BTHOWEN = "BTHOWeN, PACT 2022, arXiv 2203.01479"

_ULEEN = "ULEEN, TACO 2023, arXiv 2304.10618"

_ZYNQ = "Zynq, encoder included"
_V19 = "Vivado 2019.2; test-selected"
_V20 = "Vivado 2020.1; test-selected"
_V24 = "Vivado 2024.1; test-selected"
_EVERY = f"{_V20}; every level registered"
_THIRD = f"{_V20}; every 3 levels registered"
_CORE = "thermometer encoder excluded"

_POINTS: dict[str, tuple[Published, ...]] = {
    "mnist": (
        Published(
            "NeuraLUT-Assemble + augmentation", 98.6, 5037, 713, 849, 2.2, _NLA, _THIRD, True
        ),
        Published(
            "NeuraLUT-Assemble + augmentation", 98.6, 5040, 5464, 916, 6.5, _NLA, _EVERY, True
        ),
        Published("NeuraLUT-Assemble", 97.9, 5070, 725, 863, 2.1, _NLA, _THIRD),
        Published("NeuraLUT-Assemble", 97.9, 5089, 5699, 912, 6.6, _NLA, _EVERY),
        Published("DWN n=6 sm", 97.1, 692, 422, 827, 2.4, _DWN, _CORE),
        Published("DWN n=6 md", 97.9, 1413, 1143, 827, 3.6, _DWN, _CORE),
        Published("DWN n=6 md", 97.8, 2055, 1675, 873, 4.6, _DWN, _CORE),
        Published("DWN n=6 lg", 98.3, 4082, 3385, 827, 6.0, _DWN, _CORE),
        Published("DWN n=6 sm, Zynq", 97.80, 2100, None, None, 60.0, _DWN, f"{_CORE}; Zynq"),
        Published("DiffLogicNet small", 97.62, 19_100, None, None, 95.0, _DIFFLOGIC, _ZYNQ),
        Published("FINN SFC-max", 95.83, 91_131, None, 200, 310.0, _FINN, _ZYNQ),
        Published("FINN LFC-max", 98.40, 82_988, None, 200, 2440.0, _FINN, _ZYNQ),
        Published("TreeLUT I", 96.6, 4478, 597, 791, 2.5, _TREE, "comparators included"),
        Published("TreeLUT II", 96.0, 3499, 759, 874, 2.3, _TREE, "comparators included"),
        Published("KANELE", 96.3, 3809, 4133, 864, 9.3, _KANELE, _V24),
        Published("PolyLUT-Add", 96.0, 14_810, 2609, 625, 10.0, _ADD, _V20),
        Published("AmigoLUT-NeuraLUT x4", 95.5, 16_081, 13_292, 925, 7.6, _AMIGO),
        Published("ReducedLUT", 95.7, 47_484, None, 295, 17.0, _REDUCED),
        Published("AmigoLUT-LogicNets XS x2", 94.7, 9711, 9047, 569, 12.3, _AMIGO),
        Published("NeuraLUT", 96.0, 54_798, 3757, 431, 12.0, _NEURALUT, _V20),
        Published("PolyLUT (FPT)", 96.0, 70_673, 4681, 378, 16.0, _POLY, _V20),
        Published("PolyLUT (TC)", 97.5, 75_131, 4668, 353, 17.0, _POLY_TC, _V20),
        Published("ULEEN L", 98.46, 123_100, None, None, 940.0, _ULEEN, _ZYNQ),
        Published("BTHOWeN S", 93.4, 15_756, None, 100, 250.0, _BTHOWEN, _ZYNQ),
        Published("BTHOWeN M", 94.3, 38_912, None, 100, 370.0, _BTHOWEN, _ZYNQ),
        Published("BTHOWeN L", 95.2, 151_704, None, 100, 740.0, _BTHOWEN, _ZYNQ),
        Published("hls4ml", 95.0, 260_092, None, 200, 190.0, "later comparison tables"),
    ),
    "jsc-openml": (
        Published("KANELE", 76.0, 1232, 900, 987, 7.1, _KANELE, _V24),
        Published("NeuraLUT-Assemble", 76.0, 1780, 540, 941, 2.1, _NLA, _THIRD),
        Published("NeuraLUT-Assemble", 76.0, 1844, 1983, 1067, 6.6, _NLA, _EVERY),
        Published("TreeLUT I", 75.6, 2234, 347, 735, 2.7, _TREE, "comparators included"),
        Published("TreeLUT II", 75.0, 796, 74, 887, 1.1, _TREE, "comparators included"),
        Published("FPGN", 76.0, 3345, 1703, 730, 5.5, _FPGN),
        Published("DWN 10", 71.1, 20, None, None, None, _DWN, _CORE),
        Published("DWN 10", 71.1, 64, None, None, 1.6, _DWN_ENCODER, "encoder included"),
        Published("DWN 50", 74.0, 110, 72, 1094, 1.5, _DWN, _CORE),
        Published("DWN 360", 75.6, 720, 457, 827, 3.6, _DWN, _CORE),
        Published("DWN 2400", 76.3, 4972, 3305, 827, 7.3, _DWN, _CORE),
        Published("DWN 50", 74.0, 311, 52, 1011, 2.0, _DWN_ENCODER, "encoder included"),
        Published("DWN 360", 75.6, 1697, 198, 696, 2.6, _DWN_ENCODER, "encoder included"),
        Published("DWN 2400", 76.3, 7011, 961, 947, 2.1, _DWN_ENCODER, "encoder included"),
        Published("da4ml", 76.9, 12_250, None, 212, 18.9, "later comparison tables"),
        Published("hls4ml", 76.2, 63_251, None, 200, 45.0, "later comparison tables", "and 38 DSP"),
    ),
    "jsc-cernbox": (
        Published("KANELE", 75.1, 5034, 1917, 870, 8.1, _KANELE, _V24),
        Published("HGQ", 75.3, 10_921, 11_183, 578, 31.0, "later comparison tables"),
        Published("HGQ", 75.1, 5974, 5775, 610, 24.6, "later comparison tables"),
        Published("NeuraLUT-Assemble", 75.0, 8539, 1332, 352, 5.7, _NLA, _THIRD),
        Published("NeuraLUT-Assemble", 75.0, 8535, 2717, 994, 7.0, _NLA, _EVERY),
        Published("FPGN", 74.9, 12_358, 4839, 669, 6.0, _FPGN),
        Published("PolyLUT-Add XL", 75.0, 36_484, 1209, 315, 16.0, _ADD, _V20),
        Published("NeuraLUT-5L", 75.0, 92_357, 4885, 368, 14.0, _NEURALUT, _V20),
        Published("ReducedLUT", 74.9, 58_409, None, 303, 17.0, _REDUCED),
        Published("PolyLUT XL (TC)", 75.1, 246_071, 12_384, 203, 25.0, _POLY_TC, _V20),
        Published("AmigoLUT S x32", 74.4, 42_742, 4717, 520, 9.6, _AMIGO),
        Published("AmigoLUT XS x16", 72.9, 1243, 1240, 1008, 5.0, _AMIGO),
        Published("AmigoLUT XS x4", 71.1, 320, 482, 1445, 3.5, _AMIGO),
        Published("PolyLUT-Add M-Lite", 72.0, 895, 189, 750, 4.0, _ADD, _V20),
        Published("NeuraLUT-2L", 72.0, 4684, 341, 727, 3.0, _NEURALUT, _V20),
        Published("ReducedLUT", 72.5, 2786, None, 409, 4.9, _REDUCED),
        Published("PolyLUT M-Lite", 72.0, 12_436, 773, 646, 5.0, _POLY, _V20),
        Published("LogicNets JSC-S", 68.8, 232, 268, 1395, 3.6, _LOGICNETS, _V19),
        Published("LogicNets JSC-M", 71.5, 14_576, 803, 597, 8.4, _LOGICNETS, _V19),
        Published("LogicNets JSC-L", 72.6, 38_925, 2418, 485, 12.4, _LOGICNETS, _V19),
    ),
    "nid-593": (
        Published("NeuraLUT-Assemble", 93.0, 91, 24, 1471, 1.4, _NLA, _THIRD, True),
        Published("NeuraLUT-Assemble", 93.0, 95, 187, 1479, 3.4, _NLA, _EVERY, True),
        Published("TreeLUT I", 93.0, 345, 33, 681, 1.5, _TREE, "comparators included", True),
        Published("TreeLUT II", 92.0, 89, 19, 1047, 1.0, _TREE, "comparators included", True),
        Published("PolyLUT-Add", 92.0, 1649, 830, 620, 8.0, _ADD, _V20),
        Published("PolyLUT NID-Lite", 92.0, 3336, 686, 529, 9.0, _POLY, _V20, True),
        Published("LogicNets NID-S", 89.4, 110, 103, 1183, 2.5, _LOGICNETS, _V19),
        Published("LogicNets NID-M", 92.6, 3058, 1666, 801, 6.2, _LOGICNETS, _V19),
        Published("LogicNets NID-L", 93.1, 9087, 4579, 498, 10.0, _LOGICNETS, _V19),
    ),
}


def published(dataset: str) -> tuple[Published, ...]:
    """Return the published points measured on that very data set; none for ``jsc-pythia``."""
    return _POINTS.get(dataset, ())
