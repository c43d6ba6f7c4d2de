import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from lutra.data import load
from lutra.data._binarise import Bit, binarise, choose_bits
from lutra.errors import DataError

from ..conftest import local


@pytest.fixture(scope="module")
def folder(data_folder):
    local("nid")  # Adult and MONK lie beside it
    return data_folder


def test_bits_of_text_and_numbers():
    columns = {"kind": np.array(["a", "b", "a", "c"]), "size": np.array([1.0, 2.0, 2.0, 5.0])}
    bits = choose_bits(columns, ["kind", "size"], 8, 2)
    assert bits == [Bit("kind", "a"), Bit("size", 2.0), Bit("size", 5.0)]
    assert [bit.name for bit in bits] == ["kind=a", "size>=2", "size>=5"]
    new = {"kind": np.array(["a", "z"]), "size": np.array([1.5, 9.0])}
    assert binarise(new, bits).tolist() == [[1, 0, 0], [0, 1, 1]]


def test_thermometer_has_equal_shares():
    column = np.random.default_rng(0).exponential(size=10_000)
    bits = choose_bits({"t": column}, ["t"], 9, 1)
    shares = binarise({"t": column}, bits).mean(axis=0)
    assert np.abs(shares - np.arange(9, 0, -1) / 10).max() < 1e-3


def test_nid_keeps_equal_rows_on_one_side(folder):
    found = load("nid", folder=folder, validation=0.1)
    assert (len(found.train) + len(found.validation), len(found.test)) == (57_727, 24_605)
    assert (found.width, len(found.features), found.classes) == (1, 590, ("normal", "attack"))
    assert not any("attack" in name or name.startswith(("id", "label")) for name in found.features)
    assert found.train.x.min() == 0 and found.train.x.max() == 1
    shares = [np.mean(part.y) for part in (found.train, found.test)]
    assert abs(shares[0] - shares[1]) < 0.02


def test_nid_bits_carry_the_label(folder):
    """The best single bit is right far above the majority's 55 per cent, on unseen rows."""
    found = load("nid", folder=folder)
    agree = (found.train.x == found.train.y[:, None]).mean(0)
    best = np.abs(agree - 0.5).argmax()
    right = ((found.test.x[:, best] == found.test.y) == (agree[best] > 0.5)).mean()
    assert right > 0.75


def test_adult(folder):
    found = load("adult", folder=folder)
    assert (len(found.train), len(found.test), len(found.features)) == (32_561, 16_281, 117)
    assert 0.23 < found.test.y.mean() < 0.25


@pytest.mark.parametrize("number", [1, 2, 3])
def test_monk_follows_its_rule(folder, number):
    """The test part is the whole space, labelled by the published rules."""
    found = load(f"monk{number}", folder=folder)
    assert (len(found.test), len(found.features)) == (432, 17)
    values = {}
    for place, name in enumerate(found.features):
        column, value = name.split("=")
        hit = found.test.x[:, place] == 1
        values.setdefault(column, np.zeros(432, int))[hit] = int(value)
    a1, a2, a3, a4, a5, a6 = (values[f"a{i}"] for i in range(1, 7))
    rule = {
        1: (a1 == a2) | (a5 == 1),
        2: sum((a == 1).astype(int) for a in (a1, a2, a3, a4, a5, a6)) == 2,
        3: ((a5 == 3) & (a4 == 1)) | ((a5 != 4) & (a2 != 3)),
    }[number]
    assert np.array_equal(found.test.y, rule)
    assert a3.min() == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": np.zeros(3, int)}, r"\(4, 6\) with 3 labels; each part needs six"),
        ({"x": np.ones((4, 5), int)}, r"\(4, 5\) with 4 labels; each part needs six"),
        ({"y": np.full(4, 2)}, "label '2' does not occur"),
    ],
)
def test_malformed_monk(tmp_path, change, words):
    (tmp_path / "uci_monk").mkdir()
    arrays = {"x": np.arange(24).reshape(4, 6), "y": np.arange(4) % 2}
    arrays = {
        f"m1_{part}_{key}": value for key, value in arrays.items() for part in ("train", "test")
    }
    arrays |= {f"m1_test_{key}": value for key, value in change.items()}
    np.savez(tmp_path / "uci_monk" / "monk.npz", **arrays)
    with pytest.raises(DataError, match=rf"monk\.npz.*{words}"):
        load("monk1", folder=tmp_path)


