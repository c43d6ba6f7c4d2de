"""What the integer-only reference takes for images."""

import math

import numpy as np
import pytest

from lutra.vit import _integer, samples_at_once
from tests.vit.models import SHAPE, images, random_model

PIXELS = math.prod(SHAPE)
REFUSED = {
    "expected .samples, 48., 2 planes of 4 x 6 pixels": images(2).reshape(4, PIXELS // 2),
    "images of shape .48,.": images(1)[0],
    "images of shape .2, 2, 4, 6.": images(2).reshape(2, *SHAPE),
    "images are float64": images(2) / 255,
    "outside 0..255": images(2).astype(np.int8),
    "a pixel lies outside": images(2).astype(np.int64) + 200,
}


@pytest.mark.parametrize("says", REFUSED)
def test_other_images_are_refused(says: str) -> None:
    with pytest.raises(ValueError, match=says):
        random_model(0).scores(REFUSED[says])


def test_pixels_may_come_in_any_integers() -> None:
    model, raw = random_model(0), images(3)
    assert (model.scores(raw.astype(np.int64)) == model.scores(raw)).all()
    assert model.scores(raw[:0]).shape == (0, 5)


def test_large_images_go_through_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model, raw = random_model(0), images(7)
    expected = model.scores(raw)
    heads, tokens = model.encoders[0].attention.heads, len(model.positions)
    monkeypatch.setattr(_integer, "_MOST_SCORES", 3 * heads * tokens**2)
    assert samples_at_once(heads, tokens) == 3
    assert samples_at_once(heads, 100 * tokens) == 1
    assert (model.scores(raw) == expected).all()
