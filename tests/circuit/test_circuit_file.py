import json
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lutra.circuit import Circuit, Code, Encode, Lut, Output, Sum, Words, evaluate, load, save
from lutra.errors import CircuitError, OutputError
from tests.circuit.random_circuits import circuits, samples

in_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


@pytest.fixture
def circuit() -> Circuit:
    encode = Encode(
        Words(np.arange(6).reshape(2, 3), True), np.array([[-1, 0, 1], [0, 2, 9]]), name="in"
    )
    lut = Lut(
        np.array([[6, 7, 8]]), np.array([[[0x96], [0xE8]]], np.uint8), "add", Code(2, -1, 0.25)
    )
    total = Sum(np.array([[10, 11]]), np.array([[1, -2]]), np.array([3]), 4, True, "sum")
    y = Output("y", Words(np.arange(12, 16)[None], True), ("total",))
    return Circuit("full", 2, 3, (encode, lut, total), (y,), True, (0, 1, 1), ("p", "q"))


@pytest.fixture
def content(circuit, tmp_path) -> bytes:
    return save(circuit, tmp_path / "good").read_bytes()


def parts(content: bytes) -> tuple[dict, dict, bytes]:
    """Split a file into safetensors header, circuit header and array bytes."""
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    return header, json.loads(header["__metadata__"]["lutra.circuit"]), content[8 + size :]


