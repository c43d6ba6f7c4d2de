"""The class head adds up the same votes in training, as integers and as a circuit."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from lutra.circuit import Builder, evaluate
from lutra.nn import GroupSum, Quantiser


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 4), st.booleans(), st.integers(0, 99))
def test_scores_equal_the_circuit(
    classes: int, votes: int, bits: int, signed: bool, seed: int
) -> None:
    head, quantiser = GroupSum(votes), Quantiser(bits, signed)
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(1 << bits, (classes * votes, 20), generator=generator)
    found = head.codes(codes.to(torch.uint8))
    for number, row in enumerate(found):
        assert torch.equal(row, codes[number * votes : (number + 1) * votes].sum(0))
    values = head(quantiser.levels[codes]) * votes**0.5
    offset = votes * quantiser.q_min
    torch.testing.assert_close(values, (found + offset) * quantiser.step.detach())
    builder = Builder(classes * votes, bits)
    words = head.lower(builder, builder.inputs, quantiser)
    builder.classify(words)
    circuit = builder.build("head")
    assert np.array_equal(evaluate(circuit, codes.T.numpy())["scores"], found.T.numpy())
    assert len(circuit.ops) == 1 + (votes > 1)
