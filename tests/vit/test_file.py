"""Integer models on disk: what was written comes back, and anything else is one error."""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save, save_file

from lutra.errors import ModelError
from lutra.vit import _arithmetic, load_integer, save_integer
from tests.vit.models import images, places, random_model

KINDS = [("vit", "lut"), ("vit", "mlp"), ("cct", "lut"), ("cct", "mlp")]


def same(one: Any, other: Any) -> bool:
    """Tell whether two values of a model are equal, arrays in shape and type, too."""
    if isinstance(one, np.ndarray):
        return one.shape == other.shape and one.dtype == other.dtype and bool((one == other).all())
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        pairs = ((getattr(one, name), getattr(other, name)) for name in names)
        return type(one) is type(other) and all(same(*pair) for pair in pairs)
    return type(one) is type(other) and one == other


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    return save_integer(random_model(0, *request.param), path)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_a_model_comes_back(kind: tuple[str, str], tmp_path: Path) -> None:
    model = random_model(1, *kind)
    found = load_integer(save_integer(model, tmp_path / "m.safetensors"))
    assert same(found, model)
    scores = model.scores(images(5))
    assert (found.scores(images(5)) == scores).all() and len(np.unique(scores)) > 5
    again = save_integer(found, tmp_path / "n.safetensors").read_bytes()
    assert again == (tmp_path / "m.safetensors").read_bytes()


def test_arrays_take_the_shortest_integers(saved: Path) -> None:
    arrays = load_file(saved)
    assert arrays["head.weight"].dtype == np.int8
    assert arrays["norm.multiplier"].dtype in (np.int32, np.int64)


