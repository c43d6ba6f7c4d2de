"""Recipes: strict, helpful, and NeuraLUT-Assemble's parameters with their exact meaning."""

import json
from pathlib import Path
from typing import Any

import pytest

from lutra.errors import RecipeError
from lutra.nn.families import FamilyModel, Level
from lutra.recipe import load_recipe, parse_recipe
from lutra.trees import TreeLut

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))

SLIDE = {
    "input_bitwidth": 2,
    "hidden_bitwidth": 2,
    "output_bitwidth": 2,
    "support_bitwidth": 1,
    "input_fanin": 2,
    "hidden_fanin": 2,
    "support_fanin": 2,
}


def released(tmp_path: Path, **parameters: Any) -> FamilyModel:
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps({**SLIDE, **parameters}))
    return load_recipe(path).model


def test_slide_one_a_16_input_neuron_of_five_tables(tmp_path: Path) -> None:
    model = released(
        tmp_path,
        hidden_layers=[4, 1],
        support_layers=[0, 1],
        input_fanin=4,
        hidden_fanin=4,
        support_fanin=4,
    )
    assert model.levels(1) == [Level(4, 4, 2, 1, True, False), Level(1, 4, 1, 2, True, True)]
    assert sum(level.width for level in model.levels(1)) == 5
    assert model.levels(1)[0].address_bits == 8
    assert model.levels(1)[0].width * model.levels(1)[0].fan_in == 16
    assert trees(model, 1) == [(1, 16)]


def test_slide_two_a_16_input_neuron_of_fifteen_tables(tmp_path: Path) -> None:
    model = released(tmp_path, hidden_layers=[8, 4, 2, 1], support_layers=[0, 1, 1, 1])
    levels = model.levels(1)
    assert sum(level.width for level in levels) == 15
    assert [level.address_bits for level in levels] == [4, 2, 2, 2]
    assert [level.output_signed for level in levels] == [True, True, True, True]
    assert trees(model, 1) == [(1, 16)]


def test_slide_three_two_assembled_layers(tmp_path: Path) -> None:
    model = released(
        tmp_path,
        hidden_layers=[16, 8, 4, 8, 4, 2, 1],
        support_layers=[0, 1, 1, 0, 1, 1, 1],
    )
    levels = model.levels(1)
    # Four trees of three levels with 8 inputs each feed, mapped, one tree of four with 16.
    assert trees(model, 1) == [(4, 8), (1, 16)]
    assert [level.tree for level in levels] == [False, True, True, False, True, True, True]
    # A tree's root is a ReLU unless it is an output; inside a tree the identity.
    assert [level.output_signed for level in levels] == [True, True, False, True, True, True, True]
    assert [level.output_bits for level in levels] == [1, 1, 2, 1, 1, 1, 2]
    assert [level.bits for level in levels] == [2, 1, 1, 2, 1, 1, 1]


