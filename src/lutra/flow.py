"""The steps from a recipe to a report, each one resumable and each one recorded.

A run folder holds ``train.*``, a vision transformer's ``float.*`` (see `lutra.train`),
``circuit.safetensors`` or ``integer.safetensors``, ``rtl/``, ``synth/``, ``result.json``
(`lutra.RunResult`: every step adds its part) and ``report.html``.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from lutra import accelerate
from lutra.circuit import Circuit, evaluate, load, save
from lutra.data import Dataset, Split
from lutra.data import load as load_data
from lutra.emit import CForm, CSource, emit_c, emit_testbench
from lutra.engine import Program
from lutra.errors import CheckpointError, CircuitError, RecipeError, VerifyError
from lutra.files import exclusive
from lutra.nn.vision import VisionTransformer, freeze
from lutra.optimise import Say, optimise
from lutra.passes import encoder_words, pipeline
from lutra.provenance import commit, cpu, packages
from lutra.recipe import Recipe, load_recipe
from lutra.report import (
    AcceleratorFigures,
    Accuracy,
    Area,
    Epoch,
    Machine,
    RunResult,
    Synthesis,
    Training,
    Verification,
    circuit_figures,
    load_result,
    save_result,
    write_html,
)
from lutra.tools import Synthesis as Mapped
from lutra.tools import find_verilator, find_yosys, synthesise_parts
from lutra.train import Progress, Trained, check, restore
from lutra.train import train as train_model
from lutra.verify import first_difference, verify_rtl
from lutra.vit import Cct, IntegerTransformer, Vit, load_integer, save_integer

__all__ = ["Run", "open_run"]

_TESTBENCH_VECTORS = 100
_ROWS = 512
"""Of the test part, after which a vision transformer's compilation says how far it is."""


