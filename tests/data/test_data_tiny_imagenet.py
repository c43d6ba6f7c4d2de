import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lutra.data import load
from lutra.data._npz import read_arrays
from lutra.data._tiny_imagenet import _packed
from lutra.errors import DataError

from ..conftest import LOCAL, local

HEADER = 20
"""Bytes that the images of these tests share, from the start of every JPEG."""


def photograph(number: int, side: int, mode: str = "RGB") -> Image.Image:
    """A smooth picture, the same after JPEG to a few levels."""
    line = np.linspace(0, 100 + 10 * number, side)
    shades = [line[:, None] + line, line[:, None] + 0 * line, 200 - (line[:, None] + 0 * line)]
    image = Image.fromarray(np.stack(shades, 2).clip(0, 255).astype(np.uint8))
    return image.convert(mode)


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()


def packed(count: int = 4) -> dict[str, Any]:
    """The arrays of a small file."""
    images = [jpeg(photograph(n, 32, "L" if n == 1 else "RGB")) for n in range(count)]
    assert len({image[:HEADER] for image in images}) == 1
    assert all(image.endswith(b"\xff\xd9") for image in images)
    bodies = [image[HEADER:-2] for image in images]
    arrays: dict[str, Any] = {
        "header": np.frombuffer(images[0][:HEADER], np.uint8),
        "names": np.array(["cat", "reel", "crane"]),
    }
    for part in ("train", "val"):
        arrays[f"{part}_bytes"] = np.frombuffer(b"".join(bodies), np.uint8)
        arrays[f"{part}_len"] = np.array([len(body) for body in bodies], np.uint16)
        arrays[f"y_{part}"] = np.arange(count, dtype=np.uint8) % 3
    return arrays


def write(folder: Path, arrays: dict[str, Any]) -> Path:
    path = folder / "tiny_imagenet32" / "tiny_imagenet32_jpeg.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **arrays)
    return path


def near(row: np.ndarray, image: Image.Image) -> bool:
    expected = np.asarray(image.convert("RGB")).transpose(2, 0, 1).reshape(-1)
    return bool(np.abs(row.astype(int) - expected).mean() < 4)


def test_the_packed_images(tmp_path: Path) -> None:
    write(tmp_path, packed())
    data = load("tiny-imagenet-32", folder=tmp_path)
    assert data.classes == ("cat", "reel", "crane")
    assert data.image_shape == (3, 32, 32) and data.train.x.dtype == np.uint8
    for part in (data.train, data.test):
        assert part.y.tolist() == [0, 1, 2, 0]
        for number, row in enumerate(part.x):
            assert near(row, photograph(number, 32, "L" if number == 1 else "RGB"))


