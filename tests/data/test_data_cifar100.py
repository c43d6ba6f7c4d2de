from pathlib import Path

import numpy as np
import pytest

from lutra.data import load
from lutra.errors import DataError


def binary(folder: Path, rows: int = 6) -> dict[str, np.ndarray]:
    """Write tiny files of the binary version; returns the rows of each."""
    draw = np.random.default_rng(0)
    folder = folder / "cifar-100-binary"
    folder.mkdir()
    written = {}
    for name in ("train", "test"):
        content = draw.integers(0, 256, (rows, 3074)).astype(np.uint8)
        content[:, 0] %= 20
        content[:, 1] %= 100
        content.tofile(folder / f"{name}.bin")
        written[name] = content
    names = "".join(f"class {number}\n" for number in range(100))
    (folder / "fine_label_names.txt").write_text(names + "\n")
    return written


def test_the_binary_version_with_its_fine_labels(tmp_path: Path) -> None:
    written = binary(tmp_path)
    data = load("cifar100", folder=tmp_path)
    assert data.image_shape == (3, 32, 32)
    assert data.classes[99] == "class 99" and len(data.classes) == 100
    for part, rows in ((data.train, written["train"]), (data.test, written["test"])):
        assert np.array_equal(part.x, rows[:, 2:])
        assert np.array_equal(part.y, rows[:, 1])


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cifar-100-binary\.tar\.gz"):
        load("cifar100", folder=tmp_path)
    binary(tmp_path)
    folder = tmp_path / "cifar-100-binary"
    path = folder / "test.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"test.bin: 18443 bytes are not images of 3074 bytes"):
        load("cifar100", folder=tmp_path)
    path.write_bytes(content[:1] + b"\x64" + content[2:])
    with pytest.raises(DataError, match=r"test\.bin: a label is not between 0 and 99"):
        load("cifar100", folder=tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=r"test.bin: cannot be read"):
        load("cifar100", folder=tmp_path)
    (folder / "fine_label_names.txt").write_text("apple\n")
    with pytest.raises(DataError, match=r"fine_label_names\.txt: 1 names; there are 100 classes"):
        load("cifar100", folder=tmp_path)
    (folder / "fine_label_names.txt").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"fine_label_names\.txt: not a readable text file"):
        load("cifar100", folder=tmp_path)
