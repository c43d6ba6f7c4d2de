"""What a finished run leaves: one typed record, kept as JSON. A part that was not run is None."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lutra.circuit import Circuit, statistics
from lutra.errors import LutraError
from lutra.files import write_atomic
from lutra.passes import estimate_lut6, stage_depth
from lutra.report._accelerator import AcceleratorFigures
from lutra.tools import Timing, estimate_timing

__all__ = [
    "Accuracy",
    "Area",
    "CircuitFigures",
    "CircuitRow",
    "Epoch",
    "Machine",
    "RunResult",
    "Synthesis",
    "Training",
    "Verification",
    "circuit_figures",
    "load_result",
    "save_result",
]

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, le=100)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Machine(_Record):
    """Where the run ran."""

    cpu: str
    cores: Count


class Epoch(_Record):
    """One epoch; accuracies in per cent."""

    epoch: Count
    phase: str
    loss: float
    train_accuracy: Percent | None
    val_accuracy: Percent | None
    lr: float
    seconds: Seconds


class Training(_Record):
    """A training, all its phases; ``seconds`` has the teacher's, the rest has not.

    ``estimated_lut6`` is what edge layers make of their own area, which ``lut_budget`` is about.
    """

    epochs: Count
    steps: Count
    seconds: Seconds
    estimated_lut6: Count | None = None
    lut_budget: Count | None = None
    history: tuple[Epoch, ...]


class Accuracy(_Record):
    """Accuracies in per cent; ``confusion[true][predicted]`` counts test rows.

    ``more`` has those of a data set's further test parts.
    """

    validation: Percent | None
    test: Percent
    more: dict[str, Percent] = Field(default_factory=dict)
    classes: tuple[str, ...]
    confusion: tuple[tuple[Count, ...], ...]

    @model_validator(mode="after")
    def _square(self) -> "Accuracy":
        if any(len(row) != len(self.classes) for row in (self.confusion, *self.confusion)):
            raise ValueError("the confusion matrix needs one row and one column per class")
        return self


class CircuitRow(_Record):
    """One operation; see `lutra.circuit.OpStatistics`."""

    name: str
    kind: str
    level: Count
    stage: Count
    words: Count
    address_bits: Count
    output_bits: Count
    lut6_worst_case: Count | None


class CircuitFigures(_Record):
    """A circuit in numbers; its LUT6 are a bound computed from the tables' address bits.

    ``lut6_estimate`` is what mapping would make of the tables; see `lutra.passes.estimate_lut6`.
    """

    kind: Literal["worst-case model"] = "worst-case model"
    tables: Count
    levels: Count
    table_bits: Count
    lut6_worst_case: Count
    lut6_estimate: Count | None = None
    stage_depth: Count | None = None
    """LUT levels between registers at most; see `lutra.passes.stage_depth`."""
    rows: tuple[CircuitRow, ...]


class Verification(_Record):
    """Torch, circuit, engine and RTL compared bit for bit; None where a comparison was not made."""

    samples: Count
    torch_equals_circuit: bool | None
    engine_equals_circuit: bool | None = None
    rtl_mismatches: Count | None
    simulator: str | None
    seconds: Seconds
    latency_cycles: Count | None
    register_every: Count | None

    @property
    def exact(self) -> bool:
        """Whether every stage was compared and every bit agreed."""
        return self.torch_equals_circuit is True and self.rtl_mismatches == 0


class Area(_Record):
    """What a tool made of one design; ``kind`` says after which step.

    ``lut`` counts LUTs of any size, ``lut_by_size`` those of each number of inputs, ``muxf`` the
    F7 to F9 multiplexers, ``depth`` the cells on the longest path.
    """

    name: str
    kind: Literal["post-synthesis", "post-route"] = "post-synthesis"
    lut: Count
    lut_by_size: dict[str, Count]
    ff: Count
    muxf: Count
    carry: Count
    depth: Count | None
    seconds: Seconds


class Synthesis(_Record):
    """Areas as one design, by part (encoder, core, head, argmax) and by operation.

    ``total`` is everything but the argmax. ``levels`` has one entry per operation of that
    design, in the circuit's order. Parts and levels are synthesised alone, so they need not sum
    to the total. ``latency_cycles`` is that of the total.
    """

    tool: str
    latency_cycles: Count | None = None
    total: Area
    parts: tuple[Area, ...]
    levels: tuple[Area, ...]

    def luts(self, *parts: str) -> int | None:
        """Return the LUTs of the named parts together; None where none of them was synthesised."""
        found = [area.lut for area in self.parts if area.name in parts]
        return sum(found) if found else None

    @property
    def timing(self) -> Timing | None:
        """What the total's figures let expect, where they are all there."""
        if self.total.depth is None or self.latency_cycles is None:
            return None
        return estimate_timing(self.total.depth, self.latency_cycles, self.total.lut)


class RunResult(_Record):
    """Everything that a run can tell."""

    format_version: Literal[1] = 1
    recipe: str
    recipe_text: str = ""
    dataset: str
    dataset_sha256: str = ""
    seed: int
    commit: str
    finished: str = ""
    machine: Machine
    tools: dict[str, str]
    train: Training | None = None
    accuracy: Accuracy | None = None
    exact_accuracy: Accuracy | None = None
    """That of the trained model, where the circuit uses don't-cares and may differ from it."""
    circuit: CircuitFigures | None = None
    compiled_from: str = ""
    """Fingerprint of the recipe that the circuit was made by."""
    verify: Verification | None = None
    synthesis: Synthesis | None = None
    accelerator: AcceleratorFigures | None = None
    """Of a vision transformer."""


def circuit_figures(circuit: Circuit) -> CircuitFigures:
    """Count a circuit for the record."""
    found = statistics(circuit)
    return CircuitFigures(
        tables=found.tables,
        levels=found.levels,
        table_bits=found.table_bits,
        lut6_worst_case=found.lut6_worst_case,
        lut6_estimate=round(estimate_lut6(circuit).sum()),
        stage_depth=stage_depth(circuit),
        rows=tuple(CircuitRow(**vars(row)) for row in found.ops),
    )


def save_result(result: RunResult, path: Path) -> Path:
    """Write the record as JSON, atomically; a full disk raises OutputError."""
    return write_atomic(path, result.model_dump_json(indent=2) + "\n")


def load_result(path: Path) -> RunResult:
    """Read a record; a missing or malformed one raises LutraError naming file and entry."""
    try:
        return RunResult.model_validate_json(path.read_bytes())
    except OSError as error:
        raise LutraError(f"{path}: no readable result ({error}); run the recipe first") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise LutraError(
            f"{path}: not a result of this version: {where}: {first['msg']}; "
            "delete the file and run the recipe again"
        ) from error