def small_nid(folder, **change):
    home = folder / "nid_unsw_nb15"
    home.mkdir()
    columns = {"id": np.arange(40), "dur": np.arange(40) / 7, "label": np.arange(40) % 2}
    columns |= {"attack_cat": np.array(["none"] * 40)} | change
    parquet.write_table(pa.table(columns), home / "unsw_nb15_82332.parquet")
    np.savez(home / "split_dedup_70_30.npz", n=40, train_mask=np.packbits(np.arange(40) % 3 > 0))


def small_adult(folder, **change):
    (folder / "uci_adult").mkdir()
    columns = {"age": np.arange(40.0), "income": np.array(["<=50K", ">50K"] * 20)}
    columns |= {"split": np.array(["train", "train", "test", "train"] * 10)} | change
    parquet.write_table(pa.table(columns), folder / "uci_adult" / "adult.parquet")


def test_small_tables_load(tmp_path):
    """What the next test damages is good otherwise."""
    small_nid(tmp_path)
    small_adult(tmp_path)
    assert len(load("nid", folder=tmp_path).train) == 26
    assert len(load("adult", folder=tmp_path).train) == 30


GAP = np.r_[np.arange(30.0), np.nan, np.arange(9.0)]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("nid", {"dur": GAP}, r"82332\.parquet, row 30, feature 'dur': nan is not a finite"),
        ("nid", {"label": np.ones(40, int)}, "only the class 'attack' is met; it needs two"),
        ("adult", {"age": np.where(np.isnan(GAP), np.inf, GAP)}, "row 30, feature 'age': inf is"),
        ("adult", {"age": [[1, 2]] * 40}, "column 'age' has gaps or mixed types"),
        ("adult", {"income": np.array(["<=50K"] * 40)}, "only the class '<=50K' is met"),
    ],
)
def test_malformed_tables(tmp_path, name, change, words):
    (small_nid if name == "nid" else small_adult)(tmp_path, **change)
    with pytest.raises(DataError, match=words):
        load(name, folder=tmp_path)


def npz_593(folder, columns=594, most=2):
    home = folder / "unsw_nb15_binarized"
    home.mkdir()
    rng = np.random.default_rng(0)
    parts = {name: rng.integers(0, most, (20, columns)) for name in ("train", "test")}
    for name, rows in parts.items():
        np.savez(home / f"{name}.npz", **{name: rows.astype(np.uint8)})
    return parts


def test_published_593_bits(tmp_path):
    parts = npz_593(tmp_path)
    found = load("nid-593", folder=tmp_path)
    assert np.array_equal(found.test.x, parts["test"][:, :593])
    assert np.array_equal(found.test.y, parts["test"][:, 593])


@pytest.mark.parametrize("change", [{"columns": 593}, {"most": 3}])
def test_other_593_bits_are_refused(tmp_path, change):
    npz_593(tmp_path, **change)
    with pytest.raises(DataError, match=r"train\.npz: expected 593 bits and a label"):
        load("nid-593", folder=tmp_path)


def test_593_bits_of_one_class_are_refused(tmp_path):
    npz_593(tmp_path, most=1)
    with pytest.raises(
        DataError, match=r"unsw_nb15_binarized: train part: only the class 'normal'"
    ):
        load("nid-593", folder=tmp_path)


@pytest.mark.parametrize("name", ["nid", "nid-593", "adult", "monk1"])
def test_where_to_find_it(alone, name):
    with pytest.raises(DataError, match=f"'{name}' is not fetched and LUTRA_DATA is not set; name"):
        load(name)


def test_a_split_of_another_table_is_refused(folder, tmp_path):
    home = tmp_path / "nid_unsw_nb15"
    home.mkdir()
    source = folder / "nid_unsw_nb15" / "unsw_nb15_82332.parquet"
    (home / source.name).symlink_to(source)
    with pytest.raises(DataError, match=r"split_dedup_70_30\.npz"):
        load("nid", folder=tmp_path)
    np.savez(home / "split_dedup_70_30.npz", n=7, train_mask=np.zeros(1, np.uint8))
    with pytest.raises(DataError, match="a mask of 7 rows for 82332"):
        load("nid", folder=tmp_path)