def parsed(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return json.loads(header["__metadata__"]["lutra.vit"]), load_file(path)


def written(path: Path, tree: Any, arrays: dict[str, np.ndarray]) -> Path:
    text = tree if isinstance(tree, str) else json.dumps(tree)
    path.write_bytes(save(arrays, {"lutra.vit": text}))
    return path


def refused(path: Path, *says: str) -> None:
    with pytest.raises(ModelError, match=re.escape(str(path))) as caught:
        load_integer(path)
    message = str(caught.value)
    assert message.isprintable() and len(message) < 500, message
    assert all(part in message for part in says), message


def test_files_that_are_none_are_refused(saved: Path, tmp_path: Path) -> None:
    content, path = saved.read_bytes(), tmp_path / "m.safetensors"
    refused(tmp_path / "missing.safetensors")
    refused(tmp_path)
    for size in (0, 7, 8, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        refused(path)
    path.write_bytes(content + b"\0")
    refused(path)
    save_file({"head.weight": np.zeros((2, 2))}, path)
    refused(path, "lutra.vit")
    size = 8 + int.from_bytes(content[:8], "little")
    for kind in (b"F8_E4M3", b"BOOL", b"U8"):
        header = content[8:size].replace(b'"I8"', b'"' + kind + b'"')
        path.write_bytes(len(header).to_bytes(8, "little") + header + content[size:])
        refused(path)
    for text in ("", "[", "3", "null", "[]", "{}", '{"version": 1}', "[" * 100_000):
        written(path, text, {})
        refused(path)


TREE: dict[str, tuple[tuple[Any, ...], Any]] = {
    "another version": (("version",), 2),
    "no model": (("model",), None),
    "a list for a part": (("model", "norm"), [1]),
    "a number for a part": (("model", "encoders", 0, "mixer"), 7),
    "a text for parts": (("model", "encoders"), "encoders"),
    "an unhashable part": (("model", "encoders", 0, "mixer", "part"), []),
    "an unknown part": (("model", "encoders", 0, "mixer", "part"), "Head"),
    "another part": (("model", "head", "part"), "Norm"),
    "a list for an array": (("model", "positions"), [1, 2]),
    "an unknown array": (("model", "positions", "array"), "nothing"),
    "an unhashable array": (("model", "positions", "array"), []),
    "an array twice": (("model", "head", "bias", "array"), "head.weight"),
    "no bits": (("model", "norm", "bits"), 0),
    "too many bits": (("model", "norm", "bits"), 17),
    "bits that overflow": (("model", "norm", "bits"), 16),
    "bits of a branch": (("model", "encoders", 0, "added", "bits"), 17),
    "a shift of 0": (("model", "norm", "shift"), 0),
    "a shift of 63": (("model", "norm", "shift"), 63),
    "a real shift": (("model", "norm", "shift"), 40.0),
    "a true shift": (("model", "norm", "shift"), True),
    "a negative shift": (("model", "norm", "shift"), -1),
    "a huge shift": (("model", "norm", "shift"), 10**30),
    "no unit": (("model", "encoders", 0, "attention", "unit"), 0),
    "a huge unit": (("model", "encoders", 1, "attention", "unit"), 1 << 31),
    "no heads": (("model", "encoders", 0, "attention", "heads"), 0),
    "three heads": (("model", "encoders", 0, "attention", "heads"), 3),
    "images of nothing": (("model", "shape"), [2, 0, 6]),
    "images of more planes": (("model", "shape"), [3, 4, 6]),
    "images of two sides": (("model", "shape"), [4, 6]),
    "huge images": (("model", "shape"), [2, 1 << 20, 1 << 20]),
    "higher images": (("model", "shape"), [2, 8, 6]),
}


@pytest.mark.parametrize("name", TREE)
def test_what_does_not_fit_is_refused(name: str, saved: Path, tmp_path: Path) -> None:
    tree, arrays = parsed(saved)
    path, value = TREE[name]
    inner = tree
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    refused(written(tmp_path / "m.safetensors", tree, arrays))


def test_a_part_too_few_or_too_many_is_refused(saved: Path, tmp_path: Path) -> None:
    tree, arrays = parsed(saved)
    for path in places(tree["model"]):
        changed = copy.deepcopy(tree)
        inner = changed["model"]
        for key in path[:-1]:
            inner = inner[key]
        if path == ("encoders", 1):
            continue  # a model of one encoder, whose arrays are too many
        del inner[path[-1]]
        refused(written(tmp_path / "m.safetensors", changed, arrays))
    for name in ("more", "a\n\x1b[31m" * 99):
        refused(written(tmp_path / "m.safetensors", tree, arrays | {name: np.zeros(1, np.int8)}))
    for version in ("\x1b[31m", [0] * 999):
        refused(written(tmp_path / "m.safetensors", tree | {"version": version}, arrays))


ARRAYS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "real weights": ("head.weight", lambda x: x.astype(np.float32)),
    "unsigned weights": ("head.weight", lambda x: x.astype(np.uint8)),
    "weights of 9 bits": ("head.weight", lambda x: x.astype(np.int16) + 256),
    "weights of 62 bits": ("head.weight", lambda x: x.astype(np.int64) << 54),
    "transposed weights": ("head.weight", lambda x: np.ascontiguousarray(x.T)),
    "flat weights": ("head.weight", lambda x: x.reshape(-1)),
    "no weights": ("head.weight", lambda x: x[:0]),
    "a bias of one number": ("head.bias", lambda x: x[:1]),
    "a bias in rows": ("head.bias", lambda x: np.tile(x, (1000, 1))),
    "a bias of 40 bits": ("head.bias", lambda x: x.astype(np.int64) << 30),
    "a bias of the least number": ("head.bias", lambda x: np.full(len(x), -(1 << 63))),
    "negative multipliers": ("embedded.multiplier", lambda x: -x),
    "multipliers of 40 bits": ("embedded.multiplier", lambda x: x.astype(np.int64) << 9),
    "shifts of 0": ("embedded.shift", lambda x: 0 * x),
    "shifts of 63": ("embedded.shift", lambda x: 0 * x + 63),
    "negative shifts": ("embedded.shift", lambda x: -x),
    "one shift": ("embedded.shift", lambda x: x[:1]),
    "gains of 40 bits": ("norm.multiplier", lambda x: np.full(len(x), 1 << 40)),
    "offsets of 63 bits": ("norm.offset", lambda x: np.full(len(x), 1 << 62)),
    "offsets of another number": ("norm.offset", lambda x: x[1:]),
    "wide positions": ("positions", lambda x: x + np.int32(1 << 16)),
    "more positions": ("positions", lambda x: np.concatenate([x, x])),
    "fewer positions": ("positions", lambda x: np.ascontiguousarray(x[:-1])),
    "positions of nothing": ("positions", lambda x: x[:, :0]),
}
LUT = "encoders.1.mixer."
TABLES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "a wire too far": (LUT + "layers.0.wires", lambda x: np.where(x == x.max(), 24, x)),
    "a wire of the second layer too far": (LUT + "layers.1.wires", lambda x: 0 * x + 10),
    "a negative wire": (LUT + "layers.0.wires", lambda x: x - 24),
    "flat wires": (LUT + "layers.0.wires", lambda x: x.reshape(-1)),
    "wires of nothing": (LUT + "layers.0.wires", lambda x: x[:, :0]),
    "very many wires": (LUT + "layers.0.wires", lambda _x: np.zeros((10, 100_000), np.int8)),
    "transposed tables": (LUT + "layers.0.table", lambda x: np.ascontiguousarray(x.T)),
    "an entry of 2": (LUT + "layers.1.table", lambda x: 2 * x),
    "an entry of -1": (LUT + "layers.1.table", lambda x: -x),
    "thresholds of one channel": (LUT + "thresholds", lambda x: x[:1]),
    "thresholds in three axes": (LUT + "thresholds", lambda x: x[..., None]),
    "sums of 60 bits": (LUT + "embedding", lambda x: x.astype(np.int64) << 57),
    "sums of more tables": (LUT + "embedding", lambda x: np.concatenate([x, x])),
    "negative powers": (LUT + "shift", lambda x: x - 20),
    "powers of 63": (LUT + "shift", lambda x: x + 63),
    "one power": (LUT + "shift", lambda x: x[0]),
}


