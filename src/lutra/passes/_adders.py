"""Sums of bits as carry chains, whose LUTs count what they add.

A carry chain adds one bit of every weight to another. Two of its LUTs can count six bits, or four
and one of twice the weight, as they are added: the compressors of Preusser, "Generic and universal
parallel matrix summation with a flexible compression goal for Xilinx FPGAs", FPL 2017. Verilog and
what provers read come from the one plan, so that they have their inner bits in common.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Generic, NamedTuple, TypeVar

from lutra.circuit import LUT_INPUTS, SHARED_INPUTS

__all__ = [
    "Bit",
    "Place",
    "add_up",
    "columns_of_sum",
    "combine",
    "is_looked_up",
    "joint",
    "width_of_sum",
]

Wire = TypeVar("Wire", bound=Hashable)
_MANY = 6
"""Bits of one weight that two LUTs count."""


class Bit(NamedTuple, Generic[Wire]):
    """A function of wires as a table: entry a in bit a, the first input lowest."""

    inputs: tuple[Wire, ...]
    table: int

    @property
    def bare(self) -> bool:
        """Whether it is a wire or a constant."""
        return not self.inputs or (len(self.inputs) == 1 and self.table == 2)

    def over(self, inputs: Sequence[Wire]) -> list[int]:
        """Return the entries of the same function as a table of more inputs."""
        places = [inputs.index(name) for name in self.inputs]
        addresses = (
            sum((entry >> j & 1) << k for k, j in enumerate(places))
            for entry in range(1 << len(inputs))
        )
        return [self.table >> address & 1 for address in addresses]


Place = tuple[Bit[Wire], Bit[Wire]]
"""What is added in one place of a chain, and what carries: where the first bit is 1, the carry of
the place below goes on, and where it is 0, the second one is the carry."""

_ZERO: Bit = Bit((), 0)


def joint(bits: Iterable[Bit[Wire]]) -> list[Wire]:
    """Return the inputs of some bits, each once."""
    return [*dict.fromkeys(name for bit in bits for name in bit.inputs)]


def combine(function: Callable[[Sequence[int]], int], bits: Sequence[Bit[Wire]]) -> Bit[Wire]:
    """Return the lowest bit of a function of bits, without inputs on which it does not depend."""
    inputs = joint(bits)
    shapes = (Bit(tuple(map(inputs.index, bit.inputs)), bit.table) for bit in bits)
    places, table = _combined(function, len(inputs), tuple(shapes))
    return Bit(tuple(inputs[place] for place in places), table)


@lru_cache(4096)  # sums combine a few shapes over and over
def _combined(
    function: Callable[[Sequence[int]], int], size: int, bits: tuple[Bit[int], ...]
) -> Bit[int]:
    inputs = [*range(size)]
    values = zip(*(bit.over(inputs) for bit in bits), strict=True)
    entries = [function(row) & 1 for row in values] if bits else [function(()) & 1]
    for j in reversed(range(size)):
        low, high = ([v for e, v in enumerate(entries) if e >> j & 1 == side] for side in (0, 1))
        if low == high:
            entries = low
            del inputs[j]
    return Bit(tuple(inputs), sum(value << e for e, value in enumerate(entries)))


def columns_of_sum(
    terms: Iterable[tuple[Bit[Wire], int]], bias: int, width: int
) -> list[list[Bit[Wire]]]:
    """Return the bits of every weight of a sum modulo ``2**width``; -b is ~b - 1."""
    columns: list[list[Bit[Wire]]] = [[] for _ in range(width)]
    for bit, weight in terms:
        if weight < 0:
            bit, bias = combine(_inverse, [bit]), bias + weight
        for j in range(min(width, abs(weight).bit_length())):
            if abs(weight) >> j & 1:
                columns[j].append(bit)
    for j, column in enumerate(columns):
        column += [Bit((), 1)] * (bias >> j & 1)
    return columns


def width_of_sum(weights: Sequence[int], bias: int, signed: bool) -> int:
    """Return the bits that a sum of weighted bits needs, its sign included."""
    low = bias + sum(weight for weight in weights if weight < 0)
    high = bias + sum(weight for weight in weights if weight > 0)
    return max(1, max(high, 0).bit_length() + signed, (~low).bit_length() + 1 if low < 0 else 0)


def is_looked_up(
    terms: Sequence[tuple[Bit[Wire], int]], columns: Sequence[Sequence[Bit[Wire]]]
) -> bool:
    """Tell whether tables of all inputs make a sum better than chains do."""
    inputs = len(joint(bit for bit, _ in terms))
    return inputs < LUT_INPUTS or (inputs == LUT_INPUTS and len(columns[0]) < LUT_INPUTS)


def add_up(
    columns: Sequence[Sequence[Bit[Wire]]],
    chain: Callable[[Sequence[Place[Wire]], Bit[Wire]], Sequence[Wire]],
) -> list[Bit[Wire]]:
    """Return the bits of a sum, modulo ``2**len(columns)``.

    Round by round, chains add the bits that are there: six at a time as long as a column has six,
    which takes away most per LUT, then what there is. The last chain adds two bits of each weight.

    Parameters
    ----------
    columns
        Wires, their inverses and constants of weight 2**j in column j.
    chain
        Makes a chain of places, the lowest first, that begins with a wire or a constant; returns
        the sum in every place, and the last carry.
    """
    sums = _Columns(columns, chain)
    while max(map(sums.ready, range(sums.width)), default=0) > 2:
        sums.round()
    for low in range(sums.width):
        if sums.ready(low) > 1:
            sums.chain(low, 1)
            sums.advance()
    return [(*bits, _ZERO)[0] for bits in sums.bits[:-1]]


class _Columns(Generic[Wire]):
    """The bits that are still to be added, by weight."""

    def __init__(
        self,
        columns: Sequence[Sequence[Bit[Wire]]],
        make: Callable[[Sequence[Place[Wire]], Bit[Wire]], Sequence[Wire]],
    ) -> None:
        self.width, self.make = len(columns), make
        self.bits = [[*column] for column in (*columns, ())]
        """What the round may take, and above the top what is not asked for."""
        self.next: list[list[Bit[Wire]]] = [[] for _ in self.bits]
        """What the round has made."""

    def ready(self, column: int) -> int:
        """Return how many bits the round may take."""
        return len(self.bits[column]) if column < self.width else 0

    def advance(self) -> None:
        """Put what the round has made to what it left."""
        for column, made in zip(self.bits, self.next, strict=True):
            column += made
            made.clear()

    def round(self) -> None:
        """Make chains of the bits that were there before."""
        most = max(map(self.ready, range(self.width)))
        least = _MANY if most >= _MANY else 3
        for low in range(self.width):
            while self.ready(low) >= least:
                self.chain(low, least)
        self.advance()

    def chain(self, low: int, least: int) -> None:
        """Make one chain from a column up to the first where less than ``least`` are ready."""
        high, places = low, list[Place[Wire]]()
        carry = self._carry(low)
        while high == low or self.ready(high) >= least:
            places += self._places(high)
            high = low + len(places)
        for place, made in enumerate(self.make(places, carry), low):
            self.next[place].append(Bit((made,), 2))

    def _carry(self, column: int) -> Bit[Wire]:
        """Take what a chain begins with: a constant, or a bit if that leaves no more to be done.

        The way in of a bit is that of the first place's carry, too, which then comes from the
        other output of a LUT of at most five inputs.
        """
        bits = self.bits[column]
        fits = len(bits) in ((3, SHARED_INPUTS) if self.bits[column + 1] else (3, 4))
        for bit in bits:
            if bit.bare and (fits if bit.inputs else len(bits) > 2):
                bits.remove(bit)
                return bit
        return _ZERO

    def _places(self, column: int) -> list[Place[Wire]]:
        """Take the bits of one place or two."""
        bits, above = self.bits[column], self.bits[column + 1]
        two = column + 1 < self.width
        if two and len(bits) > 4:
            bare = [bit for bit in bits[:_MANY] if bit.bare] if len(bits) >= _MANY else []
            last, upper = bare[0] if bare else _ZERO, []
            if bare:
                bits.remove(last)
        elif two and len(bits) > 2 and above:
            last, upper = bits.pop(), [above.pop(0)]
        else:
            return [_added(bits.pop(0), bits.pop(0) if bits else _ZERO)]
        lower = bits[: _MANY - 1]
        del bits[: _MANY - 1]
        both = [*lower, *upper]
        above_place = combine(_rest(len(lower)), both), combine(_carried(len(lower)), both)
        return [_added(*lower, last), above_place]


@cache
def _rest(count: int) -> Callable[[Sequence[int]], int]:
    """Return how many two's are in ``count`` bits, and the bits after them: 0 to 2."""
    return lambda values: sum(values[:count]) // 2 + sum(values[count:])


@cache
def _carried(count: int) -> Callable[[Sequence[int]], int]:
    return lambda values: _rest(count)(values) >> 1


def _inverse(values: Sequence[int]) -> int:
    return 1 - values[0]


def _added(*bits: Bit[Wire]) -> Place[Wire]:
    return combine(sum, bits), bits[-1]
