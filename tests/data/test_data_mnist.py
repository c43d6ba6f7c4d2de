import gzip
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lutra.data import _mnist, describe, load
from lutra.errors import DataError

from ..conftest import local


@pytest.fixture(scope="module")
def mnist(data_folder):
    return load("mnist", folder=data_folder, validation=6000, seed=3)


@pytest.fixture
def tiny(monkeypatch):
    """MNIST shrunk to a few rows, its checksum with it; returns the arrays."""
    rng = np.random.default_rng(0)
    shapes = {key: (3 + 2 * ("test" in key), *s[1:]) for key, s in _mnist._SHAPES.items()}
    arrays = {k: rng.integers(0, 10, s).astype(np.uint8) for k, s in shapes.items()}
    digest = hashlib.sha256(b"".join(a.tobytes() for a in arrays.values())).hexdigest()
    monkeypatch.setattr(_mnist, "_SHAPES", shapes)
    monkeypatch.setattr(_mnist, "_SHA256", digest)
    return arrays


def idx_files(arrays):
    files = {}
    for key, name in _mnist._IDX.items():
        a = arrays[key]
        header = np.array([0x800 + a.ndim, *a.shape], ">u4").tobytes()
        files[name] = gzip.compress(header + a.tobytes())
    return files


def test_real_mnist(mnist):
    assert (len(mnist.train), len(mnist.validation), len(mnist.test)) == (54_000, 6_000, 10_000)
    assert mnist.train.x.dtype == np.uint8
    assert mnist.train.x.shape == (54_000, 784)
    assert (mnist.width, mnist.signed, mnist.image) == (8, False, (28, 28))
    assert mnist.test.y[:5].tolist() == [7, 2, 1, 0, 4]
    assert mnist.features[29] == "r1c1"
    assert np.allclose(mnist.scale * 255, 1)
    assert not mnist.offset.any()
    test_images = np.array([2051, 10_000, 28, 28], ">u4").tobytes() + mnist.test.x.tobytes()
    assert hashlib.md5(test_images).hexdigest() == "2646ac647ad5339dbf082846283269ea"


def test_describe_is_plain_json(mnist):
    found = json.loads(json.dumps(describe(mnist)))
    assert found["rows"] == {"train": 54_000, "validation": 6_000, "test": 10_000}
    assert found["width"] == 8
    assert sum(found["class_rows"]["test"]) == 10_000
    assert found["sha256"] == mnist.sha256


def test_local_npz_and_idx_agree(tiny, tmp_path, alone):
    for folder in ("npz", "idx"):
        (tmp_path / folder / "mnist").mkdir(parents=True)
    np.savez(tmp_path / "npz" / "mnist" / "mnist.npz", **tiny)
    for name, content in idx_files(tiny).items():
        (tmp_path / "idx" / "mnist" / name).write_bytes(content)
    one, other = (load("mnist", folder=tmp_path / folder) for folder in ("npz", "idx"))
    assert one.sha256 == other.sha256
    assert np.array_equal(one.train.x, tiny["x_train"].reshape(3, 784))


def test_offline_error_lists_every_place(alone, tmp_path):
    with pytest.raises(DataError) as caught:
        load("mnist", folder=tmp_path / "nowhere")
    for word in (
        "nowhere/mnist",
        str(alone / "mnist" / "mnist.npz"),
        "LUTRA_OFFLINE",
        "LUTRA_DATA",
    ):
        assert word in str(caught.value)


def test_local_file_that_is_not_mnist_is_named(tiny, tmp_path, alone):
    tiny["x_train"][0, 0, 0] ^= 1
    (tmp_path / "mnist").mkdir()
    np.savez(tmp_path / "mnist" / "mnist.npz", **tiny)
    with pytest.raises(DataError, match="SHA-256"):
        load("mnist", folder=tmp_path)


def test_fetches_from_the_next_mirror_and_keeps_it(tiny, alone, monkeypatch):
    files, asked = idx_files(tiny), []

    def download(url, limit, progress=None):
        asked.append(url)
        if url.startswith(_mnist._IDX_MIRRORS[1]):
            return files[url.rsplit("/", 1)[1]]
        raise DataError(f"{url}: refused")

    monkeypatch.setattr(_mnist, "download", download)
    first = load("mnist", offline=False)
    assert first.source == _mnist._IDX_MIRRORS[1]
    assert asked[0] == _mnist._KERAS
    second = load("mnist", offline=True)
    assert second.source == str(alone / "mnist" / "mnist.npz")
    assert second.sha256 == first.sha256