def trees(model: FamilyModel, classes: int) -> list[tuple[int, int]]:
    """(number of trees, inputs per tree) of each assembled layer."""
    result: list[tuple[int, int]] = []
    leaves, width = (0, 0), 0
    for level in model.levels(classes):
        if not level.tree:
            if leaves[0]:
                result.append((width, leaves[0] * leaves[1] // width))
            leaves = (level.width, level.fan_in)
        width = level.width
    return [*result, (width, leaves[0] * leaves[1] // width)]


def test_the_released_parameters_leave_the_class_level_out(tmp_path: Path) -> None:
    path = tmp_path / "hdr-5l.json"
    path.write_text(
        json.dumps(
            {
                "hidden_layers": [2160, 360, 2160, 360, 60],
                "support_layers": [0, 1, 0, 1, 1, 1],
                "input_bitwidth": 1,
                "hidden_bitwidth": 1,
                "support_bitwidth": 1,
                "output_bitwidth": 6,
                "input_fanin": 6,
                "hidden_fanin": 6,
                "output_fanin": 6,
                "support_fanin": 6,
                "width_n": 64,
                "weight_decay": 0,
                "batch_size": 32,
                "epochs": 500,
                "learning_rate": 0.002,
                "seed": 400,
                "checkpoint": None,
            }
        )
    )
    recipe = load_recipe(path)
    assert [level.width for level in recipe.model.levels(10)] == [2160, 360, 2160, 360, 60, 10]
    assert recipe.train.batch == 32
    assert recipe.train.seed == 400
    published = load_recipe(RECIPES[0].parent / "neuralut-assemble-mnist.toml")
    assert published.model.levels(10) == recipe.model.levels(10)


def test_levels_can_be_set_one_by_one(tiny_content: dict[str, Any]) -> None:
    tiny_content["model"] |= {"level_bitwidths": [3, 2, 1, 5], "level_fanins": [4, 3, 6, 3]}
    levels = parse_recipe(tiny_content).model.levels(10)
    assert [level.output_bits for level in levels] == [3, 2, 1, 5]
    assert [level.address_bits for level in levels] == [4, 9, 12, 3]
    tiny_content["model"]["level_fanins"] = [4]
    with pytest.raises(RecipeError, match="every one of the 4 levels, not 1"):
        parse_recipe(tiny_content)


@pytest.mark.parametrize(
    ("train", "mapping"), [({"flips": 0.01}, {}), ({}, {"method": "select", "candidates": 4})]
)
def test_what_needs_bits_is_refused_where_real_values_flow(
    train: dict[str, Any], mapping: dict[str, Any]
) -> None:
    model = {"family": "difflogicnet", "hidden_layers": [20], "relaxed": True}
    content = {"name": "soft", "model": model, "mapping": {"method": "random"}, "train": {}}
    assert parse_recipe(content).network.levels(10)[0].width == 20
    content |= {"train": train, "mapping": content["mapping"] | mapping}
    with pytest.raises(RecipeError, match="lets no bits flow"):
        parse_recipe(content)


def test_convolutions_have_no_local_wires_to_select_from() -> None:
    stage = {"kernels": 4, "side": 3}
    model = {"family": "conv-difflogicnet", "hidden_layers": [20], "stages": [stage]}
    content = {"name": "conv", "model": model, "mapping": {"method": "select"}}
    assert parse_recipe(content)
    content["mapping"] = {"method": "select", "start": "local"}
    with pytest.raises(RecipeError, match="in families that can be wired by 'local'"):
        parse_recipe(content)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_loads_and_carries_its_file_name(path: Path) -> None:
    assert load_recipe(path).name == path.stem


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modle": {}}, "unknown key 'modle'; did you mean 'model'"),
        ({"train": {"epoch": 3}}, "unknown key 'train.epoch'; did you mean 'epochs'"),
        ({"train": 3}, r"train: a section is expected \(got 3\)"),
        ({"model": "vit"}, r"model: a section is expected \(got 'vit'\)"),
        ({"train": {"epochs": "3"}}, "train.epochs: .*integer.*got '3'"),
        ({"train": {"epochs": 0}}, "train.epochs: .*greater than or equal to 1"),
        ({"train": {"learning_rate": float("nan")}}, "train.learning_rate"),
        ({"train": {"schedule": "exec"}}, "train.schedule: .*'cosine' or 'warm-restarts'"),
        ({"train": {"augment": {"shfit": 1.0}}}, "did you mean 'shift'"),
        ({"data": {"name": "minst"}}, "did you mean 'mnist'"),
        ({"data": {"name": "csv"}}, "needs a path"),
        ({"name": "../up"}, "name: "),
        ({"model": {"hidden_layers": [60, 20, 31, 10]}}, "level 3 is inside a tree: .* has 31"),
        ({"model": {"input_bitwidth": 4}}, "24 address bits; at most 16"),
        ({"model": {"input_bitwidth": 0}}, "model.input_bitwidth"),
        ({"model": {"hidden_fanin": 10, "hidden_layers": [24, 8, 30, 10]}}, "fan-in 10 exceeds"),
        ({"model": {"support_layers": [1, 1, 0, 1]}}, "must start with 0"),
        ({"model": {"support_layers": [0, 1]}}, "must match"),
        ({"model": {"family": "polylutt"}}, "model.family: .* did you mean 'polylut'"),
        ({"model": {"width": 3}}, "unknown key 'model.width'; did you mean 'width_n'"),
        ({"model": {"ensemble": {"member": 3}}}, "'model.ensemble.member'; did you mean 'members'"),
        ({"data": {"name": "mnist", "path": "x.csv"}}, "belong to data sets 'npz' and 'csv'"),
        ({"data": {"name": "nid", "label": "class"}}, "'nid' is found by its name"),
        (
            {
                "model": {"ensemble": {"members": 2, "training": "bagging"}},
                "mapping": {"method": "random"},
                "train": {"distill": {"weight": 0.5}},
            },
            "teacher needs model.ensemble.training = 'joint'",
        ),
        (
            {
                "model": {"ensemble": {"members": 2, "training": "bagging"}},
                "mapping": {"method": "random"},
                "train": {"mix": {"mixup": 0.8}},
            },
            "bagging weighs single rows: leave train.mix out",
        ),
        (
            {"train": {"distill": {"weight": 0.5}, "mix": {"cutmix": 1.0}}},
            "a teacher speaks of whole rows",
        ),
        ({"train": {"mix": {"mixup": -1.0}}}, "train.mix.mixup: .*greater than or equal to 0"),
        ({"train": {"mix": {"cutmx": 1.0}}}, "did you mean 'cutmix'"),
        ({"published": {"datset": "x"}}, "'published.datset'; did you mean 'dataset'"),
        ({"train": {"label_smoothing": 1.0}}, "train.label_smoothing: .*less than 1"),
        ({"train": {"augment": {"rand_magnitude": 10.5}}}, "rand_magnitude: .*equal to 10"),
        ({"model": {"ensemble": {"training": "boosting"}}}, "need 2 or more members"),
        (
            {
                "model": {"encoder": "uniform", "ensemble": {"members": 2, "inputs": "own"}},
                "mapping": {"method": "random"},
            },
            "needs model.encoder = 'learned'",
        ),
        ({"mapping": {"lambda1": 1e300}}, "mapping.lambda1: .*less than or equal to"),
        ({"mapping": {"start": "local"}}, "mapping.start = 'local' is for mapping.method"),
        ({"optimise": {"dont_cares": "test"}}, "optimise.dont_cares: .*'train'"),
        ({"optimise": {"objective": "delay"}}, "optimise: .*objective .*without area = .map"),
        ({"optimise": {"area": "simplify", "rounds": 3}}, "optimise: .*rounds .*without area"),
        ({"optimise": {"prove": False}}, "optimise.prove is of no use without"),
        ({"hardware": {"logic_depth": 2}}, "hardware: .*logic_depth .*set register_every = 0"),
        (
            {"hardware": {"logic_depth": 2, "register_every": 0, "register_sums": True}},
            "leave register_encoder and register_sums out",
        ),
        ({"hardware": {"logic_depth": -1}}, "hardware.logic_depth: .*greater than or equal to 0"),
    ],
)
def test_a_bad_recipe_is_one_clear_error(
    tiny_content: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    for key, value in change.items():
        if isinstance(value, dict):
            tiny_content[key] = {**tiny_content.get(key, {}), **value}
        else:
            tiny_content[key] = value
    with pytest.raises(RecipeError, match=f"somewhere: .*{message}"):
        parse_recipe(tiny_content, "somewhere")


@pytest.mark.parametrize(
    "change", [{"mapping": {"method": "local"}}, {"model": {"balanced": True}}]
)
@pytest.mark.parametrize("family", ["kan", "finn"])
def test_what_means_nothing_to_dense_layers_is_refused(change: dict[str, Any], family: str) -> None:
    model = {"family": family, "input_bitwidth": 1, "hidden_layers": [3]}
    content: dict[str, Any] = {"name": "edges", "model": model}
    assert parse_recipe(content)
    for key, value in change.items():
        content[key] = {**content.get(key, {}), **value}
    with pytest.raises(
        RecipeError, match=rf"a {family} has no use for \[mapping\] and model.balanced"
    ):
        parse_recipe(content)


FOREST: dict[str, Any] = {"name": "forest", "model": {"family": "treelut"}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"estimater": 3}}, "'model.estimater'; did you mean 'estimators'"),
        ({"model": {"depth": 0}}, "model.depth: .*greater than or equal to 1"),
        ({"model": {"eta": 0.0}}, "model.eta: .*greater than or equal to 0.000001"),
        ({"model": {"booster": "catboost"}}, "model.booster: .*'xgboost'"),
        ({"model": {"adder": 1}}, "model.adder: .*greater than or equal to 2"),
        ({"model": {"leaves": "6"}}, "model.leaves: .*integer"),
        ({"model": {"depth": None}}, "one of depth and leaves"),
        ({"model": {"thresholds": "values"}}, "belongs to a model of path"),
        ({"model": {"path": "m.json", "eta": 0.3, "depth": 4}}, "depth, eta: nothing is trained"),
        ({"train": {"epochs": 3, "batch": 4}}, "no use for train.epochs, train.batch"),
        ({"mapping": {"method": "random"}}, "no use for mapping.method"),
        ({"train": {"distill": {"weight": 0.5}}}, "no use for train.distill"),
    ],
)
def test_what_means_nothing_to_a_forest_is_refused(change: dict[str, Any], message: str) -> None:
    assert parse_recipe(FOREST).system == "treelut"
    content = {key: {**FOREST.get(key, {}), **value} for key, value in change.items()}
    with pytest.raises(RecipeError, match=f"forest.toml: .*{message}"):
        parse_recipe({**FOREST, **content}, "forest.toml")


