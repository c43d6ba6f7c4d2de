import numpy as np
import pytest

from lutra.data import load
from lutra.errors import DataError


@pytest.fixture
def csv(tmp_path, alone):
    """Write text as a CSV file and return its path."""

    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


@pytest.fixture
def npz(tmp_path, alone):
    def write(**arrays):
        np.savez(tmp_path / "own.npz", **arrays)
        return tmp_path / "own.npz"

    return write


ROWS = "a,kind,b\n1,cat,2.5\n2,dog,3.5\n3,cat,4.5\n4,dog,-1\n"


def test_csv_by_label_name(csv):
    found = load("csv", path=csv(ROWS), label="kind", test=1)
    assert found.name == "table"
    assert found.classes == ("cat", "dog")
    assert found.features == ("a", "b")
    assert (len(found.train), len(found.test)) == (3, 1)


def test_csv_last_column_sorted_as_numbers(csv):
    found = load("csv", path=csv("a,y\n1,10\n2,9\n3,10\n4,-1\n"), test=1)
    assert found.classes == ("-1", "9", "10")


def test_csv_labels_that_are_no_numbers_stay_text(csv):
    found = load("csv", path=csv("a,y\n1,1\n2,--1\n3,1\n4,-1\n5,--1\n"), test=1)
    assert found.classes == ("--1", "-1", "1")


def test_csv_keeps_whole_numbers(csv):
    train, test = csv("a,b,y\n-5,0,u\n7,1,v\n"), csv("a,b,y\n100,3,u\n-9,-1,v\n", "test.csv")
    found = load("csv", path=train, test_path=test)
    assert (found.width, found.signed) == (4, True)
    assert found.train.x.tolist() == [[-5, 0], [7, 1]]
    assert found.test.x.tolist() == [[7, 3], [-8, -1]], "clipped to the train part's word"
    assert found.scale.tolist() == [1, 1]


def test_csv_byte_order_mark_quotes_and_blank_lines(csv):
    found = load("csv", path=csv(b'\xef\xbb\xbf"a",y\r\n"1",u\r\n\r\n2,v\r\n3,v\r\n'), test=1)
    assert found.features == ("a",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty", "header"]),
        ("a,b,y\n", ["rows"]),
        ("y\nu\nv\n", ["feature column"]),
        ("1,2,3\n4,5,6\n", ["first line", "name the columns"]),
        ("1,2,cat\n4,5,dog\n6,7,cat\n", ["first line", "add a header line"]),
        ("a,a,y\n1,2,u\n", ["'a'", "rename"]),
        ("a,b,y\n1,2,u\n1,u\n", ["line 3", "2 cells", "3"]),
        ("a,b,y\n1,2,u\n1,oops,v\n", ["line 3", "'b'", "'oops'"]),
        ("a,b,y\n1,,u\n", ["line 2", "'b'", "''"]),
        ("a,b,y\n1,nan,u\n", ["line 2", "'b'", "nan"]),
        ("a,b,y\n1,2,u\n1,-inf,u\n", ["line 3", "'b'", "-inf"]),
        ("a,b,y\n1,2,u\n1,-1e31,v\n", ["row 1", "'b'", "-1e+31 exceeds 1e+30", "unit"]),
        ("a,b,y\n1,2e-31,u\n1,0,v\n3,1e-32,u\n", ["'b'", "no magnitude reaches 1e-30", "unit"]),
        ("a,b,y\n1,2,u\n1,2,\n", ["line 3", "'y'", "no label"]),
        ("a,b,y\n1,2,u\n1,2,u\n", ["two or more"]),
        (b"a,y\n\xff\xfe,u\n", ["UTF-8"]),
        ('a,y\n"1,u\n', ["readable"]),
        ("a,y\n" + "1" * 200_000 + ",u\n", ["readable"]),
    ],
)
def test_malformed_csv(csv, text, words):
    path = csv(text)
    with pytest.raises(DataError) as caught:
        load("csv", path=path, test=1)
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_csv_wrong_label_column(csv):
    with pytest.raises(DataError, match="no label column 'klass'; columns: a, kind, b"):
        load("csv", path=csv(ROWS), label="klass")


def test_csv_test_file_must_fit(csv):
    train = csv("a,b,y\n1,2,u\n3,4,v\n")
    with pytest.raises(DataError, match=r"t\.csv: its columns differ"):
        load("csv", path=train, test_path=csv("b,a,y\n1,2,u\n", "t.csv"))
    with pytest.raises(DataError, match=r"t\.csv, row 1: label 'w' does not occur"):
        load("csv", path=train, test_path=csv("a,b,y\n1,2,u\n1,2,w\n", "t.csv"))


def test_csv_header_of_numbers_beside_a_named_label(csv):
    with pytest.raises(DataError, match="add a header line"):
        load("csv", path=csv("kind,1,2\ncat,3,4\ndog,5,6\n"), label="kind")


def test_missing_path(tmp_path, alone):
    with pytest.raises(DataError, match="give its path"):
        load("csv")
    with pytest.raises(DataError, match="no such file"):
        load("npz", path=tmp_path / "none.npz")
    for name in ("npz", "csv"):
        with pytest.raises(DataError, match="no such file"):
            load(name, path=tmp_path / ("x" * 5000))
    for name in ("mnist", "jsc-pythia"):
        with pytest.raises(DataError, match="was not found"):
            load(name, folder=tmp_path / ("x" * 5000))


