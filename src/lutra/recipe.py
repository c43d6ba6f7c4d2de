"""Recipes: one strict file says what to train, on what, and what hardware to make of it.

TOML in Lutra's own form, or a JSON file with NeuraLUT-Assemble's parameters as they stand.
Unknown keys, wrong types and impossible shapes are errors; nothing in a recipe names code.
"""

import difflib
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from lutra.data import names as data_names
from lutra.errors import RecipeError
from lutra.nn.families import (
    DirectModel,
    Family,
    FamilyModel,
    FullyConnectedModel,
    Kan,
    NeuraLutAssemble,
)
from lutra.sections import AugmentConfig, DistillConfig, Epochs, Fraction, MixConfig, Section
from lutra.tools import Objective
from lutra.trees import TreeLut
from lutra.vit import Cct, Vit
from lutra.weightless import Bthowen, Uleen

__all__ = [
    "AugmentConfig",
    "DataConfig",
    "DistillConfig",
    "HardwareConfig",
    "MappingConfig",
    "MixConfig",
    "OptimiseConfig",
    "PublishedConfig",
    "Recipe",
    "TrainConfig",
    "load_recipe",
    "parse_recipe",
]

Positive = Annotated[float, Field(gt=0, le=1e6)]
NotNegative = Annotated[float, Field(ge=0, le=1e6)]


class DataConfig(Section):
    """What to train on; see `lutra.data.load`."""

    name: str = "mnist"
    validation: Annotated[int | float, Field(ge=0)] | None = None
    """Rows (int) or fraction (float) of train held out to choose the checkpoint; None for the part
    that the set brings, or a tenth."""
    split_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the validation split; the same for every training seed."""
    path: str | None = None
    test_path: str | None = None
    label: str | None = None
    width: Annotated[int, Field(ge=1, le=24)] = 12
    """Bits of a raw feature word, where the set holds real numbers."""
    clip: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Share of real-valued features beyond either end of their words."""

    @model_validator(mode="after")
    def _check(self) -> "DataConfig":
        if self.name not in data_names():
            raise ValueError(f"no data set {self.name!r}{_nearest(self.name, data_names())}")
        if self.name in ("npz", "csv") and self.path is None:
            raise ValueError(f"data set {self.name!r} needs a path")
        if self.name not in ("npz", "csv") and (self.path or self.test_path or self.label):
            raise ValueError(
                f"path, test_path and label belong to data sets 'npz' and 'csv'; {self.name!r} is "
                "found by its name"
            )
        return self


