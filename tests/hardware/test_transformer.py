"""Whole accelerators, from pixels to class scores, against the integer reference."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lutra.errors import OutputError, VerifyError
from lutra.hardware import (
    Accelerator,
    _verify,
    accelerator_blocks,
    model_clocks,
    verify_accelerator,
    verify_blocks,
    write_accelerator,
)
from lutra.tools import StreamSimulator, build_stream, parse
from lutra.vit import IntegerTransformer
from tests.hardware.random_parts import pixels_of, transformer_of
from tests.hardware.simulation import PAUSES, build, intervals, run_equal


def of_side(side: int, **more: int) -> Accelerator:
    return Accelerator(side, 200e6, 1e-12, 1e-12, **more)


def drawn(seed: int, images: int, **more: Any) -> tuple[IntegerTransformer, np.ndarray]:
    """Return a model and images, of which it says different things."""
    rng = np.random.default_rng(seed)
    model = transformer_of(rng, **more)
    pixels = pixels_of(rng, images, model.shape)
    assert len(np.unique(model.scores(pixels), axis=0)) > 0.8 * images
    return model, pixels


@pytest.fixture
def built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build every folder's simulator once, quickly: it reads constants as it starts."""
    known: dict[Path, StreamSimulator] = {}

    def built(folder: Path, *args: Any, **more: Any) -> StreamSimulator:
        if folder not in known:
            known[folder] = build_stream(folder, *args, **{**more, "optimise": False})
        return known[folder]

    monkeypatch.setattr(_verify, "build_stream", built)


@pytest.mark.parametrize(
    ("sizes", "accelerator"),
    [
        pytest.param({"hidden": 20, "encoders": 1}, of_side(3), id="ViT, MLPs"),
        pytest.param(
            {"shape": (3, 9, 8), "dim": 12, "convolutions": (5,), "tables": (20,)},
            of_side(3, sums_per_clock=2),
            id="CCT, tables",
        ),
        pytest.param(
            {"dim": 10, "encoders": 4, "tables": (17,)},
            of_side(3, encoders_per_mixer=2, sums_per_clock=2),
            id="ViT, two encoders per mixer",
        ),
    ],
)
def test_scores(sizes: dict[str, Any], accelerator: Accelerator, tmp_path: Path) -> None:
    model, pixels = drawn(2, 40, **sizes)
    least = 0
    simulator = build(tmp_path, *accelerator_blocks(model, accelerator))
    for pauses in PAUSES:
        found = run_equal(simulator, pixels, model.scores(pixels), pauses)
        if pauses == (0, 0):
            least = max(model_clocks(model, accelerator).values())
            assert (intervals(found, len(pixels))[4:-4] >= least).all()
    for reset in (least, least + 7, 3 * least, 3 * least + 50):  # whatever is under way then
        run_equal(simulator, pixels[:5], model.scores(pixels[:5]), reset=reset)
    parsed = parse(sorted(tmp_path.glob("*.[sv]*")), "accelerator")  # by a second front end
    assert [port[1] for port in parsed.ports][:2] == ["clk", "rst"]


@pytest.mark.usefixtures("built_once")
def test_a_verified_accelerator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its clocks; once a constant is wrong, an error names where that shows."""
    model, pixels = drawn(3, 8)
    run = verify_accelerator(model, of_side(3), pixels, tmp_path)
    least = max(model_clocks(model, of_side(3)).values())
    assert run.images == 8
    assert least <= run.interval < 1.5 * least
    assert run.latency > 2 * least  # of two encoders
    bias = model.head.bias + np.array([0, 0, 0, 1, 0])
    wrong = replace(model, head=replace(model.head, bias=bias))
    monkeypatch.setattr(
        _verify, "write_accelerator", lambda _, *rest: write_accelerator(wrong, *rest)
    )
    with pytest.raises(VerifyError, match=r"in 8 of 40 codes, first at image 0, place \(3,\)"):
        verify_accelerator(model, of_side(3), pixels, tmp_path)


@pytest.mark.usefixtures("built_once")
def test_verified_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have their clocks; once a constant is wrong, an error names block and place."""
    model, pixels = drawn(4, 8, encoders=1, tables=(17,))
    runs = verify_blocks(model, of_side(4), pixels, tmp_path)
    assert {run.name: run.expected for run in runs} == model_clocks(model, of_side(4))
    assert [run.codes for run in runs] == [8 * 80, 8 * 80, 8 * 80, 8 * 5]
    for run in runs:
        assert run.expected <= run.measured <= 1.2 * run.expected, run
    positions = model.positions.copy()
    positions[2, 7] ^= 1
    wrong = replace(model, positions=positions)
    monkeypatch.setattr(
        _verify, "accelerator_blocks", lambda _, *rest: accelerator_blocks(wrong, *rest)
    )
    with pytest.raises(VerifyError, match=r"tokenizer: .* image 0, place \(2, 7\)"):
        verify_blocks(model, of_side(4), pixels, tmp_path)


def test_what_cannot_be_built_is_an_error() -> None:
    with pytest.raises(OutputError, match="2 x 2 at least"):
        accelerator_blocks(drawn(5, 4)[0], of_side(1))


def test_what_cannot_be_shared_is_an_error() -> None:
    with pytest.raises(OutputError, match="only mixers of tables"):
        accelerator_blocks(drawn(5, 4, hidden=8)[0], of_side(4, encoders_per_mixer=2))
    models = [drawn(5, 4, tables=(tables,), encoders=1)[0] for tables in (9, 10)]
    unlike = replace(models[0], encoders=(*models[0].encoders, *models[1].encoders))
    with pytest.raises(OutputError, match="agree in last tables"):
        accelerator_blocks(unlike, of_side(4, encoders_per_mixer=2))