def test_npz_colour_images(npz):
    x = np.random.default_rng(0).integers(0, 256, (9, 3, 4, 5)).astype(np.uint8)
    y = np.arange(9) % 3
    found = load("npz", path=npz(x_train=x[:6], y_train=y[:6], x_test=x[6:], y_test=y[6:]))
    assert found.image_shape == (3, 4, 5)
    assert np.array_equal(found.test.x, x[6:].reshape(3, 60))


def test_npz_images(npz):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (9, 4, 5)).astype(np.uint8), np.arange(9) % 3
    x[:6] = 0
    x[0, 0, 0] = 255
    path = npz(x_train=x[:6], y_train=y[:6], x_val=x[6:7], y_val=y[6:7], x_test=x[7:], y_test=y[7:])
    found = load("npz", path=path)
    assert (found.image, found.width, found.train.x.dtype) == ((4, 5), 8, np.uint8)
    assert np.array_equal(found.test.x, x[7:].reshape(2, 20))
    assert len(found.validation) == 1
    joined = load("npz", path=path, validation=2)
    assert (len(joined.train), len(joined.validation)) == (5, 2)
    own = load("npz", path=path, validation=None)
    assert (len(own.train), len(own.validation)) == (6, 1)
    alone = npz(x_train=x, y_train=y, x_test=x, y_test=y)
    assert len(load("npz", path=alone).validation) == 0
    assert len(load("npz", path=alone, validation=None).validation) == int(0.1 * 9)


def test_npz_names(npz):
    path = npz(
        x=np.arange(12.0).reshape(6, 2) / 7,
        y=np.array([2, 0, 1, 0, 2, 1]),
        classes=np.array(["low", "mid", "high"]),
        features=np.array(["p", "q"]),
    )
    found = load("npz", path=path, test=2)
    assert found.classes == ("low", "mid", "high")
    assert found.features == ("p", "q")


def test_npz_constant_columns_and_wide_ranges(npz):
    x = np.stack([np.full(8, 3.25), np.linspace(-1e30, 1e30, 8), np.linspace(0, 1e-30, 8)], 1)
    found = load("npz", path=npz(x=x, y=np.arange(8) % 2), test=1, width=24)
    assert not found.train.x[:, 0].any()
    assert found.train.x.dtype == np.int32
    assert (found.train.x >= 0).all() and (found.train.x < 1 << 24).all()
    assert np.isfinite(found.scale).all() and (found.scale > 0).all()
    assert (found.scale.astype(np.float32) > 0).all()


X, Y = np.ones((4, 2)), np.array([0, 1, 0, 1])
LATE = np.r_[np.full(7, 1.5), np.nan, 2, 3][:, None]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": X}, ["'y' is missing", "has: x"]),
        ({"y": Y}, ["'x_train' is missing"]),
        ({"x_train": X, "y_train": Y}, ["'x_test' is missing"]),
        ({"x": X, "y": Y[:3]}, ["4 rows", "3 labels"]),
        ({"x": X[0], "y": Y}, ["'x'", "rank 1", "2 or 3 or 4"]),
        (
            {"x": np.ones((4, 5, 6, 3)), "y": Y},
            ["(4, 5, 6, 3)", "planes come before", "(0, 3, 1, 2)"],
        ),
        ({"x": X.astype(complex), "y": Y}, ["'x'", "complex"]),
        ({"x": X, "y": Y.astype(float)}, ["'y'", "float", "int"]),
        ({"x": X, "y": Y.astype(object)}, ["object"]),
        ({"x": X[:, :0], "y": Y}, ["empty"]),
        ({"x": X[:0], "y": Y[:0]}, ["'y'", "no rows"]),
        ({"x_train": X[:0], "y_train": Y[:0], "x_test": X, "y_test": Y}, ["'y_train'", "no rows"]),
        ({"x": X, "y": Y, "classes": np.array("a")}, ["'classes'", "rank 0"]),
        ({"x": X, "y": 0 * Y, "classes": np.array(["a", "b"])}, ["'a'", "two or more"]),
        ({"x": LATE, "y": np.arange(10) % 2}, ["array 'x', row 7", "feature 'x0'", "nan"]),
        ({"x": X * [1, np.float64(2e30)], "y": Y}, ["row 0", "'x1'", "2e+30 exceeds 1e+30"]),
        ({"x": X * [1, 2e-31], "y": Y}, ["'x1'", "no magnitude reaches 1e-30", "unit"]),
        ({"x": X, "y": Y, "features": np.array(["a"])}, ["1 names for 2"]),
        ({"x": X, "y": Y, "classes": np.array(["a"])}, ["row 1", "label '1'"]),
        ({"x": np.array([[1.5], [2], [np.nan], [4]]), "y": Y}, ["feature 'x0'", "nan", "finite"]),
        ({"x": np.array([[1.5], [2], [np.inf], [4]]), "y": Y}, ["feature 'x0'", "inf", "finite"]),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :1], "y_test": Y}, ["differ in the shape"]),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y.astype(str)}, ["type of labels"]),
    ],
)
def test_malformed_npz(npz, arrays, words):
    path = npz(**arrays)
    with pytest.raises(DataError) as caught:
        load("npz", path=path, test=1)
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_npz_that_is_none(tmp_path, alone):
    path = tmp_path / "own.npz"
    np.save(tmp_path / "single.npy", X)
    for content in (b"", b"PK\3\4", b"no archive", (tmp_path / "single.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"own\.npz: not a readable npz file"):
            load("npz", path=path)


def test_width_bounds(npz):
    with pytest.raises(DataError, match=r"1\.\.24"):
        load("npz", path=npz(x=X, y=Y), width=25)