@pytest.mark.parametrize("name", [*ARRAYS, *TABLES])
def test_arrays_that_do_not_fit_are_refused(name: str, tmp_path: Path) -> None:
    place, change = (ARRAYS | TABLES)[name]
    saved = save_integer(random_model(0), tmp_path / "m.safetensors")
    tree, arrays = parsed(saved)
    arrays[place] = np.ascontiguousarray(change(arrays[place]))
    refused(written(saved, tree, arrays))


def test_what_needs_unreasonable_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    vit = random_model(0)
    many = replace(vit, shape=(2, 1 << 11, 1 << 11))  # 2**20 tokens, whose scores are 2**41
    many = replace(many, positions=np.zeros(((1 << 20) + 1, 8), np.int64))
    refused(save_integer(many, path), "scores")
    cct = random_model(0, "cct")
    assert isinstance(cct.tokenizer, tuple)
    kernel = replace(cct.tokenizer[0].kernel, weight=np.zeros((1 << 12, 18), np.int64))
    kernel = replace(kernel, bias=np.zeros(1 << 12, np.int64))
    first = replace(cct.tokenizer[0], kernel=kernel)
    refused(
        save_integer(
            replace(cct, shape=(2, 1 << 10, 1 << 10), tokenizer=(first, cct.tokenizer[1])), path
        ),
        "results of convolution 0",
    )
    tree, arrays = parsed(save_integer(vit, path))
    tree["model"]["encoders"] *= 1000  # of a few arrays
    refused(written(path, tree, arrays), "encoders.2")


WILD = st.one_of(
    st.sampled_from([0, 1, -1, 2, 8, 16, 17, 62, 63, 64, 1 << 31, 1 << 63, 1e9, None, True, ""]),
    st.sampled_from([[], {}, [0], {"part": "Norm"}, {"array": "head.bias"}]),
    st.integers(0, 40),
)


@settings(max_examples=200)
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_what_is_not_refused_computes(
    kind: tuple[str, str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Change anything: an error of ours, or sums that fit the kernel's 32 bits."""
    path = tmp_path_factory.getbasetemp() / "changed.safetensors"
    tree, arrays = parsed(save_integer(random_model(2, *kind), path))
    if data.draw(st.booleans()):
        place = data.draw(st.sampled_from(places(tree)))
        inner: Any = tree
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = data.draw(WILD)
    else:
        name = data.draw(st.sampled_from(sorted(arrays)))
        array = arrays[name].astype(np.int64)
        change = data.draw(st.sampled_from(["value", "most", "least", "axes", "rows", "columns"]))
        bits = data.draw(st.integers(0, 62))
        if change == "value":
            array = np.full_like(array, data.draw(st.integers(-200, 200)))
        elif change in ("most", "least"):
            array = np.full_like(array, (1 << bits) - 1 if change == "most" else -(1 << bits))
        elif change == "axes":
            array = array[None]
        elif array.ndim:
            array = array[1:] if change == "rows" else array[..., 1:]
        arrays[name] = array.copy()
    written(path, tree, arrays)
    try:
        model = load_integer(path)
    except ModelError:
        return
    x = np.random.default_rng(0).integers(0, 256, (3, int(np.prod(model.shape))), np.uint8)
    scores = model.scores(x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_arithmetic, "native", None)
        assert (model.scores(x) == scores).all()