class MappingConfig(Section):
    """How the inputs of mapped levels are chosen."""

    method: Literal["learned", "local", "random", "select", "regrow"] = "learned"
    """From a dense phase; for images, each tree from a window of its own; at random; or at random
    and changed while the tables train: each digit selects among candidates, or the least of a
    neuron's inputs give way to better ones."""
    dense: Literal["full", "skip"] = "full"
    """What the dense phase trains: hidden layer and skip as published, or the skip alone."""
    epochs: Epochs = 25
    regulariser: Literal["exponential", "l2"] = "exponential"
    """What draws a neuron's weight to few inputs in the dense phase."""
    lambda1: NotNegative = 8e-5
    """Its strength."""
    rate: NotNegative = 0.03
    """Exponent of ``exponential`` per unit of L1 norm, k; PolyLUT's lambda2 is 2**k."""
    window: Annotated[int, Field(ge=1)] = 9
    """Side of a window of ``local``, pixels."""
    start: Literal["random", "local"] = "random"
    """Where ``select`` begins: anywhere, or as ``local`` does, with the pixels within half a window
    of a digit's first one as its candidates."""
    candidates: Annotated[int, Field(ge=2)] = 32
    """Inputs that each digit selects among."""
    selection_rate: Positive = 0.02
    """How far a candidate's logit moves per observed step, against a first lead of 1."""
    share: Fraction = 0.3
    """Neurons that exchange an input at the first regrowth; later ones follow a cosine."""
    every: Annotated[int, Field(ge=1)] = 50
    """Steps between regrowths."""
    until: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Share of the training after which the wiring is fixed."""


class TrainConfig(Section):
    """The training loop; defaults are the LogicNets lineage's."""

    epochs: Epochs = 500
    batch: Annotated[int, Field(ge=2, le=1 << 20)] = 128
    learning_rate: Positive = 2e-3
    weight_decay: NotNegative = 0.0
    beta1: Fraction = 0.5
    beta2: Fraction = 0.999
    schedule: Literal["cosine", "warm-restarts"] = "warm-restarts"
    restart_epochs: Epochs = 100
    """Epochs per cycle of ``warm-restarts``."""
    warmup: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Steps at the start in which the rate rises in a line; large rates need some."""
    input_gradient: Literal["derivative", "difference"] = "derivative"
    """How a loss reaches a table's inputs: by the derivative of what the neuron computes, as
    published, or by what the neighbouring table entries hold, which a changed input would read."""
    flips: Fraction = 0.0
    """Flipped bits per hidden code and step while tables train: a regulariser."""
    ema: Fraction = 0.0
    """Decay of the averaged weights that are validated and kept; 0 keeps the raw weights. Until
    it has a full window, the average is over all steps; with ``mapping.method = "select"``, over
    those since the wiring was fixed."""
    select: Literal["best", "last"] = "best"
    """Checkpoint kept: best on validation, or the last."""
    seed: Annotated[int, Field(ge=0)] = 0
    label_smoothing: Fraction = 0.0
    """Share of every target that is spread over all classes."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of products in a vision transformer's training in floating point; the rest is float32."""
    table_rate: Positive = 100.0
    """Learning rate of a vision transformer's tables by that of its other parameters."""
    shards: Annotated[int, Field(ge=1, le=1024)] = 1
    """Equal parts that a vision transformer's batches are evaluated in: a power of two. As many
    processes may share the work, or fewer; the result is the same."""
    augment: AugmentConfig = AugmentConfig()
    mix: MixConfig = MixConfig()
    distill: DistillConfig = DistillConfig()

    @model_validator(mode="after")
    def _check(self) -> "TrainConfig":
        if self.shards & (self.shards - 1) or self.batch % self.shards:
            raise ValueError(f"shards must be a power of two that divides batch = {self.batch}")
        return self


class OptimiseConfig(Section):
    """What is done to the circuit of a trained model."""

    dont_cares: Literal["none", "train"] = "none"
    """Entries that may change for the sake of area: none, or those that no row of the train part
    reads, as in NullaNet. On other rows the class may then change; the accuracies are measured
    after it, and those before it are recorded beside them."""
    area: Literal["plain", "simplify", "map"] = "plain"
    """Exact optimisation: none; simpler and fewer tables; or these mapped to LUT6 by ABC."""
    rounds: Annotated[int, Field(ge=1, le=100)] = 2
    """How often ``map`` maps every neuron from each of its forms."""
    objective: Objective = "area"
    """Which result ``map`` keeps of each neuron: the one of the fewest LUTs, or of the fewest
    levels."""
    prove: bool = True
    """Whether ABC proves that the circuit does the same, see `lutra.optimise`; it may take
    minutes."""

    @model_validator(mode="after")
    def _check(self) -> "OptimiseConfig":
        for name in ("rounds", "objective"):
            if self.area != "map" and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f'{name} is of no use without area = "map"')
        return self