@dataclass(frozen=True)
class Run:
    """One recipe, one seed, one folder."""

    recipe: Recipe
    text: str
    """The recipe file as it stands."""
    data: Dataset
    seed: int
    folder: Path

    @property
    def circuit_path(self) -> Path:
        """The compiled circuit."""
        return self.folder / "circuit.safetensors"

    @property
    def integer_path(self) -> Path:
        """The compiled vision transformer."""
        return self.folder / "integer.safetensors"

    @property
    def result_path(self) -> Path:
        """The record."""
        return self.folder / "result.json"

    def train(self, progress: Progress | None = None) -> None:
        """Train, or go on where an interrupted training stopped."""
        check(self.recipe, self.data, self.seed)  # what cannot be built leaves no folder
        with exclusive(self.folder):
            model = train_model(self.recipe, self.data, self.seed, self.folder, progress)
        logs = [*sorted(self.folder.glob("dense*.jsonl")), self.folder / "float.jsonl"]
        history = [row for path in (*logs, self.folder / "train.jsonl") for row in _read_log(path)]
        last = {row.phase: row.seconds for row in history}
        last |= {row.phase: row.seconds for row in _read_log(self.folder / "teacher.jsonl")}
        training = Training(
            epochs=len(history),
            steps=len(history) * self.recipe.steps_per_epoch(len(self.data.train)),
            seconds=sum(last.values()),
            estimated_lut6=model.estimated_lut6,
            lut_budget=model.budget,
            history=tuple(history),
        )
        self._record(train=training)

    def lower(self) -> Circuit:
        """Return the circuit of the trained model, every table as trained.

        Raises
        ------
        CircuitError
            A vision transformer has none.
        """
        return self._model().lower(self.recipe.name, self.data.classes, self.data.features)

    def compile(self, say: Say = lambda _: None) -> None:
        """Lower the trained model to a circuit; prove model == circuit == engine on the test part.

        A vision transformer becomes an integer model, `lutra.vit.IntegerTransformer`, which is
        proven equal to it likewise.

        Parameters
        ----------
        say
            Is told what is done next, see `lutra.optimise`.

        Raises
        ------
        VerifyError
            A code differs, or optimisation changed something; the message names what and where.
        ToolError
            ABC is missing or fails, or cannot decide in its time.
        """
        started = time.monotonic()
        model, data = self._model(), self.data
        if isinstance(model, VisionTransformer):
            return self._freeze(model, say)
        circuit = model.lower(self.recipe.name, data.classes, data.features)
        codes = model.codes(torch.from_numpy(data.test.x)).numpy()
        scores = evaluate(circuit, data.test.x)["scores"]
        difference = first_difference({"scores": codes}, {"scores": scores})
        if difference is not None:
            raise VerifyError(f"{self.recipe.name}: model and circuit differ: {difference}")
        hardware, cares = self.recipe.hardware, self.recipe.optimise.dont_cares
        exact = self._circuit_accuracy(circuit) if cares == "train" else None
        circuit = pipeline(
            circuit, hardware.register_every, hardware.register_encoder, hardware.register_sums
        )
        if self.recipe.optimises:
            circuit = optimise(circuit, self.recipe, data, say)
        program = Program(circuit)
        difference = first_difference(evaluate(circuit, data.test.x), program.run(data.test.x))
        if difference is not None:
            raise VerifyError(f"{self.recipe.name}: circuit and engine differ: {difference}")
        before = self.circuit_path.read_bytes() if self.circuit_path.exists() else None
        save(circuit, self.circuit_path)
        parts = {
            "accuracy": self._circuit_accuracy(circuit),
            "exact_accuracy": exact,
            "circuit": circuit_figures(circuit),
            "compiled_from": self.recipe.circuit_digest,
        }
        earlier = self._load()
        same = before == self.circuit_path.read_bytes() and earlier.recipe_text == self.text
        if not same or earlier.verify is None:  # what was measured holds for this circuit alone
            parts["verify"] = Verification(
                samples=len(data.test),
                torch_equals_circuit=True,
                # without native kernels the engine is the evaluator itself
                engine_equals_circuit=None if program.instruction_set == "numpy" else True,
                rtl_mismatches=None,
                simulator=None,
                seconds=time.monotonic() - started,
                latency_cycles=None,
                register_every=None,
            )
            parts["synthesis"] = None
        self._record(**parts)

    def _freeze(self, model: VisionTransformer, say: Say) -> None:
        """Write the integer model; prove model == integer model, read back, on the test part."""
        started, data = time.monotonic(), self.data
        before = self.integer_path.read_bytes() if self.integer_path.exists() else None
        unproven = save_integer(freeze(model), self.folder / ".integer.part")
        integer = load_integer(unproven)
        raw = torch.from_numpy(data.test.x)
        found: list[NDArray[np.int64]] = []
        for rows in raw.split(_ROWS):
            say(f"integer model on test row {len(found) * _ROWS:,}")
            found.append(integer.scores(model.resized(rows).numpy()))
        scores = np.concatenate(found)
        codes = model.codes(raw).numpy()
        difference = first_difference({"scores": codes}, {"scores": scores})
        if difference is not None:
            raise VerifyError(f"{self.recipe.name}: model and integers differ: {difference}")

        def predict(part: Split) -> NDArray[np.int64]:
            given = scores if part is data.test else model.codes(torch.from_numpy(part.x)).numpy()
            return given.argmax(1)

        say("write the accelerator")
        accelerate.emit(integer, self._transformer, self.folder / "rtl")
        parts: dict[str, object] = {
            "accuracy": self._accuracy(predict),
            "compiled_from": self.recipe.circuit_digest,
        }
        if before != unproven.read_bytes() or self._load().recipe_text != self.text:
            parts["accelerator"] = None
            parts["verify"] = Verification(
                samples=len(data.test),
                torch_equals_circuit=True,
                rtl_mismatches=None,
                simulator=None,
                seconds=time.monotonic() - started,
                latency_cycles=None,
                register_every=None,
            )
        unproven.replace(self.integer_path)
        self._record(**parts)

    def _circuit_accuracy(self, circuit: Circuit) -> Accuracy:
        predictions = Program(circuit, ["class"])
        return self._accuracy(lambda part: predictions.run(part.x)["class"][:, 0])

    def _accuracy(self, predict: Callable[[Split], NDArray[np.int64]]) -> Accuracy:
        data, classes = self.data, len(self.data.classes)

        def share(part: Split) -> float:
            return _share(predict(part) == part.y)

        test = predict(data.test)
        confusion = np.bincount(data.test.y * classes + test, minlength=classes**2)
        return Accuracy(
            validation=share(data.validation) if len(data.validation) else None,
            test=_share(test == data.test.y),
            more={name: share(part) for name, part in data.more.items()},
            classes=data.classes,
            confusion=tuple(tuple(row) for row in confusion.reshape(classes, -1).tolist()),
        )

    def verify(self, say: Say = lambda _: None) -> None:
        """Write RTL and testbench; prove circuit == Verilator on the whole test part, in one batch.

        Of a vision transformer, integer model == accelerator, block by block and as a whole, on as
        many images as ``model.accelerator.images`` says.

        Raises
        ------
        VerifyError
            A bit differs; the message names sample, output, word and bit.
        """
        if isinstance(self.recipe.model, Vit | Cct):
            return self._simulate(say)
        hardware, circuit = self.recipe.hardware, self._circuit()
        found = verify_rtl(
            circuit,
            self.data.test.x,
            self.folder / "rtl",
            input_register=hardware.input_register,
            output_register=hardware.output_register,
            encoder=hardware.encoder,
            argmax=hardware.argmax,
        )
        vectors = self.data.test.x[:_TESTBENCH_VECTORS]
        if not hardware.encoder:
            vectors = encoder_words(circuit, vectors)
        emit_testbench(found.rtl, vectors)
        earlier = self._load().verify
        verifier = find_verilator()
        self._record(
            verify=Verification(
                samples=found.samples,
                torch_equals_circuit=earlier.torch_equals_circuit if earlier else None,
                engine_equals_circuit=earlier.engine_equals_circuit if earlier else None,
                rtl_mismatches=0,
                simulator=f"{verifier.name} {verifier.version}",
                seconds=found.seconds,
                latency_cycles=found.rtl.latency,
                register_every=hardware.register_every,
            )
        )

    def _simulate(self, say: Say) -> None:
        started, verifier = time.monotonic(), find_verilator()
        integer, config = self._integer(), self._transformer
        rows = torch.from_numpy(self.data.test.x[: config.accelerator.images])
        model = self._model()
        assert isinstance(model, VisionTransformer)
        pixels = model.resized(rows).numpy()
        figures = accelerate.simulate(integer, config, pixels, self.folder / "rtl", say)
        earlier = self._figures()
        areas = earlier.areas if earlier is not None else ()
        self._record(
            accelerator=figures.model_copy(update={"areas": areas}),
            verify=Verification(
                samples=figures.images,
                torch_equals_circuit=True,
                rtl_mismatches=0,
                simulator=f"{verifier.name} {verifier.version}",
                seconds=time.monotonic() - started,
                latency_cycles=figures.latency,
                register_every=None,
            ),
        )

    def emit_c(self, form: CForm = "tables") -> CSource:
        """Write the compiled circuit as C to the folder ``c``; see `lutra.emit.emit_c`."""
        return emit_c(self._circuit(), self.folder / "c", form=form)

    def synthesise(self, say: Say = lambda _: None) -> None:
        """Map the circuit to LUT6 with Yosys: in total, by part and by level.

        Of a vision transformer, every block of the accelerator.
        """
        if isinstance(self.recipe.model, Vit | Cct):
            figures, integer = self._figures(), self._integer()
            if figures is None:
                raise CircuitError(
                    f"{self.folder}: this accelerator was not simulated; run `lutra verify` first"
                )
            areas = accelerate.synthesise(integer, self._transformer, self.folder / "synth", say)
            return self._record(accelerator=figures.model_copy(update={"areas": areas}))
        hardware = self.recipe.hardware
        found = synthesise_parts(
            self._circuit(),
            self.folder / "synth",
            input_register=hardware.input_register,
            output_register=hardware.output_register,
        )
        named = {name: getattr(found, name) for name in ("encoder", "core", "head", "argmax")}
        yosys = find_yosys()
        self._record(
            synthesis=Synthesis(
                tool=f"{yosys.name} {yosys.version}",
                latency_cycles=found.latency,
                total=_area("total", found.total),
                parts=tuple(_area(name, part) for name, part in named.items() if part),
                levels=tuple(_area(level.top, level) for level in found.levels),
            )
        )

    def report(self) -> Path:
        """Write the HTML page of what is recorded so far."""
        return write_html(self.result(), self.folder / "report.html")

    def pending(self) -> tuple[str, ...]:
        """Return the steps after `compile` that still have to run for this circuit."""
        found = self.result()
        exact = found.verify is not None and found.verify.exact
        mapped = found.synthesis is not None
        if isinstance(self.recipe.model, Vit | Cct):
            figures = self._figures()
            exact = exact and figures is not None
            mapped = figures is not None and bool(figures.areas)
        done = {"verify": exact, "synthesise": mapped, "report": False}
        return tuple(step for step, finished in done.items() if not finished)

    def result(self) -> RunResult:
        """Return the record; an error where no step has run."""
        return load_result(self.result_path)

    def _model(self) -> Trained:
        path = self.folder / "train.best.safetensors"
        if not path.exists():
            raise CheckpointError(f"{path}: no trained model; run `lutra train` first")
        return restore(self.recipe, self.data, self.seed, self.folder)

    @property
    def _transformer(self) -> Vit | Cct:
        assert isinstance(self.recipe.model, Vit | Cct)
        return self.recipe.model

    def _figures(self) -> AcceleratorFigures | None:
        """Return those of the accelerator, if the recipe still describes it."""
        found = self._load().accelerator
        return found if found and found.describes(self._transformer.accelerator) else None

    def _integer(self) -> IntegerTransformer:
        self._check_compiled(self.integer_path)
        return load_integer(self.integer_path)

    def _check_compiled(self, path: Path) -> None:
        """Raise CircuitError where what `compile` leaves is missing, or of another recipe."""
        if not path.exists():
            raise CircuitError(f"{path}: nothing compiled; run `lutra compile` first")
        if self._load().compiled_from != self.recipe.circuit_digest:
            raise CircuitError(
                f"{path}: compiled from another recipe than this one; run `lutra compile` first"
            )

    def _circuit(self) -> Circuit:
        if isinstance(self.recipe.model, Vit | Cct):
            raise CircuitError(
                f"{self.recipe.name}: a vision transformer has no circuit, so that this step does "
                f"not apply; `lutra compile` writes {self.integer_path.name}"
            )
        self._check_compiled(self.circuit_path)
        return load(self.circuit_path)

    def _load(self) -> RunResult:
        if self.result_path.exists():
            return load_result(self.result_path)
        return RunResult(
            recipe=self.recipe.name,
            dataset=self.data.name,
            seed=self.seed,
            commit="",
            machine=Machine(cpu="", cores=0),
            tools={},
        )

    def _record(self, **parts: object) -> None:
        found = self._load()
        tools = packages("lutra", "torch", "numpy", "pyosys", "verilator")
        common = {
            "recipe_text": self.text,
            "dataset_sha256": self.data.sha256,
            "commit": commit(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": Machine(cpu=cpu(), cores=os.cpu_count() or 1),
            "tools": tools,
        }
        save_result(found.model_copy(update=common | parts), self.result_path)


def open_run(path: Path, out: Path, seed: int | None = None, offline: bool | None = None) -> Run:
    """Read a recipe and its data; name the run folder ``out / recipe / seed<n>``.

    Parameters
    ----------
    path
        Recipe file; paths of data in it are relative to its folder.
    out
        Where run folders lie.
    seed
        Instead of the recipe's own.
    offline
        See `lutra.data.load`.

    Raises
    ------
    RecipeError, DataError
        The recipe cannot be used, or its data cannot be had.
    """
    recipe = load_recipe(path)
    seed = recipe.train.seed if seed is None else seed
    if seed < 0:
        raise RecipeError(f"seed {seed}: must be 0 or more")
    config = recipe.data
    data = load_data(
        config.name,
        validation=config.validation,
        seed=config.split_seed,
        offline=offline,
        path=path.parent / config.path if config.path else None,
        test_path=path.parent / config.test_path if config.test_path else None,
        label=config.label,
        width=config.width,
        clip=config.clip,
    )
    folder = out / recipe.name / f"seed{seed}"
    return Run(recipe, path.read_text(encoding="utf-8"), data, seed, folder)


def _read_log(path: Path) -> list[Epoch]:
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        try:
            rows.append(Epoch.model_validate_json(line))
        except ValidationError as error:
            raise CheckpointError(
                f"{path}, line {number}: not an epoch of a training log "
                f"({error.errors()[0]['msg']}); delete the file to report without it"
            ) from error
    return rows


def _share(right: np.ndarray) -> float:
    return 100 * float(right.mean())


def _area(name: str, found: Mapped) -> Area:
    return Area(
        name=name,
        lut=found.lut6_total,
        lut_by_size={f"LUT{size}": count for size, count in enumerate(found.luts, 1)},
        ff=found.ff,
        muxf=found.muxf,
        carry=found.carry,
        depth=found.levels,
        seconds=found.seconds,
    )
