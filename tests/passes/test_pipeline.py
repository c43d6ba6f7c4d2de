import numpy as np
import pytest

from lutra.circuit import Builder, Circuit, Compare, Lut, Sum, Words, operands, pack_tables
from lutra.passes import pipeline


def chain(levels: int) -> Circuit:
    b = Builder(2, 2)
    bits = b.inputs.bits.reshape(-1)
    for _ in range(levels):
        table = pack_tables(np.arange(16)[None].repeat(4, 0) % 2, 1)
        bits = b.add(Lut(np.tile(bits, (4, 1)), table), 1).bits.reshape(-1)
    b.classify(Words(bits.reshape(2, 2)))
    return b.build("chain")


@pytest.mark.parametrize(
    ("every", "stages"),
    [(0, [0] * 7), (1, [0, 1, 2, 3, 4, 5, 5]), (3, [0, 0, 0, 1, 1, 1, 1]), (4, [0] * 4 + [1] * 3)],
)
def test_a_bank_after_every_few_levels(every: int, stages: list[int]) -> None:
    assert list(pipeline(chain(6), every).stages) == stages


@pytest.mark.parametrize(
    ("encoder", "sums", "stages"),
    [
        (False, False, [0, 0, 0, 0, 0, 0]),
        (True, False, [0, 1, 1, 1, 1, 1]),
        (False, True, [0, 0, 1, 2, 2, 2]),
        (True, True, [0, 1, 2, 3, 3, 3]),
    ],
)
def test_banks_that_are_asked_for_by_name(encoder: bool, sums: bool, stages: list[int]) -> None:
    b = Builder(2, 2)
    keys = b.add(Compare(b.inputs, np.asarray([1, 2])), 1)
    bits = b.add(Lut(keys.bits.T.copy(), pack_tables(np.arange(4)[None], 2)), 2).bits
    for _ in range(2):
        bits = b.add(Sum(bits, np.ones_like(bits), np.zeros(1, np.int64), 2, False), 2).bits
    b.output("big", b.add(Compare(Words(bits), np.asarray([1])), 1))
    b.classify(Words(bits))
    for every in (0, 1):
        assert list(pipeline(b.build("named"), every, encoder, sums).stages) == stages


def test_an_encoder_that_is_not_there_has_no_bank() -> None:
    assert list(pipeline(chain(3), 1, encoder=True).stages) == list(pipeline(chain(3), 1).stages)


def test_stages_never_decrease_along_a_wire() -> None:
    b = Builder(3, 2)
    r, pool = np.random.default_rng(0), list(range(6))
    for _ in range(20):
        table = pack_tables(r.integers(0, 2, (2, 4)), 1)
        pool += list(b.add(Lut(r.choice(pool, (2, 2)), table), 1).bits[:, 0])
    b.output("y", Words(np.asarray(pool)[:, None]))
    circuit = pipeline(b.build("dag"), 1)
    assert max(circuit.stages) > 2
    for op, stage in zip(circuit.ops, circuit.stages, strict=True):
        sources = circuit.sources(operands(op).reshape(-1))
        read = [circuit.stages[source] for source in sources if source >= 0]
        assert stage == max((s + 1 for s in read), default=0)


def test_a_negative_number_of_levels() -> None:
    with pytest.raises(ValueError, match="-1 levels"):
        pipeline(chain(1), -1)