class HardwareConfig(Section):
    """What the RTL looks like."""

    register_every: Annotated[int, Field(ge=0, le=1000)] = 1
    """Registers after every so many table levels; 0 for none."""
    logic_depth: Annotated[int, Field(ge=0, le=100)] = 0
    """Registers after at most so many LUT levels of the optimised circuit, as few as that takes,
    see `lutra.passes.retime`; 0 leaves them where ``register_every`` and the keys below put them,
    which have to be off else."""
    register_encoder: bool = False
    """Registers behind the encoder."""
    register_sums: bool = False
    """Registers before every sum of bits."""
    input_register: bool = False
    output_register: bool = True
    encoder: bool = True
    """Take raw words; without it the codes, as every published LUT count assumes."""
    argmax: bool = True
    """Give the class beside the scores."""

    @model_validator(mode="after")
    def _check(self) -> "HardwareConfig":
        if self.logic_depth and (
            self.register_every or self.register_encoder or self.register_sums
        ):
            raise ValueError(
                "logic_depth places all registers itself: set register_every = 0 and leave "
                "register_encoder and register_sums out"
            )
        return self


class PublishedConfig(Section):
    """The published design that a recipe has the shape of; see `lutra.report.published`."""

    dataset: str
    """Which it was measured on; figures of another set do not compare."""
    method: str


_APART: Any = dict.fromkeys(("description", "hardware", "name", "optimise", "published"), ...) | {
    "model": {"path", "adder", "pretrained", "accelerator"},
    "train": {"distill": {"teacher"}},
}
"""What training does not depend on, and the places of files whose content it depends on."""
_LATER = {"shards": 1, "kind": "soft"}
"""Keys of [train] that earlier trainings were without: left out where they change nothing."""

_VISION = ("precision", "table_rate", "shards")
"""What of [train] vision transformers alone have a use for."""
_OTHERS = TreeLut | Bthowen | Uleen | Vit | Cct
"""What is not a network of tables."""
_USED = {
    TreeLut: {"select", "seed"},
    Bthowen: {"seed"},
    Uleen: set(TrainConfig.model_fields)
    - {"weight_decay", "input_gradient", "flips", "distill", *_VISION},
    Vit: set(TrainConfig.model_fields) - {"input_gradient", "flips"},
    Cct: set(TrainConfig.model_fields) - {"input_gradient", "flips"},
}
"""What of [train] these have a use for."""


