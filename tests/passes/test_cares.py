import numpy as np
import pytest

from lutra.circuit import Builder, Lut, pack_tables
from lutra.passes import observe


def test_rare_entries_are_dont_cares() -> None:
    b = Builder(2, 1)
    b.output("y", b.add(Lut(np.asarray([[0, 1]]), pack_tables(np.asarray([[0, 1, 1, 0]]), 1)), 1))
    circuit = b.build("xor")
    x = np.asarray([[0, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1]])
    for rarity, read in ((1, [1, 1, 1, 0]), (2, [0, 1, 1, 0]), (3, [0, 0, 1, 0]), (4, [0] * 4)):
        assert observe(circuit, x, batch=2, rarity=rarity)[0].tolist() == [[bool(n) for n in read]]
    with pytest.raises(ValueError, match="rarity is 0"):
        observe(circuit, x, rarity=0)