@pytest.mark.parametrize(
    ("mixer", "message"),
    [
        ({"kind": "lut", "tables": [8], "ratio": 2.0}, "key 'model.mixer.ratio'; known: .*"),
        ({"kind": "mlp", "ration": 2.0}, "unknown key 'model.mixer.ration'; did you mean 'ratio'"),
        ({"kind": "lut", "tables": [0]}, r"model\.mixer\.tables\.0: .*equal to 1 \(got 0\)"),
        ({"kind": "mlp", "ratio": 0.125}, r"model: mixer\.ratio = 0\.125 leaves no hidden channel"),
        ({"kind": "mpl"}, r"model\.mixer\.kind: no kind 'mpl'; did you mean 'mlp'"),
        ({"tables": [8]}, r"key 'model\.mixer\.kind' is missing; known: mlp, lut"),
    ],
)
def test_a_bad_mixer_is_one_clear_error(mixer: dict[str, Any], message: str) -> None:
    model = {"family": "vit", "patch": 7, "layers": 1, "heads": 1, "dim": 4, "mixer": mixer}
    with pytest.raises(RecipeError, match=message):
        parse_recipe({"name": "vit", "model": model})


def test_a_circuit_depends_on_its_registers(tiny_content: dict[str, Any]) -> None:
    found = [
        parse_recipe({**tiny_content, "hardware": {"register_every": 0, "logic_depth": depth}}, "")
        for depth in (0, 1, 2)
    ]
    assert len({recipe.circuit_digest for recipe in found}) == 3
    assert len({recipe.digest for recipe in found}) == 1


def test_training_a_forest_depends_on_what_is_trained_alone(tmp_path: Path) -> None:
    def digest(**model: Any) -> str:
        return parse_recipe({**FOREST, "model": {**FOREST["model"], **model}}).digest

    assert digest(adder=4) == digest()
    assert digest(tree_bits=4) != digest()
    assert digest(path="a.json") == digest(path="b.json")  # what they hold counts, not where
    path = tmp_path / "own.toml"
    path.write_text('name = "own"\n[model]\nfamily = "treelut"\npath = "m.json"\n')
    model = load_recipe(path).model
    assert isinstance(model, TreeLut) and model.path == str(tmp_path / "m.json")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("broken.toml", "name = "),
        ("deep.json", "[" * 100_000),
        ("list.json", "[1]"),
        ("odd.json", '{"hiden_layers": [1]}'),
        ("latin.toml", "name = '\xff'"),
    ],
)
def test_an_unreadable_recipe_names_its_file(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="latin-1")
    with pytest.raises(RecipeError, match=name):
        load_recipe(path)


def test_a_missing_recipe_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nowhere"):
        load_recipe(tmp_path / "nowhere.toml")
