"""The class decision as Verilog."""

from collections.abc import Iterator

from lutra.circuit import Argmax
from lutra.emit._wires import Wires

__all__ = ["argmax"]


def argmax(op: Argmax, wires: Wires) -> Iterator[str]:
    """Yield a balanced tree of comparisons; the left word, of lower index, wins ties."""
    kind = "signed " if op.words.signed else ""
    declared = f"wire {kind}[{op.words.width - 1}:0]"
    nodes = []
    for i, bits in enumerate(op.words.bits):
        yield f"{declared} v0_{i} = {wires.word(bits)};"
        nodes.append((f"v0_{i}", ""))
    level, no_bits = 0, "1'b0"
    while len(nodes) > 1:
        level += 1
        merged = []
        for i in range(0, len(nodes) - 1, 2):
            (left, left_index), (right, right_index) = nodes[i : i + 2]
            value, index = f"v{level}_{i // 2}", f"i{level}_{i // 2}"
            yield f"wire r{level}_{i // 2} = {right} > {left};"
            pick = f"r{level}_{i // 2} ?"
            if len(nodes) > 2:
                yield f"{declared} {value} = {pick} {right} : {left};"
            lower = f", {pick} {right_index} : {left_index}" if level > 1 else ""
            yield f"wire [{level - 1}:0] {index} = {{r{level}_{i // 2}{lower}}};"
            merged.append((value, index))
        if len(nodes) % 2:
            value, index = nodes[-1]
            merged.append((value, f"{{1'b0, {index}}}" if index else "1'b0"))
        nodes = merged
    yield f"assign y = {nodes[0][1] or no_bits};"
