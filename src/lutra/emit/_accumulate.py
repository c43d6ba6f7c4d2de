"""Sums of bits as carry chains, whose LUTs count what they add.

A carry chain adds one bit of every weight to another. Two of its LUTs can count six bits, or four
and one of twice the weight, as they are added: the compressors of Preusser, "Generic and universal
parallel matrix summation with a flexible compression goal for Xilinx FPGAs", FPL 2017.
"""

from collections.abc import Iterator, Sequence

from lutra.emit._bit import Bit, combine, drive_pair, wire
from lutra.emit._wires import lut

__all__ = ["accumulate"]

_BLOCK = 8
"""Bits of a CARRY8."""
_MANY = 6
"""Bits of one weight that two LUTs count."""
_ZERO = Bit((), 0)


def accumulate(stem: str, columns: Sequence[Sequence[Bit]], total: Sequence[str]) -> Iterator[str]:
    """Yield the sum of columns of wires and their inverses, modulo 2**len(total).

    Round by round, chains add the bits that are there: six at a time as long as a column has six,
    which takes away most per LUT, then what there is. The last chain adds two bits of each weight.

    Parameters
    ----------
    stem
        What names of wires begin with.
    columns
        Bits of weight 2**j in column j.
    total
        Expressions that the sum's bits are assigned to, LSB first.
    """
    sums = _Columns(stem, columns, len(total))
    while max(map(sums.ready, range(len(total)))) > 2:
        yield from sums.round()
    for low in range(len(total)):
        if sums.ready(low) > 1:
            yield from sums.chain(low, 1)
            sums.advance()
    for column, output in enumerate(total):
        bit = (*sums.bits[column], _ZERO)[0]
        yield bit.drive(f"u{stem}_y{column}", output)


class _Columns:
    """The bits that are still to be added, by weight."""

    def __init__(self, stem: str, columns: Sequence[Sequence[Bit]], width: int) -> None:
        self.stem, self.width, self.chains = stem, width, 0
        self.bits = [[*column] for column in (*columns[:width], ())]
        """What the round may take, and above the top what is not asked for."""
        self.next: list[list[Bit]] = [[] for _ in self.bits]
        """What the round has made."""

    def ready(self, column: int) -> int:
        """Return how many bits the round may take."""
        return len(self.bits[column]) if column < self.width else 0

    def advance(self) -> None:
        """Put what the round has made to what it left."""
        for column, made in zip(self.bits, self.next, strict=True):
            column += made
            made.clear()

    def round(self) -> Iterator[str]:
        """Yield chains of bits that were there before."""
        most = max(map(self.ready, range(self.width)))
        least = _MANY if most >= _MANY else 3
        for low in range(self.width):
            while self.ready(low) >= least:
                yield from self.chain(low, least)
        self.advance()

    def chain(self, low: int, least: int) -> Iterator[str]:
        """Yield one chain from a column up to the first where less than ``least`` are ready."""
        name, high, places = f"{self.stem}_{self.chains}", low, list[tuple[Bit, Bit]]()
        self.chains += 1
        carry = self._carry(low)
        while high == low or self.ready(high) >= least:
            places += self._places(high)
            high = low + len(places)
        yield from _chain(name, places, carry)
        for place in range(len(places)):
            self.next[low + place].append(wire(f"{name}_o[{place}]"))
        self.next[high].append(wire(f"{name}_c[{len(places) - 1}]"))

    def _carry(self, column: int) -> Bit:
        """Take what a chain begins with: a constant, or a bit if that leaves no more to be done.

        The way in of a bit is that of the first place's carry, too, which then comes from the
        other output of a LUT of at most five inputs.
        """
        bits = self.bits[column]
        fits = len(bits) in ((3, 5) if self.bits[column + 1] else (3, 4))
        for bit in bits:
            if bit.name and (fits if bit.inputs else len(bits) > 2):
                bits.remove(bit)
                return bit
        return _ZERO

    def _places(self, column: int) -> list[tuple[Bit, Bit]]:
        """Take bits and return their places in a chain: what is added, and the bit that carries.

        A place passes the carry on where its first bit is 1; where that is 0, the second one is
        the carry.
        """
        bits, above = self.bits[column], self.bits[column + 1]
        two = column + 1 < self.width
        if two and len(bits) > 4:
            bare = [bit for bit in bits[:_MANY] if bit.name] if len(bits) >= _MANY else []
            last, upper = bare[0] if bare else _ZERO, []
            if bare:
                bits.remove(last)
        elif two and len(bits) > 2 and above:
            last, upper = bits.pop(), [above.pop(0)]
        else:
            return [_added(bits.pop(0), bits.pop(0) if bits else _ZERO)]
        lower = bits[: _MANY - 1]
        del bits[: _MANY - 1]
        count = len(lower)

        def rest(values: Sequence[int]) -> int:
            """Return the two's in the lower bits, and the upper one: 0 to 2."""
            return sum(values[:count]) // 2 + sum(values[count:])

        carried = combine(lambda values: rest(values) >> 1, [*lower, *upper])
        return [_added(*lower, last), (combine(rest, [*lower, *upper]), carried)]


def _added(*bits: Bit) -> tuple[Bit, Bit]:
    return combine(sum, bits), bits[-1]


def _chain(name: str, places: Sequence[tuple[Bit, Bit]], carry: Bit) -> Iterator[str]:
    """Yield a chain of places, the lowest first: sums NAME_o, carries NAME_c."""
    blocks = -(-len(places) // _BLOCK)
    size = blocks * _BLOCK
    yield f"wire [{size - 1}:0] {name}_o, {name}_c, {name}_s;"
    data = []
    for number, (bit, carried) in enumerate(places):
        output, cell = f"{name}_s[{number}]", f"u{name}_s{number}"
        if carried.name:
            data.append(carried.name)
            alone = bit.name and bit.inputs  # a chain has no other way in than through a LUT
            yield lut(cell, output, bit.inputs, "2") if alone else bit.drive(cell, output)
        else:
            data.append(f"{name}_d{number}")
            yield f"wire {data[-1]};"
            yield drive_pair(cell, (output, data[-1]), (bit, carried))
    if len(places) < size:
        yield f"assign {name}_s[{size - 1}:{len(places)}] = {size - len(places)}'d0;"
    data += ["1'b0"] * (size - len(places))
    for block in range(blocks):
        low, high = block * _BLOCK, (block + 1) * _BLOCK - 1
        yield (
            f"CARRY8 u{name}_{block} (.CO({name}_c[{high}:{low}]), .O({name}_o[{high}:{low}]), "
            f".CI({f'{name}_c[{low - 1}]' if block else carry.name}), .CI_TOP(1'b0), "
            f".DI({{{', '.join(reversed(data[low : high + 1]))}}}), .S({name}_s[{high}:{low}]));"
        )