def test_real_images() -> None:
    folder = Path(os.environ["LUTRA_DATA"]) / LOCAL[local("tiny-imagenet-32")]
    path = folder / "tiny_imagenet32_jpeg.npz"
    arrays = read_arrays(path)
    count = 300
    arrays["val_bytes"] = arrays["val_bytes"][: arrays["val_len"][:count].sum(dtype=int)]
    arrays |= {key: arrays[key][:count] for key in ("val_len", "y_val")}
    rows = _packed(path, arrays, "val", 200)
    assert rows.x.shape == (count, 3072) and rows.x.std() > 50
    # Neighbouring pixels of a photograph are alike, in every plane.
    planes = rows.x.reshape(-1, 3, 32, 32).astype(int)
    assert np.abs(np.diff(planes, axis=3)).mean() < 0.5 * planes.std()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_len": lambda a: a[:-1]}, "3 numbers in 'train_len', 4 in 'y_train'"),
        ({"val_bytes": lambda a: a[:-1]}, "'val_len' does not add up to"),
        ({"val_len": lambda a: a.astype(np.int64) - 10**6}, "'val_len' does not add up to"),
        ({"val_len": lambda a: a.astype(np.uint64) + 2**63}, "'val_len' does not add up to"),
        ({"y_val": lambda a: a + 3}, "a label is not between 0 and 2"),
        ({"y_val": lambda a: a.astype(float)}, "array 'y_val' is float64"),
        ({"header": lambda a: a[::-1]}, "train image 0: not a readable image"),
        ({"train_len": lambda a: a[::-1]}, "train image [01]: not a readable image"),
        ({"names": None}, "array 'names' is missing"),
    ],
)
def test_a_malformed_file_is_one_clear_error(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    arrays = packed()
    for key, new in change.items():
        arrays[key] = None if new is None else new(arrays[key])
    path = write(tmp_path, {key: value for key, value in arrays.items() if value is not None})
    with pytest.raises(DataError, match=message) as error:
        load("tiny-imagenet-32", folder=tmp_path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_images_of_another_size_are_named(tmp_path: Path) -> None:
    arrays = packed(1)
    large = jpeg(photograph(0, 33))
    arrays["train_bytes"] = np.frombuffer(large[HEADER:-2], np.uint8)
    arrays["train_len"] = np.array([len(large) - HEADER - 2])
    write(tmp_path, arrays)
    with pytest.raises(DataError, match=r"train image 0: \(33, 33\) pixels; expected 32 x 32"):
        load("tiny-imagenet-32", folder=tmp_path)
    with pytest.raises(DataError, match="manual's page on data"):
        load("tiny-imagenet-32", folder=tmp_path / "nowhere")


@given(place=st.integers(0, 2000), byte=st.integers(0, 255))
def test_a_damaged_byte_ends_in_images_or_one_error(place: int, byte: int) -> None:
    arrays = packed(2)
    content = arrays["val_bytes"].copy()
    content[place % len(content)] = byte
    try:
        rows = _packed(Path("file"), {**arrays, "val_bytes": content}, "val", 3)
    except DataError as error:
        assert "val image" in str(error)
    else:
        assert rows.x.shape == (2, 3072)


def unpacked(folder: Path) -> Path:
    """Write the original's folder with two classes, out of order, of two images each."""
    folder = folder / "tiny-imagenet-200"
    (folder / "val" / "images").mkdir(parents=True)
    (folder / "wnids.txt").write_text("n2\nn1\n")
    notes = ""
    for number in range(4):
        name = f"n{number // 2 + 1}"
        own = folder / "train" / name / "images"
        own.mkdir(parents=True, exist_ok=True)
        photograph(number, 64).save(own / f"{name}_{number}.JPEG", "JPEG")
        shown = photograph(number, 64, "L" if number == 2 else "RGB")
        shown.save(folder / "val" / "images" / f"val_{number}.JPEG", "JPEG")
        notes = f"val_{number}.JPEG\t{name}\t0\t0\t63\t63\n{notes}"
    (folder / "val" / "val_annotations.txt").write_text(notes)
    return folder


def test_the_original(tmp_path: Path) -> None:
    unpacked(tmp_path)
    data = load("tiny-imagenet", folder=tmp_path)
    assert data.classes == ("n1", "n2")
    assert data.image_shape == (3, 64, 64)
    assert data.train.y.tolist() == [0, 0, 1, 1]
    assert data.test.y.tolist() == [1, 1, 0, 0]
    for number in range(4):
        assert near(data.train.x[number], photograph(number, 64))
        assert near(data.test.x[3 - number], photograph(number, 64, "L" if number == 2 else "RGB"))


def test_what_is_wrong_with_the_original_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tiny-imagenet-200\.zip"):
        load("tiny-imagenet", folder=tmp_path)
    folder = unpacked(tmp_path)
    notes = folder / "val" / "val_annotations.txt"
    for line, message in (
        ("val_9.JPEG\tn1", r"val_9.JPEG: not a readable image"),
        ("val_0.JPEG\tn3", r"val_annotations.txt, row 0: label 'n3' does not occur"),
        ("val_0.JPEG", r"val_annotations.txt, line 1: expected the names"),
        ("", "test part of shape .* is empty"),
    ):
        notes.write_text(line)
        with pytest.raises(DataError, match=message):
            load("tiny-imagenet", folder=tmp_path)
    notes.unlink()
    with pytest.raises(DataError, match=r"val_annotations\.txt: not a readable text file"):
        load("tiny-imagenet", folder=tmp_path)
    path = folder / "train" / "n1" / "images" / "n1_0.JPEG"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"n1_0.JPEG: not a readable image"):
        load("tiny-imagenet", folder=tmp_path)