@pytest.mark.parametrize("damage", ["cut", "flip", "text"])
def test_corrupt_cache_is_fetched_again(tiny, alone, monkeypatch, tmp_path, damage):
    good = tmp_path / "good.npz"
    np.savez_compressed(good, **tiny)
    cached = alone / "mnist" / "mnist.npz"
    cached.parent.mkdir(parents=True)
    content = bytearray(good.read_bytes())
    if damage == "cut":
        content = content[:200]
    elif damage == "flip":
        content[len(content) // 2] ^= 0xFF
    else:
        content = b"<html>not found</html>"
    cached.write_bytes(content)
    with pytest.raises(DataError, match="corrupt"):
        load("mnist", offline=True)
    monkeypatch.setattr(_mnist, "download", lambda *_: good.read_bytes())
    assert load("mnist", offline=False).source == _mnist._KERAS
    assert load("mnist", offline=True).source == str(cached)


def test_no_mirror_answers(alone, monkeypatch):
    def refuse(*_):
        raise DataError("refused here")

    monkeypatch.setattr(_mnist, "download", refuse)
    monkeypatch.setattr(_mnist, "from_package", refuse)
    with pytest.raises(DataError, match="refused here") as caught:
        load("mnist", offline=False)
    assert str(caught.value).count("refused here") == 4


def test_wrong_idx_files(tiny, alone, tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name, content in idx_files(tiny).items():
        (folder / name).write_bytes(content)
    name = _mnist._IDX["y_test"]
    for content in (
        b"",
        b"\x1f\x8b",
        gzip.compress(b"abc"),
        gzip.compress(b"\0\0\x08\x01\0\0\0\5"),
    ):
        (folder / name).write_bytes(content)
        with pytest.raises(DataError, match="t10k-labels"):
            load("mnist", folder=tmp_path)
    shutil.rmtree(folder)


def test_unwritable_cache_does_not_lose_the_data(tiny, alone, monkeypatch, tmp_path, caplog):
    good = tmp_path / "good.npz"
    np.savez_compressed(good, **tiny)
    alone.write_text("a file where the cache folder should be")
    monkeypatch.setattr(_mnist, "download", lambda *_: good.read_bytes())
    assert len(load("mnist", offline=False).train) == 3
    assert "not kept" in caplog.text


def test_unknown_name(alone):
    with pytest.raises(DataError, match="did you mean 'mnist'"):
        load("mnits")


def test_jsc_pythia(tmp_path, alone, data_folder):
    with pytest.raises(DataError, match="LUTRA_DATA"):
        load("jsc-pythia")
    with pytest.raises(DataError, match=r"jsc_pythia\.npz"):
        load("jsc-pythia", folder=tmp_path)
    rng = np.random.default_rng(0)
    (tmp_path / "jsc_pythia").mkdir()
    path: Path = tmp_path / "jsc_pythia" / "jsc_pythia.npz"
    arrays = {
        "x": rng.normal(size=(50, 16)).astype(np.float32),
        "y": rng.integers(0, 5, 50).astype(np.uint8),
        "split": np.repeat([0, 1, 2], [30, 12, 8]).astype(np.uint8),
        "features": np.array([f"f{i}" for i in range(16)]),
        "classes": np.array(list("gqtwz")),
    }
    np.savez(path, **arrays)
    found = load("jsc-pythia", folder=tmp_path)
    assert (len(found.train), len(found.validation), len(found.test)) == (30, 12, 8)
    assert found.classes == tuple("gqtwz")
    real = found.train.x * found.scale + found.offset
    assert np.abs(real - arrays["x"][:30]).max() <= found.scale.max() * 0.51
    np.savez(path, **(arrays | {"y": arrays["y"] + 1}))
    with pytest.raises(DataError, match="label '5'"):
        load("jsc-pythia", folder=tmp_path)
    del arrays["split"]
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="'split' is missing"):
        load("jsc-pythia", folder=tmp_path)


def test_real_jsc_pythia(data_folder):
    found = load(local("jsc-pythia"), folder=data_folder)
    assert (len(found.train), len(found.validation), len(found.test)) == (232_720, 29_090, 14_545)
    assert found.train.x.min() == 0
    assert found.train.x.max() == 4095
