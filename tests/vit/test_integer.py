"""What the integer-only reference takes for images."""

import math

import numpy as np
import pytest

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
