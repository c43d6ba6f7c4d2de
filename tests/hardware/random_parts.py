"""Random constants of the parts of a model, some of them extreme."""

import numpy as np

from lutra.vit import parts


class Draw:
    """Parts from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def whole(self, most: int, *shape: int) -> np.ndarray:
        return self.rng.integers(-most - 1, most, shape, endpoint=True)

    def linear(self, inputs: int, outputs: int, bits: int = 8, bias: int = 1 << 12) -> parts.Linear:
        weight = self.whole((1 << (bits - 1)) - 1, outputs, inputs)
        if outputs > 1:  # the largest sums there are
            weight[0], weight[-1] = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        return parts.Linear(weight, self.whole(bias, outputs))

    def rescale(
        self, linear: parts.Linear, bits: int, scalar: bool = False, room: int = 0
    ) -> parts.Rescale:
        """Return one whose results saturate now and then, with so many bits of room seldom."""
        spread = 74 * np.sqrt((linear.weight.astype(float) ** 2).sum(1).mean())
        shape = () if scalar else (len(linear.weight),)
        multiplier = self.rng.integers(1 << 29, 1 << 31, shape)
        shift = int(np.log2(spread)) + 32 + room - bits
        shifts = shift + self.rng.integers(0, 3, shape)
        return parts.Rescale(np.asarray(multiplier), np.asarray(shifts), bits)
