"""LUT levels between registers: what operations count, and what a circuit's stages come to."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import LUT_INPUTS, Argmax, Circuit, Compare, Encode, Lut, Op, Sum, operands
from lutra.passes._adders import (
    Bit,
    Place,
    add_up,
    columns_of_sum,
    is_looked_up,
    joint,
    width_of_sum,
)
from lutra.passes._thresholds import takes_top_bits, thresholds_from_least

__all__ = ["levels_in_stage", "logic_depths", "register_bits", "stage_depth"]


def logic_depths(circuit: Circuit) -> tuple[int, ...]:
    """Return how many LUTs stand behind one another in each operation, at most.

    This follows ``lutra.emit`` in style ``luts``; multiplexers beside the LUTs and carries count
    nothing, as in `lutra.tools.Synthesis.levels`. Binary encoders decide a bit after the other;
    the argmax compares and selects in pairs.
    """
    return tuple(map(_levels, circuit.ops))


def levels_in_stage(circuit: Circuit) -> NDArray[np.int64]:
    """Return the LUT levels from registers, or inputs, to each bit, by `logic_depths`."""
    depth = np.zeros(circuit.bits, np.int64)
    stages = np.full(circuit.bits, -1)
    places = zip(circuit.ops, circuit.starts, circuit.stages, logic_depths(circuit), strict=True)
    for op, start, stage, levels in places:
        wires = op.wires if isinstance(op, Lut) else operands(op)[None]
        before = np.where(stages[wires] == stage, depth[wires], 0).max(axis=1, initial=0)
        end = start + op.size
        depth[start:end] = levels + np.repeat(before, op.size // max(1, len(wires)))
        stages[start:end] = stage
    return depth


def stage_depth(circuit: Circuit) -> int:
    """Return the most LUT levels between registers, ports included."""
    return int(levels_in_stage(circuit).max(initial=0))


def register_bits(circuit: Circuit) -> int:
    """Return the flip-flops between stages; those at the ports are the emitter's business."""
    last = np.zeros(circuit.bits, np.int64)
    for op, stage in zip(circuit.ops, circuit.stages, strict=True):
        read = operands(op)
        last[read] = np.maximum(last[read], stage)
    for output in circuit.outputs:
        last[output.words.bits] = max(circuit.stages, default=0)
    sizes = [circuit.input_bits, *(op.size for op in circuit.ops)]
    return int(np.maximum(last - np.repeat([0, *circuit.stages], sizes), 0).sum())


def _levels(op: Op) -> int:
    if not op.size:
        return 0
    match op:
        case Lut():
            return _lookup(op.table, op.fan_in)
        case Sum():
            return max(_sum(op, row) for row in range(len(op.wires)))
        case Compare():
            return _comparisons(op)
        case Encode():
            width, bits = op.words.width, op.code_width
            if op.thermometer:
                return _comparisons(op)
            if all(takes_top_bits(op, row) for row in thresholds_from_least(op).tolist()):
                return 0
            if width <= LUT_INPUTS:
                return 1
            return sum(_comparison(width, upper) for upper in range(bits))
        case Argmax():
            return 3 * (op.words.count - 1).bit_length()


def _lookup(table: NDArray[np.uint8], fan_in: int) -> int:
    """Count the LUTs of a tree: parts of six inputs, and choices that no multiplexer can make.

    MUXF7 takes two LUTs and MUXF8 two MUXF7; equal parts need no choice.
    """
    if fan_in <= LUT_INPUTS:
        return int(fan_in > 0)
    values = table.reshape(-1, table.shape[-1]).view(np.uint64)
    same = np.unique(values, return_inverse=True)[1].reshape(values.shape)
    kind = np.where((values == 0) | (values == ~np.uint64(0)), -1, 0)  # -1: constant
    depth = kind + 1
    for selects in _selects(fan_in):
        same, kind, depth = (of.reshape(len(of), -1, 1 << selects) for of in (same, kind, depth))
        first, alike = kind[..., 0], (kind == kind[..., :1]).all(axis=2)
        free = alike & (first >= 0) & (first < 2) & (selects == 1)
        equal = (same == same[..., :1]).all(axis=2)
        kind = np.where(equal, first, np.where(free, first + 1, 0))
        depth = depth.max(axis=2) + ~(equal | free)
        flat = np.unique(same.reshape(-1, 1 << selects), axis=0, return_inverse=True)[1]
        same = flat.reshape(kind.shape)
    return int(depth.max())


def _selects(fan_in: int) -> list[int]:
    """Return how many address bits choose at each step, the lowest first."""
    found: list[int] = []
    while fan_in > LUT_INPUTS:
        found.insert(0, 2 if fan_in % 4 == 2 else 1)
        fan_in -= found[0]
    return found


def _comparisons(op: Compare | Encode) -> int:
    """Count the LUTs of a comparison with a constant, five bits at a time from the top."""

    def levels(end: int, threshold: int, sign: bool) -> int:
        low = (threshold & -threshold).bit_length() - 1
        if end - low > LUT_INPUTS:
            low = end - LUT_INPUTS + 1
            return 1 + levels(low, threshold % (1 << low), False)
        return int(end - low > 1 or sign)

    width = op.words.width
    open_ = (int(of) for of in np.unique(thresholds_from_least(op)) if 0 < of < 1 << width)
    return max((levels(width, threshold, op.words.signed) for threshold in open_), default=0)


def _comparison(width: int, upper: int) -> int:
    """Count the LUTs that compare a word with one of 2**upper constants, some bits at a time."""
    split = max(upper - 4, 0)  # halves the constants until their choice fits a LUT
    own = LUT_INPUTS - min(upper, 4)
    return 1 + split + max(-(-(width - own) // (own - 1)), 0)


def _sum(op: Sum, row: int) -> int:
    """Count along the chains of one sum."""
    weights, bias = op.weights[row].tolist(), int(op.bias[row])
    terms = [
        (Bit((wire,), 2), weight)
        for wire, weight in zip(op.wires[row].tolist(), weights, strict=True)
        if weight
    ]
    before = dict.fromkeys(joint(bit for bit, _ in terms), 0)  # LUTs before each wire
    columns = columns_of_sum(terms, bias, width_of_sum(weights, bias, op.signed))
    if is_looked_up(terms, columns):
        return int(bool(before))

    def levels(bit: Bit[int]) -> int:
        return (not bit.bare) + max((before[wire] for wire in bit.inputs), default=0)

    def chain(places: Sequence[Place[int]], carry: Bit[int]) -> list[int]:
        made, below = list[int](), levels(carry)
        for added, carried in places:
            made.append(-len(before) - 1)
            into = levels(added) + (added.bare and bool(added.inputs))  # a LUT is the only way in
            below = before[made[-1]] = max(below, into, levels(carried))
        made.append(-len(before) - 1)
        before[made[-1]] = below
        return made

    return max(map(levels, add_up(columns, chain)), default=0)