def join(header: dict, circuit: dict | str | None, arrays: bytes) -> bytes:
    if circuit is not None:
        text = circuit if isinstance(circuit, str) else json.dumps(circuit)
        header = {**header, "__metadata__": {"lutra.circuit": text}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + arrays


def same(one: Circuit, other: Circuit) -> bool:
    def flat(value):
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tolist()
        if isinstance(value, tuple):
            return tuple(flat(item) for item in value)
        if hasattr(value, "__dataclass_fields__"):
            fields = {name: flat(getattr(value, name)) for name in value.__dataclass_fields__}
            return type(value).__name__, fields
        return value

    return flat(one) == flat(other)


@in_folder
@given(circuit=circuits())
def test_round_trip(tmp_path, circuit):
    path = save(circuit, tmp_path / "one")
    again = load(path)
    assert same(again, circuit)
    assert save(again, tmp_path / "two").read_bytes() == path.read_bytes()
    inputs = samples(circuit, 4)
    before, after = evaluate(circuit, inputs), evaluate(again, inputs)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_everything_is_kept(circuit, tmp_path):
    assert same(load(save(circuit, tmp_path / "c")), circuit)


def refused(path, content: bytes, match: str = ".") -> None:
    """The file raises CircuitError, naming it, and costs little memory."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(CircuitError, match=match) as caught:
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)


def test_truncated_anywhere(content, tmp_path):
    for size in range(len(content)):
        path = tmp_path / "bad"
        path.write_bytes(content[:size])
        with pytest.raises(CircuitError):
            load(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=600)
@given(data=st.data())
def test_damaged_bytes_raise_nothing_else(content, tmp_path, data):
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "bad"
    path.write_bytes(damaged)
    try:
        loaded = load(path)
    except CircuitError:
        return
    evaluate(loaded, samples(loaded, 1))  # what loads is a valid circuit


@in_folder
@given(noise=st.binary(max_size=300))
def test_noise(tmp_path, noise):
    refused(tmp_path / "bad", noise)


@pytest.mark.parametrize("length", [0, 1, 1 << 20, 1 << 32, 1 << 63, (1 << 64) - 1])
def test_header_lengths(content, tmp_path, length):
    refused(tmp_path / "bad", struct.pack("<Q", length) + content[8:])


def test_not_a_file(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(CircuitError, match=r"not a readable circuit file"):
            load(path)


def test_a_safetensors_file_without_circuit(content, tmp_path):
    header, _, arrays = parts(content)
    del header["__metadata__"]
    refused(tmp_path / "bad", join(header, None, arrays), "no circuit header")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format_version": 2}, "format_version"),
        ({"format_version": "1"}, "format_version"),
        ({"name": 5}, "name"),
        ({"name": "x" * 1025}, "name"),
        ({"inputs": -1}, "inputs"),
        ({"inputs": 1 << 40}, "inputs"),
        ({"inputs": 1 << 27}, "more than"),
        ({"inputs": 10**400}, "inputs"),
        ({"inputs": 2.0}, "inputs"),
        ({"inputs": True}, "inputs"),
        ({"inputs": 3}, "."),
        ({"input_width": 0}, "input_width"),
        ({"input_width": 63}, "input_width"),
        ({"input_signed": 1}, "input_signed"),
        ({"input_labels": ["a"]}, "input labels"),
        ({"input_labels": "ab"}, "input_labels"),
        ({"ops": {}}, "ops"),
        ({"ops": []}, "unexpected"),
        ({"ops": [None] * 3}, "ops"),
        ({"outputs": []}, "unexpected"),
        ({"extra": 1}, "extra"),
    ],
)
def test_hostile_header(content, tmp_path, change, problem):
    header, circuit, arrays = parts(content)
    refused(tmp_path / "bad", join(header, circuit | change, arrays), problem)


@pytest.mark.parametrize("key", ["format_version", "name", "inputs", "ops", "outputs"])
def test_missing_header_entry(content, tmp_path, key):
    header, circuit, arrays = parts(content)
    del circuit[key]
    refused(tmp_path / "bad", join(header, circuit, arrays), key)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "eval"}, "kind"),
        ({"kind": "compare"}, "missing or unexpected"),
        ({"kind": "argmax"}, "missing or unexpected"),
        ({"stage": -1}, "stage"),
        ({"stage": 1 << 30}, "stage"),
        ({"width": 99}, "width"),
        ({"code": {"width": 2, "offset": 0, "scale": "nan"}}, "scale"),
        ({"code": {"width": 2, "offset": 1 << 80, "scale": 1.0}}, "offset"),
        ({"code": {"width": 0, "offset": 0, "scale": 1.0}}, "width"),
        ({"import": "os"}, "import"),
    ],
)
def test_hostile_operation(content, tmp_path, change, problem):
    header, circuit, arrays = parts(content)
    circuit["ops"][1] |= change
    refused(tmp_path / "bad", join(header, circuit, arrays), problem)


def test_deep_json(content, tmp_path):
    header, circuit, arrays = parts(content)
    deep = "[" * 100_000 + "]" * 100_000
    refused(tmp_path / "bad", join(header, deep, arrays))
    text = json.dumps(circuit).replace('"full"', deep)
    refused(tmp_path / "bad", join(header, text, arrays))
    raw = b'{"__metadata__":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    refused(tmp_path / "bad", struct.pack("<Q", len(raw)) + raw + arrays)


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "NaN", '"x"', "\x00", "\ud800"])
def test_header_that_is_no_object(content, tmp_path, text):
    header, _, arrays = parts(content)
    refused(tmp_path / "bad", join(header, text, arrays))


def test_duplicate_keys_load_or_are_refused(content, tmp_path):
    header, circuit, arrays = parts(content)
    text = json.dumps(circuit)[:-1] + ', "inputs": 1, "inputs": 99999999}'
    refused(tmp_path / "bad", join(header, text, arrays))
    raw = json.dumps(header)[:-1] + ', "1.wires": {"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    refused(tmp_path / "bad", struct.pack("<Q", len(raw)) + raw.encode() + arrays)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "I32"},
        {"dtype": "F64"},
        {"dtype": "BF16"},
        {"dtype": "F8_E4M3"},
        {"dtype": "nonsense"},
        {"shape": [3]},
        {"shape": [1, 1, 3]},
        {"shape": [1, -3]},
        {"shape": [1 << 62, 1 << 62]},
        {"shape": [1 << 40, 0]},
        {"shape": [3, 1]},
        {"data_offsets": [0, 1 << 40]},
        {"data_offsets": [8, 0]},
    ],
)
def test_hostile_arrays(content, tmp_path, entry):
    header, circuit, arrays = parts(content)
    header["1.wires"] |= entry
    refused(tmp_path / "bad", join(header, circuit, arrays))


def test_many_tables_in_no_bytes(tmp_path):
    """2**40 tables without address and output bits take no byte; they are refused all the same."""
    shapes = {"0.wires": ("I64", [1 << 40, 0]), "0.table": ("U8", [1 << 40, 0, 1])}
    header = {
        name: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]}
        for name, (dtype, shape) in shapes.items()
    }
    circuit = {
        "format_version": 1, "name": "c", "inputs": 1, "input_width": 1, "input_signed": False,
        "input_labels": [], "outputs": [], "ops": [{"kind": "lut", "name": "", "stage": 0}],
    }  # fmt: skip
    refused(tmp_path / "bad", join(header, circuit, b""), "0 output bits")


def test_missing_and_extra_arrays(content, tmp_path):
    header, circuit, arrays = parts(content)
    less = {name: entry for name, entry in header.items() if name != "2.bias"}
    refused(tmp_path / "bad", join(less, circuit, arrays))
    end = len(arrays)
    more = header | {"9.wires": {"dtype": "U8", "shape": [1], "data_offsets": [end, end + 1]}}
    refused(tmp_path / "bad", join(more, circuit, arrays + b"\0"), "9.wires")


@pytest.mark.parametrize("wire", [-1, 10, 10**6, 2**63 - 1, -(2**63)])
def test_wires_out_of_range(content, tmp_path, wire):
    header, circuit, arrays = parts(content)
    start = header["1.wires"]["data_offsets"][0]
    damaged = arrays[:start] + struct.pack("<q", wire) + arrays[start + 8 :]
    refused(tmp_path / "bad", join(header, circuit, damaged), "reads bits")


def test_save_refuses_what_it_could_not_load(circuit, tmp_path):
    for change in ({"name": "x" * 2000}, {"name": "\ud800"}, {"input_labels": ("x" * 2000, "")}):
        fields = {name: getattr(circuit, name) for name in circuit.__dataclass_fields__}
        del fields["starts"]
        with pytest.raises(CircuitError, match="cannot be written"):
            save(Circuit(**(fields | change)), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_full_disk_leaves_the_old_file(circuit, tmp_path, monkeypatch):
    path = save(circuit, tmp_path / "c")
    old = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lutra.circuit._file.save_file", full)
    with pytest.raises(OutputError, match="No space left"):
        save(circuit, path)
    assert path.read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


def test_what_could_not_be_loaded_is_not_saved(circuit, content, tmp_path):
    labels = tuple(f"{i:01024}" for i in range(17 << 10))
    wide = Circuit("wide", len(labels), 1, (), circuit.outputs[:0], False, (), labels)
    with pytest.raises(CircuitError, match="names are too long"):
        save(wide, tmp_path / "good")
    assert (tmp_path / "good").read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 1
