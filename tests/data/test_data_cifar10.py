from pathlib import Path

import numpy as np
import pytest

from lutra.data import _cifar10, load
from lutra.errors import DataError

from ..conftest import local


def test_a_real_sheet(data_folder: Path) -> None:
    folder = data_folder / local("cifar10")
    images = _cifar10._sheet(folder / "cifar10_5.webp")
    labels = np.load(folder / "labels.npz")["y_test"]
    assert images.shape == (10_000, 3072)
    assert labels[:5].tolist() == [3, 8, 8, 0, 6]
    # Around a ship or an airplane there is water or sky; around a deer there is not.
    planes = images.reshape(-1, 3, 1024).mean(2)
    blue = planes[:, 2] - planes[:, 0]
    assert blue[labels == 8].mean() > 0 > blue[labels == 4].mean()


def binary(folder: Path, rows: int = 4) -> np.ndarray:
    """Write tiny files of the binary version; returns the test file's rows."""
    draw = np.random.default_rng(0)
    folder = folder / "cifar10"
    folder.mkdir()
    names = [f"data_batch_{number}.bin" for number in range(1, 6)]
    for name in [*names, "test_batch.bin"]:
        content = draw.integers(0, 256, (rows, 3073)).astype(np.uint8)
        content[:, 0] %= 10
        content.tofile(folder / name)
    return content


def test_the_binary_version(tmp_path: Path) -> None:
    last = binary(tmp_path)
    data = load("cifar10", folder=tmp_path)
    assert len(data.train) == 20
    assert np.array_equal(data.test.x, last[:, 1:])
    assert np.array_equal(data.test.y, last[:, 0])


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="binary version"):
        load("cifar10", folder=tmp_path)
    binary(tmp_path)
    path = tmp_path / "cifar10" / "data_batch_3.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"data_batch_3.bin: 12291 bytes are not images"):
        load("cifar10", folder=tmp_path)
    path.write_bytes(b"\x0a" + content[1:])
    with pytest.raises(DataError, match="label is not between 0 and 9"):
        load("cifar10", folder=tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=r"data_batch_3.bin: cannot be read"):
        load("cifar10", folder=tmp_path)


def test_damaged_sheets_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "cifar10"
    folder.mkdir()
    (folder / "cifar10_0.webp").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"labels.npz: not a readable npz"):
        load("cifar10", folder=tmp_path)
    np.savez(folder / "labels.npz", y_train=np.zeros(5, int), y_test=np.zeros(1, int))
    with pytest.raises(DataError, match=r"cifar10_0.webp: not a readable image"):
        load("cifar10", folder=tmp_path)
