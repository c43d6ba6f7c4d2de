import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lutra.recipe import AugmentConfig
from lutra.train import augment
from lutra.train._rand_augment import _OPERATIONS, rand_augment


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(256, shape, generator=seeded(1), dtype=torch.uint8)


@given(
    st.tuples(st.integers(1, 9), st.sampled_from([1, 3]), st.integers(3, 12), st.integers(3, 12)),
    st.integers(0, 3),
    st.floats(0, 10),
    st.integers(0, 1000),
)
def test_equal_generators_make_equal_images(
    shape: tuple[int, int, int, int], operations: int, magnitude: float, seed: int
) -> None:
    images = noise(*shape)
    before = images.clone()
    found = rand_augment(images, operations, magnitude, seeded(seed))
    assert found.shape == images.shape and found.dtype == torch.uint8
    assert torch.equal(images, before)
    assert torch.equal(found, rand_augment(images, operations, magnitude, seeded(seed)))


def test_half_of_the_operations_are_left_out() -> None:
    images = noise(2000, 3, 8, 8)
    same = (rand_augment(images, 1, 9.0, seeded()) == images).flatten(1).all(1)
    assert same.double().mean() == pytest.approx(0.5, abs=0.06)
    same = (rand_augment(images, 2, 9.0, seeded()) == images).flatten(1).all(1)
    assert same.double().mean() == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize("operation", range(3, len(_OPERATIONS)))
def test_strength_grows(operation: int) -> None:
    # Of a quarter light to three quarters dark, so that all have something to do.
    images = (noise(64, 3, 16, 16) // 2 + torch.arange(0, 128, 8, dtype=torch.uint8)).contiguous()

    def change(strength: float) -> float:
        strengths = torch.full((64,), strength)
        found = _OPERATIONS[operation](images, strengths).double()
        return (found - images.double()).abs().mean().item()

    assert change(0.9) > change(0.2) >= 0
    assert change(-0.9) > change(-0.2) >= 0


@pytest.mark.parametrize("planes", [1, 3])
def test_erased_boxes(planes: int) -> None:
    raw = torch.zeros(1000, planes * 32 * 32, dtype=torch.uint8)
    found = augment(raw, (32, 32), AugmentConfig(erase=0.25), seeded())
    assert found.shape == raw.shape and found.dtype == torch.uint8
    changed = (found.view(-1, planes, 32, 32) > 0).any(1)
    hit = changed.flatten(1).any(1)
    assert hit.double().mean() == pytest.approx(0.25, abs=0.04)
    for box in changed[hit]:
        rows, columns = box.any(1).nonzero(), box.any(0).nonzero()
        sides = [int(line.max() - line.min()) + 1 for line in (rows, columns)]
        assert 0.01 < sides[0] * sides[1] / 32**2 < 0.37
        # All inside is noise, of which one value in 256 is black.
        assert box.sum() > 0.8 * sides[0] * sides[1]
    assert torch.equal(found, augment(raw, (32, 32), AugmentConfig(erase=0.25), seeded()))
    every = augment(raw, (32, 32), AugmentConfig(erase=1.0), seeded())
    assert (every > 0).any(1).all()


def test_all_at_once_after_the_warp() -> None:
    raw = noise(16, 3 * 12 * 8)
    warp = {"shift": 2.0, "mirror": True}
    config = AugmentConfig(**warp, rand_operations=2, erase=0.5)
    found = augment(raw, (12, 8), config, seeded())
    assert found.shape == raw.shape and found.dtype == torch.uint8
    warped = augment(raw, (12, 8), AugmentConfig(**warp), seeded())
    plain = (found == warped).all(1)
    assert 0 < plain.sum() < 16
