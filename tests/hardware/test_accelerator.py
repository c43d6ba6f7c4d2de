"""The closed forms against a systolic array that is stepped, and against published figures."""

import numpy as np
import pytest

from lutra.errors import LutraError, RecipeError
from lutra.hardware import Accelerator, encoder_stages, headroom, ll_vit, performance
from lutra.vit import PAPER_MIXER, LutMixer, MlpMixer, Precision, cct_2_3x2, deit_tiny

IMAGE = (224, 224)


def small(side: int = 4, **more: int) -> Accelerator:
    return Accelerator(side, 1e6, slot_joule=1e-9, sum_joule=2e-9, **more)


def stepped(x: np.ndarray, w: np.ndarray, side: int) -> tuple[np.ndarray, int]:
    """Multiply on an array of ``side`` x ``side`` accumulators, a clock at a time."""
    result, clocks = np.zeros((len(x), w.shape[1]), int), 0
    for row in range(0, len(x), side):
        for column in range(0, w.shape[1], side):
            tile = result[row : row + side, column : column + side]
            for k in range(x.shape[1]):
                tile += np.outer(x[row : row + side, k], w[k, column : column + side])
                clocks += 1
    return result, clocks


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 4, 4), (5, 7, 3), (9, 6, 13)])
def test_cycles_are_those_of_an_array_that_is_stepped(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    rows, depth, columns = shape
    x, w = rng.integers(-9, 9, (rows, depth)), rng.integers(-9, 9, (depth, columns))
    product, clocks = stepped(x, w, 4)
    assert np.array_equal(product, x @ w)
    assert small().product(rows, depth, columns) == clocks
    padding = -depth % 4
    _, padded = stepped(np.pad(x, ((0, 0), (0, padding))), np.pad(w, ((0, padding), (0, 0))), 4)
    assert small().product(rows, depth, columns, tokens=True) == padded


def test_the_stages_of_a_small_encoder_by_hand() -> None:
    model = cct_2_3x2(MlpMixer(kind="mlp", ratio=0.5)).model_copy(update={"dim": 6})
    stages = {stage.name: stage for stage in encoder_stages(model, 5, small(4))}
    cycles = {name: stage.cycles for name, stage in stages.items()}
    # Two heads of three channels; five tokens are two tiles, and eight deep once padded.
    assert cycles == {
        "q": 24, "k": 24, "v": 24, "q.k": 2 * 4 * 3, "s.v": 2 * 2 * 8, "projection": 24,
        "dense 1": 2 * 6, "dense 2": 2 * 2 * 3,
    }  # fmt: skip
    assert stages["q"].joule == pytest.approx(24 * 16 * 1e-9)


def test_a_mixer_of_tables_adds_some_per_clock() -> None:
    model = cct_2_3x2(LutMixer(kind="lut", tables=[9, 7]))
    mixers = [encoder_stages(model, 5, small(sums_per_clock=p))[-1] for p in (1, 2, 8)]
    assert [stage.cycles for stage in mixers] == [5 * 7, 5 * 4, 5]
    assert [stage.joule for stage in mixers] == pytest.approx([5 * 7 * 128 * 2e-9] * 3)


def test_fewer_bits_take_less_energy_and_the_same_cycles() -> None:
    def stages(bits: int) -> tuple[list[int], list[float]]:
        update = {"precision": Precision(weights=bits, activations=bits)}
        found = encoder_stages(deit_tiny().model_copy(update=update), 197, ll_vit(32))
        return [stage.cycles for stage in found], [stage.joule for stage in found]

    (cycles, whole), (same, half) = stages(8), stages(4)
    assert cycles == same
    assert np.array(half) / whole == pytest.approx((16 + 8 + 8) / (64 + 16 + 8))


def test_turns_at_one_mixer_set_the_interval_once_they_are_too_many() -> None:
    def interval(encoders: int) -> int:
        accelerator = Accelerator(16, 200e6, 1e-12, 1e-12, encoders_per_mixer=encoders)
        return performance(deit_tiny(PAPER_MIXER), IMAGE, accelerator).interval

    assert [interval(encoders) for encoders in (1, 4)] == [184_704] * 2
    assert interval(5) == 5 * 37_824
    assert interval(20) == 12 * 37_824  # there are twelve encoders


@pytest.mark.parametrize(("side", "tables", "encoders"), [(16, 937, 4), (32, 259, 1)])
def test_headroom_is_where_the_interval_would_grow(side: int, tables: int, encoders: int) -> None:
    model, accelerator = deit_tiny(PAPER_MIXER), ll_vit(side)
    found = headroom(model, IMAGE, accelerator)
    assert (found.tables, found.encoders) == (tables, encoders)

    def interval(count: int) -> int:
        mixer = PAPER_MIXER.model_copy(update={"tables": [192, count]})
        return performance(deit_tiny(mixer), IMAGE, accelerator).interval

    assert interval(192) == interval(tables) < interval(tables + 1)


def test_one_design_has_all_figures() -> None:
    found = performance(deit_tiny(PAPER_MIXER), IMAGE, ll_vit(16))
    assert found.latency == pytest.approx(13.35e-3, abs=5e-6)
    assert found.images_per_second == pytest.approx(1082.8, abs=0.05)
    assert found.watt == pytest.approx(found.joule * found.images_per_second)
    baseline = performance(deit_tiny(), IMAGE, ll_vit(16))
    assert (baseline.interval, found.interval) == (239_616, 184_704)


def test_impossible_accelerators_are_errors() -> None:
    with pytest.raises(LutraError, match="1 or more"):
        small(0)
    with pytest.raises(LutraError, match="above 0"):
        Accelerator(4, 0, 1, 1)
    with pytest.raises(RecipeError, match="choose kind 'lut'"):
        headroom(deit_tiny(), IMAGE, ll_vit(16))
    with pytest.raises(RecipeError, match="patches of 16"):
        performance(deit_tiny().model_copy(update={"resize": 0}), (30, 32), ll_vit(16))
