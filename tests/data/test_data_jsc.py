"""The three JSC sets; the two that are not at hand as small files of their format."""

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from lutra.data import describe, load
from lutra.data._jsc import _CERNBOX, CLASSES, FEATURES
from lutra.errors import DataError

from ..conftest import local

ROWS = 50


@pytest.fixture
def jets(alone):
    """Features, shape (rows, 16), and the names of the classes of some rows."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(ROWS, len(FEATURES))), np.array(CLASSES)[np.arange(ROWS) % 5]


def openml(folder, jets, ending, drop="", **change):
    x, labels = jets
    columns = {**dict(zip(FEATURES, x.T, strict=True)), "class": labels} | change
    columns.pop(drop, None)
    path = folder / "jsc_openml" / f"dataset_42468.{ending}"
    path.parent.mkdir()
    if ending == "csv":
        rows = [",".join(columns)] + [",".join(map(str, row)) for row in zip(*columns.values())]  # noqa: B905
        path.write_text("\n".join(rows) + "\n")
    else:
        parquet.write_table(pa.table(columns), path)
    return path


def cernbox(folder, jets, repeat=0, kind="<f8", row=None):
    x, labels = jets
    kinds = [(f"j_{name}", "<f8") for name in (*FEATURES, *CLASSES)] + [("j_pt", "<f8")]
    kinds[3] = (kinds[3][0], kind)
    table = np.zeros(ROWS + repeat, kinds)
    order = np.r_[np.arange(ROWS), np.arange(repeat)]
    for name, column in zip(FEATURES, x.T, strict=True):
        table[f"j_{name}"] = column[order]
    for name in CLASSES:
        table[f"j_{name}"] = labels[order] == name
    path = folder / "jsc_cernbox" / _CERNBOX
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["t_allpar_new"] = table if row is None else table[row]
    return path


def values(dataset):
    parts = (dataset.train, dataset.test)
    return np.concatenate([part.x * dataset.scale + dataset.offset for part in parts])


@pytest.mark.parametrize("ending", ["pq", "parquet", "csv"])
def test_openml(tmp_path, jets, ending):
    openml(tmp_path, jets, ending)
    found = load("jsc-openml", folder=tmp_path, width=16)
    assert (len(found.train), len(found.test)) == (40, 10)
    assert (found.classes, found.features) == (CLASSES, FEATURES)
    close = np.abs(np.sort(values(found)[:, 0]) - np.sort(jets[0][:, 0])) < 1e-3
    assert close.mean() > 0.9, "all but test values beyond the train part's range"


def test_cernbox_counts_equal_rows_once(tmp_path, jets):
    cernbox(tmp_path, jets, repeat=7)
    found = load("jsc-cernbox", folder=tmp_path)
    assert (len(found.train), len(found.test)) == (40, 10)
    counts = np.bincount(np.r_[found.train.y, found.test.y])
    assert counts.tolist() == [10] * 5
    assert found.features == FEATURES


def test_the_file_says_which_class(tmp_path, jets):
    """The label of a row is its own, whatever the order of the split."""
    x, labels = jets
    x[:, 3] = np.array([CLASSES.index(name) for name in labels])
    cernbox(tmp_path, jets)
    found = load("jsc-cernbox", folder=tmp_path)
    assert np.array_equal(np.rint(found.train.x[:, 3] * found.scale[3]), found.train.y)


def test_a_missing_column_is_named(tmp_path, jets):
    path = openml(tmp_path, jets, "pq", drop="mass_mmdt")
    with pytest.raises(DataError, match=f"{path}: column 'mass_mmdt' is missing; the file has: "):
        load("jsc-openml", folder=tmp_path)


def test_a_column_of_text_is_named(tmp_path, jets):
    path = openml(tmp_path, jets, "pq", mass_mmdt=jets[1])
    with pytest.raises(DataError, match=f"{path}: column 'mass_mmdt' is <U1 .* a number per row"):
        load("jsc-openml", folder=tmp_path)


@pytest.mark.parametrize(
    ("change", "words"), [({"kind": "S30"}, r"\|S30 of rank 1"), ({"row": 3}, "float64 of rank 0")]
)
def test_an_hdf5_table_of_another_form_is_refused(tmp_path, jets, change, words):
    path = cernbox(tmp_path, jets, **change)
    with pytest.raises(DataError, match=f"{path}: column 'j_.*' is {words}; it must be a number"):
        load("jsc-cernbox", folder=tmp_path)


@pytest.mark.parametrize(("value", "word"), [(np.nan, "nan is not a"), (-2e30, "exceeds 1e.30")])
@pytest.mark.parametrize("name", ["jsc-openml", "jsc-cernbox"])
def test_a_number_out_of_range_is_placed_in_the_file(tmp_path, jets, name, value, word):
    jets[0][41, 3] = value
    path = openml(tmp_path, jets, "pq") if name == "jsc-openml" else cernbox(tmp_path, jets, 7)
    with pytest.raises(DataError, match=f"{path}, row 41, feature '(j_)?{FEATURES[3]}': .*{word}"):
        load(name, folder=tmp_path)


@pytest.mark.parametrize("name", ["jsc-openml", "jsc-cernbox"])
def test_a_missing_or_broken_file_is_named(tmp_path, jets, name):
    with pytest.raises(DataError, match="LUTRA_DATA is not set"):
        load(name)
    with pytest.raises(DataError, match="was not found; searched"):
        load(name, folder=tmp_path)
    path = openml(tmp_path, jets, "pq") if name == "jsc-openml" else cernbox(tmp_path, jets)
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match=str(path)):
        load(name, folder=tmp_path)


def test_rows_of_no_class_are_refused(tmp_path, jets):
    jets[1][3] = "none"
    cernbox(tmp_path, jets)
    with pytest.raises(DataError, match="exactly one class"):
        load("jsc-cernbox", folder=tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scaler_mean": np.zeros(15)}, "differ in rows or features"),
        ({"y": np.arange(4)}, "differ in rows or features"),
        ({"y": np.full(5, 5)}, "array 'y', row 0: label '5' does not occur"),
    ],
)
def test_malformed_real_jets(tmp_path, jets, change, words):
    names = {"features": np.array(FEATURES), "classes": np.array(CLASSES)}
    y = np.arange(ROWS) % 5
    real = {"x_std": jets[0][:5], "y": y[:5], "scaler_scale": np.ones(16)} | names
    for folder in ("jsc", "jsc_pythia"):
        (tmp_path / folder).mkdir()
    np.savez(tmp_path / "jsc_pythia/jsc_pythia.npz", x=jets[0], y=y, split=y % 3, **names)
    path = tmp_path / "jsc" / "jsc_openml_1000.npz"
    np.savez(path, **real | {"scaler_mean": np.zeros(16)})
    assert len(load("jsc-pythia", folder=tmp_path).more["real jets"]) == 5
    np.savez(path, **real | {"scaler_mean": np.zeros(16)} | change)
    with pytest.raises(DataError, match=f"{path}.*{words}"):
        load("jsc-pythia", folder=tmp_path)


@pytest.fixture(scope="module")
def pythia(data_folder):
    return load(local("jsc-pythia"), folder=data_folder, clip=0.002)


def test_real_jets_look_like_simulated_ones(pythia):
    """In the words of the simulated set each feature has about the same quartiles."""
    jets = pythia.more["real jets"]
    assert jets.x.shape == (1000, 16)
    for quantile in (0.25, 0.5, 0.75):
        ours = np.quantile(pythia.test.x, quantile, axis=0)
        real = np.quantile(jets.x, quantile, axis=0)
        assert np.abs(ours - real).max() < 0.1 * (1 << pythia.width)
    shares = np.bincount(jets.y) / 1000
    assert shares.min() > 0.15
    assert describe(pythia)["rows"]["real jets"] == 1000


@pytest.mark.parametrize("clip", [-0.1, 0.5, float("nan")])
def test_impossible_clip(alone, clip):
    with pytest.raises(DataError, match="clip"):
        load("jsc-pythia", clip=clip)