class Recipe(Section):
    """Everything that a run needs to know."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    description: str = ""
    published: PublishedConfig | None = None
    data: DataConfig = DataConfig()
    model: Annotated[Family | TreeLut | Bthowen | Uleen | Vit | Cct, Field(discriminator="family")]
    mapping: MappingConfig = MappingConfig()
    train: TrainConfig = TrainConfig()
    optimise: OptimiseConfig = OptimiseConfig()
    hardware: HardwareConfig = HardwareConfig()

    @model_validator(mode="after")
    def _check(self) -> "Recipe":
        if isinstance(self.model, _OTHERS):
            used = _USED[type(self.model)]
            _check_unused(self.model.family, self.mapping, self.train, used)
            if isinstance(self.model, Vit | Cct) and self.optimise != OptimiseConfig():
                raise ValueError(f"{self.model.family} has no use for [optimise]: leave it out")
        else:
            _check_network(self.model, self.mapping, self.train)
        if not (self.optimise.prove or self.optimises):
            raise ValueError(
                "optimise.prove is of no use without optimise.area, optimise.dont_cares or "
                "hardware.logic_depth"
            )
        return self

    @property
    def optimises(self) -> bool:
        """Whether the circuit is another one than that of the trained model."""
        asked = self.optimise
        changed = asked.area != "plain" or asked.dont_cares != "none"
        return changed or self.hardware.logic_depth > 0

    @property
    def network(self) -> Family:
        """The model of a recipe that is known to train a network."""
        assert not isinstance(self.model, _OTHERS)
        return self.model

    @property
    def system(self) -> str:
        """What the result is listed under."""
        model = self.model
        ensemble = isinstance(model, FamilyModel) and model.ensemble.members > 1
        return "amigolut" if ensemble else model.family

    def steps_per_epoch(self, rows: int) -> int:
        """Return the updates of an epoch on so many rows: one where there are no batches."""
        return 1 if isinstance(self.model, TreeLut | Bthowen) else max(1, rows // self.train.batch)

    @property
    def digest(self) -> str:
        """Fingerprint of all that training depends on, as hexadecimal text."""
        return self._digest_without(_APART)

    @property
    def circuit_digest(self) -> str:
        """Fingerprint of all that the circuit depends on, as hexadecimal text."""
        apart = {"description": ..., "published": ..., "train": {"distill": {"teacher"}}}
        return self._digest_without(apart | {"model": {"accelerator"}})

    def _digest_without(self, left_out: Any) -> str:
        content = self.model_dump(exclude=left_out)
        content["model"] |= dict.fromkeys({"pretrained"} & content["model"].keys())  # a place
        for section in (content["train"], content["train"]["distill"]):
            for key, silent in _LATER.items():
                if section.get(key) == silent:
                    del section[key]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _check_network(model: Family, mapping: MappingConfig, train: TrainConfig) -> None:
    for key in _VISION:
        if getattr(train, key) != TrainConfig.model_fields[key].default:
            raise ValueError(f"train.{key} is for vision transformers: leave it out")
    if train.distill.teacher is not None:
        raise ValueError("train.distill.teacher is for vision transformers: leave it out")
    ensemble = model.ensemble
    if ensemble.members == 1 and (ensemble.training, ensemble.inputs) != ("joint", "shared"):
        raise ValueError("model.ensemble.training and inputs need 2 or more members")
    if ensemble.inputs == "own" and not model.learns_encoder:
        raise ValueError(
            "model.ensemble.inputs = 'own' needs model.encoder = 'learned': other encoders "
            "have nothing of their own to learn"
        )
    if mapping.method not in model.mappings:
        raise ValueError(
            f"{model.family} can be wired by mapping.method "
            f"{', '.join(map(repr, model.mappings))}, not by {mapping.method!r}"
        )
    if mapping.start == "local" and (mapping.method != "select" or "local" not in model.mappings):
        raise ValueError(
            "mapping.start = 'local' is for mapping.method = 'select' in families that can be "
            "wired by 'local'"
        )
    if isinstance(model, DirectModel) and train.input_gradient == "difference":
        raise ValueError(
            f"train.input_gradient is for neurons that are functions; {model.family} has "
            "model.gradient"
        )
    if getattr(model, "relaxed", False) and (train.flips or mapping.method == "select"):
        raise ValueError(
            "model.relaxed lets no bits flow: leave train.flips out, and mapping.method = 'select'"
        )
    if isinstance(model, Kan) and model.lut_budget and train.select == "best":
        raise ValueError("model.lut_budget is met at the end alone: set train.select = 'last'")
    if isinstance(model, FullyConnectedModel) and (mapping, model.balanced) != (
        MappingConfig(),
        False,
    ):
        raise ValueError(
            f"a {model.family} has no use for [mapping] and model.balanced: every node "
            "reads every input"
        )
    if ensemble.training != "joint" and train.distill.weight:
        raise ValueError("a teacher needs model.ensemble.training = 'joint'")
    if train.mix.active and train.distill.weight:
        raise ValueError("a teacher speaks of whole rows: leave train.mix out, or train.distill")
    if train.mix.active and ensemble.training == "bagging":
        raise ValueError("bagging weighs single rows: leave train.mix out")


def _check_unused(family: str, mapping: MappingConfig, train: TrainConfig, used: set[str]) -> None:
    vain = [
        f"{section}.{key}"
        for section, given in (("mapping", mapping), ("train", train))
        for key, value in given
        if value != type(given).model_fields[key].default and key not in used
    ]
    if vain:
        raise ValueError(f"{family} has no use for {', '.join(vain)}: leave it out")


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file, ``.toml`` or ``.json``.

    Raises
    ------
    RecipeError
        The file is missing or malformed, or its content cannot be used; the message names the
        file, the key and the way out.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return parse_recipe(_from_released(json.loads(text), path.stem), str(path))
        return _beside(path, parse_recipe(tomllib.loads(text), str(path)))
    except (OSError, ValueError, RecursionError) as error:
        raise RecipeError(f"{path}: not a readable recipe ({error})") from error


def _beside(path: Path, recipe: Recipe) -> Recipe:
    """Return the recipe with the paths of models relative to its own folder."""
    model, train = recipe.model, recipe.train
    key = {"treelut": "path", "vit": "pretrained"}.get(model.family, "")
    if (given := getattr(model, key, None)) is not None:
        model = model.model_copy(update={key: str(path.parent / given)})
    if train.distill.teacher is not None:
        teacher = {"teacher": str(path.parent / train.distill.teacher)}
        distill = train.distill.model_copy(update=teacher)
        train = train.model_copy(update={"distill": distill})
    return recipe.model_copy(update={"model": model, "train": train})


def parse_recipe(content: dict[str, Any], where: str = "recipe") -> Recipe:
    """Check the content of a recipe; ``where`` names it in errors."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors()[:5])
        raise RecipeError(f"{where}: {problems}") from error


