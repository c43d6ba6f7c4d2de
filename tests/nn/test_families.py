"""The contract of every family, and of every recipe: tables, torch, circuit and RTL agree."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lutra.circuit import evaluate
from lutra.circuit import load as load_circuit
from lutra.circuit import save as save_circuit
from lutra.data import Dataset, Split
from lutra.engine import Program, instruction_sets
from lutra.errors import RecipeError
from lutra.nn import ConvLayer, IntegerLayer, LutModel, Signal, TableLayer, ThermometerEncoder
from lutra.nn.functions import Polynomial
from lutra.recipe import Recipe, parse_recipe
from lutra.train import build, train
from lutra.verify import verify_rtl

from ..conftest import TINY, small

LAYERS = {
    "hidden_layers": [40, 30],
    "input_bitwidth": 2,
    "hidden_bitwidth": 2,
    "output_bitwidth": 4,
    "input_fanin": 4,
    "hidden_fanin": 3,
    "output_fanin": 3,
}
TREES = {key: value for key, value in TINY["model"].items() if key != "family"}
SINGLE = {
    "logicnets": LAYERS,
    "polylut": {**LAYERS, "degree": 3},
    "polylut-add": {**LAYERS, "degree": 2, "adders": 3, "input_fanin": 2},
    "neuralut": {**LAYERS, "depth": 4, "width_n": 3, "skip_every": 2},
    "neuralut-assemble": TREES,
    "kan": {
        "input_bitwidth": 7,
        "encoder": "uniform",
        "hidden_layers": [6],
        "hidden_bitwidth": 5,
        "lut_budget": 900,
    },
    "finn": {
        "input_bitwidth": 2,
        "encoder": "uniform",
        "hidden_layers": [20, 15],
        "hidden_bitwidth": 2,
    },
}
BITS = {"thresholds": 2, "hidden_layers": [60], "votes": 4}
SINGLE |= {
    "dwn": {**BITS, "fan_in": 4, "parametrisation": "walsh"},
    "difflogicnet": {**BITS, "residual": True},
    "conv-difflogicnet": {
        **BITS,
        "stages": [
            {"kernels": 6, "side": 4, "depth": 2, "stride": 3, "pool": 3},
            {"kernels": 8, "padding": 1, "pool": 1},
        ],
    },
}
VARIANTS = {
    "dwn-conditional": {
        **{**SINGLE["dwn"], "votes": 1, "head": "conditional", "head_bitwidth": 4},
        **{"parametrisation": "entries", "spectral": 1e-4},
    },
    "dwn-relaxed": {**SINGLE["dwn"], "relaxed": True, "learn_thresholds": True},
    "difflogicnet-gumbel": {**SINGLE["difflogicnet"], "gumbel": True},
    "finn-few-bits": {**SINGLE["finn"], "weight_bitwidth": 3},
}
MODELS = {name: {"family": name, **parameters} for name, parameters in SINGLE.items()}
ENSEMBLES = {
    f"{name}-{inputs}": {**model, "votes": votes, "ensemble": {"members": 3, "inputs": inputs}}
    for name, model, inputs, votes in (
        ("polylut-add", MODELS["polylut-add"], "own", 1),
        ("neuralut", MODELS["neuralut"], "shared", 2),
        ("dwn", {**MODELS["dwn"], "gradient": "extended-linear"}, "shared", 4),
        ("trees", {**MODELS["neuralut-assemble"], "hidden_layers": [60, 20, 60, 20]}, "own", 2),
    )
}
for name, parameters in VARIANTS.items():
    MODELS[name] = {"family": name.split("-")[0], **parameters}
EVERY = {**MODELS, **ENSEMBLES}


@pytest.fixture(scope="module")
def pixels() -> Dataset:
    """The same rows with 36 pixels alone: a small network for families that see all inputs."""
    whole = small()
    chosen = [28 * row + column for row in range(5, 23, 3) for column in range(5, 23, 3)]
    parts = {
        name: Split(np.ascontiguousarray(part.x[:, chosen]), part.y)
        for name, part in (
            ("train", whole.train),
            ("validation", whole.validation),
            ("test", whole.test),
        )
    }
    return Dataset(
        **{
            **vars(whole),
            **parts,
            "image": None,
            "scale": whole.scale[chosen],
            "offset": whole.offset[chosen],
            "features": tuple(whole.features[number] for number in chosen),
        }
    )


def recipe(model: dict[str, Any], **train: Any) -> Recipe:
    content = copy.deepcopy(TINY)
    content |= {
        "model": model,
        "mapping": {} if model["family"] in ("kan", "finn") else {"method": "random"},
    }
    content["train"] |= {"epochs": 1, "select": "last", **train}
    if model.get("relaxed"):
        content["train"]["flips"] = 0.0
    return parse_recipe(content)


def moved(model: LutModel, data: Dataset) -> LutModel:
    """The model after two training batches: every running statistic has moved."""
    raw = torch.from_numpy(data.train.x)
    model(raw[:700])
    model(raw[700:])
    return model


@pytest.mark.parametrize("name", EVERY)
def test_the_table_domain_equals_per_sample_evaluation(name: str, small_mnist: Dataset) -> None:
    ours = build(recipe(EVERY[name]), small_mnist, 3).double()
    reference = copy.deepcopy(ours)
    raw, y = torch.from_numpy(small_mnist.train.x[:300]), torch.from_numpy(small_mnist.train.y)
    logits = [ours(raw), reference.forward_samples(raw)]
    assert torch.equal(*logits)
    for result in logits:
        torch.nn.functional.cross_entropy(result, y[:300]).backward()
    expected = dict(reference.named_parameters())
    for key, parameter in ours.named_parameters():
        gradient = expected[key].grad
        assert (parameter.grad is None) == (gradient is None)
        if gradient is not None:
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_torch_equals_circuit_equals_engine_equals_rtl(
    name: str, small_mnist: Dataset, pixels: Dataset, tmp_path: Path
) -> None:
    data = pixels if name.startswith(("kan", "finn")) else small_mnist
    model = moved(build(recipe(EVERY[name]), data, 1), data)
    next(model.children()).eval()
    modes = [module.training for module in model.modules()]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    circuit = model.lower(name, data.classes)
    codes = model.codes(torch.from_numpy(data.test.x)).numpy()
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), before)
    expected = evaluate(circuit, data.test.x)
    assert np.array_equal(expected["scores"], codes)
    for instructions in instruction_sets():
        found = Program(circuit, instruction_set=instructions).run(data.test.x)
        assert all(np.array_equal(found[of], words) for of, words in expected.items())
    report = verify_rtl(circuit, data.test.x[:200], tmp_path / "rtl", every=1)
    assert report.samples == 200


def test_trained_models_are_the_same_in_a_fresh_process(
    small_mnist: Dataset, tmp_path: Path
) -> None:
    for name, family in EVERY.items():
        folder = tmp_path / name
        model = train(recipe(family), small_mnist, 0, folder)
        save_circuit(model.lower(name), folder / "here.safetensors")
        (folder / "recipe.json").write_text(recipe(family).model_dump_json())
    code = (
        "import json, sys, torch\n"
        "from pathlib import Path\n"
        "from lutra.circuit import save\n"
        "from lutra.recipe import parse_recipe\n"
        "from lutra.train import restore\n"
        "from tests.conftest import small\n"
        "torch.manual_seed(99)\n"
        "for folder in Path(sys.argv[1]).iterdir():\n"
        "    recipe = parse_recipe(json.loads((folder / 'recipe.json').read_text()))\n"
        "    model = restore(recipe, small(), 0, folder)\n"
        "    save(model.lower(folder.name), folder / 'there.safetensors')\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=root, timeout=300)
    for name in EVERY:
        here, there = (tmp_path / name / f"{place}.safetensors" for place in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()
        assert load_circuit(there).name == name


def test_polylut_of_degree_one_is_logicnets(small_mnist: Dataset) -> None:
    networks = [
        build(recipe({**MODELS["polylut"], "degree": 1}), small_mnist, 4),
        build(recipe(MODELS["logicnets"]), small_mnist, 4),
    ]
    raw = torch.from_numpy(small_mnist.train.x[:100])
    assert torch.equal(*(network(raw) for network in networks))


def test_members_read_their_own_member_alone(small_mnist: Dataset) -> None:
    """Whatever a member's tables hold, the others' shares of the scores stay."""
    model = build(recipe(ENSEMBLES["trees-own"]), small_mnist, 0)
    raw = torch.from_numpy(small_mnist.train.x[:50])
    model.eval()
    before = model.by_member(raw)
    torch.testing.assert_close(before.sum(0), model(raw))
    for layer in model.levels:
        assert isinstance(layer, TableLayer)
        last = layer is model.levels[-1]
        members = layer.neurons // model.members
        order = torch.arange(layer.neurons)
        rows = (order // 2) % 3 == 1 if last else order // members == 1
        with torch.no_grad():
            layer.norm.bias[rows] += 3.0
    after = model.by_member(raw)
    assert [torch.equal(a, b) for a, b in zip(after, before, strict=True)] == [True, False, True]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        (name, method)
        for name in ENSEMBLES
        for method in ("learned", "select", "regrow")
        if method == "select" or not name.startswith("dwn")  # which cannot be wired so
    ],
)
def test_members_choose_inputs_of_their_own(
    name: str, method: str, small_mnist: Dataset, tmp_path: Path
) -> None:
    content = copy.deepcopy(TINY) | {"model": ENSEMBLES[name]}
    content["mapping"] = {
        "method": method, "dense": "skip", "epochs": 1, "every": 10, "selection_rate": 0.5,
    }  # fmt: skip
    ours = parse_recipe(content)
    start, model = build(ours, small_mnist, 0), train(ours, small_mnist, 0, tmp_path)
    changed = []
    for number, features in enumerate(model.features()):
        layer, before = model.levels[number], start.levels[number]
        if not isinstance(layer, TableLayer) or not isinstance(before, TableLayer):
            continue
        changed.append(layer.mapped and not torch.equal(layer.wires, before.wires))
        if number or model.encoder.copies > 1:
            block = features // model.members
            assert torch.equal(
                layer.wires // block, before.wires[:, :1].expand_as(layer.wires) // block
            )
    assert any(changed)
    first = model.levels[0].wires.unflatten(0, (model.members, -1))  # pyright: ignore
    assert not torch.equal(first[0], first[1] - (model.encoder.copies > 1) * model.encoder.inputs)


@pytest.mark.parametrize("kind", ["joint", "bagging", "boosting"])
def test_every_way_to_train_an_ensemble_learns(
    kind: str, small_mnist: Dataset, tmp_path: Path
) -> None:
    model = copy.deepcopy(ENSEMBLES["neuralut-shared"])
    model["ensemble"]["training"] = kind
    trained = train(recipe(model, epochs=10), small_mnist, 0, tmp_path)
    codes = trained.codes(torch.from_numpy(small_mnist.test.x))
    assert (codes.argmax(1).numpy() == small_mnist.test.y).mean() > 0.4


def test_adders_must_fit_eight_bits(small_mnist: Dataset) -> None:
    wide = {**MODELS["polylut-add"], "hidden_bitwidth": 5, "hidden_fanin": 1, "adders": 5}
    with pytest.raises(RecipeError, match="level0_sum: the sum of 5 codes of 6 bits has 9 bits"):
        build(recipe(wide), small_mnist, 0)


def test_a_degree_of_too_many_monomials_is_refused() -> None:
    assert Polynomial(1, 6, 4).monomial_weight.shape == (1, 209)
    with pytest.raises(ValueError, match="degree 12 at fan-in 16 makes 30,421,754 monomials"):
        Polynomial(1, 16, 12)


def test_convolutions_say_what_does_not_fit(small_mnist: Dataset, pixels: Dataset) -> None:
    model = MODELS["conv-difflogicnet"]
    stage = model["stages"][0]
    for change, message in (
        ({"fan_in": 3}, "16 gates have two inputs, not 3"),
        ({"ensemble": {"members": 2}}, "conv-difflogicnet has one member"),
        ({"stages": [{**stage, "side": 29}]}, "conv0: a receptive field of side 29 exceeds"),
        ({"stages": [{**stage, "depth": 8, "kernels": 9999}]}, "conv0: .* lower kernels or depth"),
        ({"stages": [{**stage, "pool": 4}]}, "conv0_pool: an image of 9 x 9 has no whole"),
        ({"stages": [{**stage, "side": 1, "channels": 1}]}, "conv0: kernels of fan-in 2 over 1 "),
        ({"stages": [{"kernels": 1, "side": 28, "pool": 1}]}, "level0: fan-in 2 exceeds 1 bits"),
        ({"stages": [{**stage, "kernel": 4}]}, "unknown key 'model.stages.0.kernel'.*'kernels'"),
    ):
        with pytest.raises(RecipeError, match=message):
            build(recipe({**model, **change}), small_mnist, 0)
    with pytest.raises(RecipeError, match="needs images"):
        build(recipe(model), pixels, 0)


def test_a_convolution_reads_few_channels_evenly(small_mnist: Dataset) -> None:
    content = {**MODELS["conv-difflogicnet"], "fan_in": 4, "parametrisation": "walsh"}
    content["stages"] = [{"kernels": 12, "side": 4, "depth": 2, "channels": 1, "pool": 1}]
    first = build(recipe(content), small_mnist, 0).levels[0]
    assert isinstance(first, ConvLayer)
    wires = first.levels[0].wires.view(12, 16)
    assert wires.sort(1).values.diff(dim=1).eq(1).all()  # every tap of the one channel, once
    assert (wires[:, 0] // 16).bincount().tolist() == [6, 6]


def test_planes_of_pixels_and_thresholds_are_channels() -> None:
    network = recipe(
        {**MODELS["conv-difflogicnet"], "stages": [{"kernels": 3, "side": 2, "pool": 1}]}
    ).network
    encoder = ThermometerEncoder(torch.zeros(2 * 36, 2), 8, False, (6, 6))
    first = network.build(encoder, 10, torch.Generator()).levels[0]
    assert isinstance(first, ConvLayer)
    corner = [0, 2, 12, 14]  # rows of six pixels, two bits each
    expected = [tap + bit + plane for plane in (0, 72) for bit in (0, 1) for tap in corner]
    assert first.taps[:, 0].tolist() == expected


def test_layers_behind_convolutions_select_their_inputs(
    small_mnist: Dataset, tmp_path: Path
) -> None:
    content = copy.deepcopy(TINY) | {"model": MODELS["conv-difflogicnet"]}
    content["mapping"] = {"method": "select", "selection_rate": 0.5}
    ours = parse_recipe(content)
    start, model = build(ours, small_mnist, 0), train(ours, small_mnist, 0, tmp_path)
    for before, after in zip(start.levels, model.levels, strict=True):
        if isinstance(before, ConvLayer) and isinstance(after, ConvLayer):
            pairs = zip(before.levels, after.levels, strict=True)
            assert all(torch.equal(a.wires, b.wires) for a, b in pairs)
        elif isinstance(before, TableLayer) and isinstance(after, TableLayer):
            assert not torch.equal(before.wires, after.wires)


def test_a_convolution_that_reads_too_far_is_found(small_mnist: Dataset) -> None:
    model = build(recipe(MODELS["conv-difflogicnet"]), small_mnist, 0)
    model.check_wires()
    second = model.levels[2]
    assert isinstance(second, ConvLayer)
    second.levels[1].wires[3, 1] = 32
    with pytest.raises(ValueError, match="level 2 reads feature 32 of 54"):
        model.check_wires()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_layers": []}, "weighs the nodes of the last of hidden_layers"),
        ({"votes": 2}, "votes = 1"),
        ({"ensemble": {"members": 2}}, "no ensemble"),
        ({"parametrisation": "entries", "relaxed": True}, "no relaxation"),
    ],
)
def test_a_head_or_a_relaxation_that_cannot_be_is_one_clear_error(
    change: dict[str, Any], message: str, small_mnist: Dataset
) -> None:
    model = {**MODELS["dwn-conditional"], "spectral": 0.0, **change}
    with pytest.raises(RecipeError, match=message):
        build(recipe(model), small_mnist, 0)


@pytest.mark.parametrize("bits", [1, 2, 3, 8])
def test_whole_weights_begin_evenly_used(bits: int) -> None:
    layer = IntegerLayer(50, 40, None, bits, generator=torch.Generator().manual_seed(0))
    levels = torch.tensor([0.0, 1.0])
    whole = layer(Signal(torch.eye(50, dtype=torch.uint8), levels, 1)).values
    assert whole.abs().max() == max(1, 2 ** (bits - 1) - 1)
    assert len(whole.unique()) == max(2, 2**bits - 1)
