"""Encoders and comparisons with constants as Verilog."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from lutra.circuit import LUT_INPUTS, Compare, Encode
from lutra.emit._bit import drive_all
from lutra.emit._compare import Comparisons, decision
from lutra.emit._wires import Wires, at_least, concatenate, lut
from lutra.passes import Bit, takes_top_bits, thresholds_from_least

__all__ = ["compare", "compare_primitives", "encode", "encode_primitives"]


def encode(op: Encode, wires: Wires) -> Iterator[str]:
    """Yield a comparison per thermometer bit, or one per bit of a binary code.

    A binary code is found by successive approximation: its upper bits, once known, select the
    threshold that decides the next one.
    """
    width = op.words.width
    for i, row in enumerate(thresholds_from_least(op).tolist()):
        yield f"wire [{width - 1}:0] v{i} = {_unsigned(op, wires, i)};"
        if takes_top_bits(op, row):
            bits = [f"v{i}[{j}]" for j in range(width - op.code_width, width)]
        elif op.thermometer:
            bits = [at_least(f"v{i}", width, threshold) for threshold in row]
        else:
            bits = [f"c{i}_{j}" for j in range(op.code_width)]
            for j in reversed(range(op.code_width)):
                candidates = row[(1 << j) - 1 :: 2 << j]
                decided = _reached(f"v{i}", width, candidates, bits[j + 1 :])
                yield f"wire {bits[j]} = {decided};"
        high, low = (i + 1) * op.code_width - 1, i * op.code_width
        yield f"assign y[{high}:{low}] = {concatenate(bits)};"


def compare(op: Compare, wires: Wires) -> Iterator[str]:
    """Yield one comparison per bit."""
    width = op.words.width
    for i, threshold in enumerate(thresholds_from_least(op).tolist()):
        yield f"wire [{width - 1}:0] v{i} = {_unsigned(op, wires, i)};"
        yield f"assign y[{i}] = {at_least(f'v{i}', width, threshold)};"


def _unsigned(op: Encode | Compare, wires: Wires, i: int) -> str:
    """Return the word counted from the least value: two's complement with the sign bit flipped."""
    word = wires.word(op.words.bits[i])
    return f"{word} ^ {op.words.width}'d{-op.words.low}" if op.words.signed else word


def _reached(word: str, width: int, candidates: Sequence[int], upper: Sequence[str]) -> str:
    if len(set(candidates)) == 1:
        return at_least(word, width, candidates[0])
    if max(candidates) >> width:
        word, width = f"{{1'b0, {word}}}", width + 1
    return f"({word} >= {_selected(candidates, upper, width)})"


def _selected(candidates: Sequence[int], upper: Sequence[str], width: int) -> str:
    if len(set(candidates)) == 1:
        return f"{width}'d{candidates[0]}"
    half = len(candidates) // 2
    high = _selected(candidates[half:], upper[:-1], width)
    low = _selected(candidates[:half], upper[:-1], width)
    return f"({upper[-1]} ? {high} : {low})"


def encode_primitives(op: Encode, wires: Wires) -> Iterator[str]:
    """Yield the comparisons of `encode` as LUTs; a short word looks its code up."""
    width, signed = op.words.width, op.words.signed
    compared, lines = Comparisons("t"), list[str]()
    for i, row in enumerate(thresholds_from_least(op).tolist()):
        word = wires.bits(op.words.bits[i])
        bits = [f"c{i}_{j}" for j in range(op.code_width)]
        if takes_top_bits(op, row):
            bits = [*word[width - op.code_width : -1], f"{'~' * signed}{word[-1]}"]
        elif op.thermometer:
            bits = [compared.at_least(word, signed, threshold) for threshold in row]
        elif width <= LUT_INPUTS:
            lines.append(f"wire {', '.join(bits)};")
            lines += drive_all(f"uc{i}", bits, _looked_up(word, signed, row, len(bits)))
        else:
            lines.append(f"wire {', '.join(bits)};")
            for j, bit in enumerate(bits):
                candidates = row[(1 << j) - 1 :: 2 << j]
                chosen = compared, f"u{bit}", bit, word, signed, candidates, bits[j + 1 :]
                lines += _chain(*chosen)
        first = i * len(bits)
        lines.append(f"assign y[{first + len(bits) - 1}:{first}] = {concatenate(bits)};")
    yield from compared.lines()
    yield from lines


def _looked_up(word: Sequence[str], signed: bool, row: Sequence[int], width: int) -> list[Bit[str]]:
    """Return the bits of a code as tables of the word."""
    flip = 1 << (len(word) - 1) if signed else 0
    codes = [bisect_right(row, value ^ flip) for value in range(1 << len(word))]
    tables = (
        sum((code >> j & 1) << value for value, code in enumerate(codes)) for j in range(width)
    )
    return [Bit(tuple(word), table) for table in tables]


def compare_primitives(op: Compare, wires: Wires) -> Iterator[str]:
    """Yield the comparisons of `compare` as LUTs."""
    compared = Comparisons("t")
    bits = [
        compared.at_least(wires.bits(op.words.bits[i]), op.words.signed, threshold)
        for i, threshold in enumerate(thresholds_from_least(op).tolist())
    ]
    yield from compared.lines()
    yield from (f"assign y[{i}] = {bit};" for i, bit in enumerate(bits))


def _chain(
    compared: Comparisons,
    name: str,
    output: str,
    word: Sequence[str],
    signed: bool,
    candidates: Sequence[int],
    upper: Sequence[str],
) -> Iterator[str]:
    """Yield ``word >= candidates[upper]``: each LUT decides some bits, given the lower ones."""
    width = len(word)
    if len(set(candidates)) == 1:
        yield f"assign {output} = {compared.at_least(word, signed, candidates[0])};"
        return
    if len(upper) > 4:  # too many for a LUT: decide for both values of the uppermost
        half = len(candidates) // 2
        halves = [f"w{name}_0", f"w{name}_1"]
        yield f"wire {', '.join(halves)};"
        for part, own in zip((candidates[:half], candidates[half:]), halves, strict=True):
            yield from _chain(compared, f"u{own}", own, word, signed, part, upper[:-1])
        yield lut(name, output, [*halves, upper[-1]], "ca")
        return
    # Below the lowest bit that any threshold has set, the word decides nothing.
    start = min((c & -c).bit_length() - 1 for c in candidates if c)
    start, lower = min(start, width - 1), []
    while start < width:
        bits = word[start : start + 6 - len(upper) - len(lower)]
        end = start + len(bits)
        inputs = [*bits, *lower, *upper]
        tables = [
            0
            if end == width and threshold >> width
            else decision(threshold >> start, len(bits), bool(lower), end == width and signed)
            for threshold in candidates
        ]
        size = 1 << len(bits) + len(lower)
        table = sum(part << i * size for i, part in enumerate(tables))
        digits = max(1, (1 << len(inputs)) // 4)
        target = output if end == width else f"w{name}_{start}"
        if end < width:
            yield f"wire {target};"
        if len(inputs) == 1:  # the uppermost bit alone decides: a wire, no LUT
            yield f"assign {target} = {'' if table == 2 else '~'}{inputs[0]};"
            return
        yield lut(f"{name}_{start}", target, inputs, f"{table:0{digits}x}")
        start, lower = end, [target]