_RELEASED_TRAINING = {
    "epochs": "epochs",
    "batch_size": "batch",
    "learning_rate": "learning_rate",
    "weight_decay": "weight_decay",
    "seed": "seed",
}
_RELEASED_MAPPING = {"dense_epochs": "epochs", "lambda1": "lambda1", "k": "rate"}


def _from_released(content: Any, name: str) -> dict[str, Any]:
    """Sort NeuraLUT-Assemble's flat parameters into a recipe's sections."""
    if not isinstance(content, dict):
        raise ValueError("expected one JSON object of parameters")
    content = dict(content)
    content.pop("output_fanin", None)  # known to the released code, used by nothing
    content.pop("checkpoint", None)
    known = {*NeuraLutAssemble.model_fields, *_RELEASED_TRAINING, *_RELEASED_MAPPING, "dataset"}
    for key in content:
        if key not in known:
            raise ValueError(f"unknown parameter {key!r}{_nearest(key, known)}")

    def pick(table: dict[str, str]) -> dict[str, Any]:
        return {new: content[old] for old, new in table.items() if old in content}

    return {
        "name": name,
        "data": {"name": content["dataset"]} if "dataset" in content else {},
        "model": {"family": "neuralut-assemble"}
        | {key: content[key] for key in NeuraLutAssemble.model_fields if key in content},
        "mapping": pick(_RELEASED_MAPPING),
        "train": pick(_RELEASED_TRAINING),
    }


def _explain(problem: Any) -> str:
    path: list[str] = []
    section: Any = Recipe
    tag, kinds = "", {}
    for part in problem["loc"]:
        if part in kinds:  # pydantic names the kind that it checked against
            section, kinds = kinds[part], {}
            continue
        path.append(str(part))
        field = section.model_fields.get(part) if section else None
        if field is not None:
            tag, found = field.discriminator, _sections(field.annotation)
            kinds = {get_args(s.model_fields[tag].annotation)[0]: s for s in found} if tag else {}
            section = next(iter(found), None)
    where = ".".join(path) or "recipe"
    given = problem["input"]
    if problem["type"] == "extra_forbidden":
        return f"unknown key {where!r}{_nearest(path[-1], section.model_fields)}"
    if problem["type"] == "missing":
        return f"key {where!r} is missing"
    if problem["type"] == "union_tag_not_found":
        return f"key '{where}.{tag}' is missing; known: {', '.join(kinds)}"
    if problem["type"] == "union_tag_invalid":
        name = problem["ctx"]["tag"]
        return f"{where}.{tag}: no {tag} {name!r}{_nearest(name, kinds)}"
    message = "a section is expected" if problem["type"].startswith("model_") else problem["msg"]
    shown = f" (got {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{where}: {message.removeprefix('Value error, ')}{shown}"


def _sections(kind: Any) -> list[type[BaseModel]]:
    """Return the sections that an annotation names: one, those of a union, of a list."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [section for part in get_args(kind) for section in _sections(part)]


def _nearest(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, sorted(known), 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"
