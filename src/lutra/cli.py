"""The command line: thin commands over `lutra.flow`, errors as one line, progress with rich."""

import logging
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from lutra.errors import LutraError

if TYPE_CHECKING:
    from lutra.flow import Run

__all__ = ["main"]

RecipePath = Annotated[Path, tyro.conf.Positional]


@dataclass(frozen=True)
class Options:
    """What every step of a run takes."""

    recipe: RecipePath
    """Recipe file, .toml or .json."""
    seed: int | None = None
    """Training seed, instead of the recipe's own."""
    out: Path = Path("runs")
    """Folder of the run folders."""
    offline: bool = False
    """Never fetch data from the network."""


Step = Annotated[Options, tyro.conf.arg(name="")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 1 after an error of ours, said in one line."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # which ends running tools, too
    try:
        tyro.extras.subcommand_cli_from_dict(
            {
                "run": run,
                "train": train,
                "compile": compile_,
                "verify": verify,
                "synth": synth,
                "emit": emit,
                "report": report,
                "bench": bench,
                "doctor": doctor,
                "data": data,
            },
            prog="lutra",
            description="Networks of lookup tables, from a recipe to verified FPGA hardware.",
            args=arguments,
        )
    except LutraError as error:
        _fail(str(error))
        return 1
    except (MemoryError, RuntimeError) as error:
        if "memory" not in str(error) and not isinstance(error, MemoryError):
            raise
        _fail("not enough memory: make the model, train.batch or the data set smaller")
        return 1
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted; the same command goes on from here")
        return 130
    return 0


def _fail(message: str) -> None:
    console = Console(stderr=True, soft_wrap=True)
    console.print(f"error: {message}", style="bold red", markup=False)


def run(
    options: Step,
    seeds: int | None = None,
    results: Path | None = None,
    synthesis: bool = True,
) -> None:
    """Train, compile, verify, synthesise and report, going on where an earlier run stopped.

    Of several seeds, the one that is best on validation is synthesised.

    Args:
        options: What to run.
        seeds: Run this many seeds, counted from the recipe's, and write their accuracy row.
        results: File of accuracy rows; default benchmarks/results/accuracy.json in a checkout.
        synthesis: Synthesise, which for networks beyond 100,000 LUTs takes hours and memory.
    """
    from lutra.report import show
    from lutra.results import accuracy_row, best_run, default_results, write_row

    if seeds is not None and seeds < 1:
        raise LutraError(f"--seeds {seeds}: must be 1 or more")
    console = Console()
    first = _open(options)
    runs = [first, *(_open(options, first.seed + i) for i in range(1, seeds or 1))]
    for current in runs:
        console.rule(f"{current.recipe.name}, seed {current.seed}")
        _train(current, console)
        _step(current, "compile", console)
    best = best_run([current.result() for current in runs]).seed
    for current in runs:
        console.rule(f"{current.recipe.name}, seed {current.seed}")
        for step in current.pending():
            if step != "synthesise" or (synthesis and current.seed == best):
                _step(current, step, console)
        show(current.result(), console)
        console.print(f"report: {current.folder / 'report.html'}")
    if seeds:
        path = results or default_results(options.out)
        write_row(path, accuracy_row(first.recipe, [current.result() for current in runs]))
        console.print(f"accuracy row: {path}")


def train(options: Step) -> None:
    """Train a recipe, or go on where an interrupted training stopped.

    Torchrun starts it on several processes, of which the first one writes and reports.
    """
    from lutra.train import leads
    from lutra.train import train as train_model

    current = _open(options)
    if leads():
        _train(current, Console())
    else:
        train_model(current.recipe, current.data, current.seed, current.folder)


def compile_(options: Step) -> None:
    """Lower the trained model to a circuit, or to integers and RTL; prove the two equal."""
    _show(options, "compile")


def verify(options: Step) -> None:
    """Write the RTL and prove it equal to what is compiled in Verilator."""
    _show(options, "verify")


def synth(options: Step) -> None:
    """Map the circuit, or the blocks of an accelerator, with Yosys and count."""
    _show(options, "synthesise")


def emit(
    options: Step, target: Literal["c"] = "c", form: Literal["tables", "sliced"] = "tables"
) -> None:
    """Write the compiled circuit as source code.

    Args:
        options: What to write.
        target: Language.
        form: For C: tables needs little memory, sliced takes 64 samples at once.
    """
    current, console = _open(options), Console()
    with console.status(f"write {target}"):
        found = current.emit_c(form)
    console.print(
        f"done: {found.source}, {found.constant_bytes:,} bytes of constants, "
        f"{found.work_bytes:,} bytes of stack",
        soft_wrap=True,
    )


def report(options: Step) -> None:
    """Write the HTML report of what has been run.

    In place of a recipe, `llvit` recomputes the tables and figures of LL-ViT's paper.
    """
    if options.recipe == Path("llvit"):
        _report_llvit(options.out / "llvit")
    else:
        _show(options, "report")


def bench(name: Annotated[str, tyro.conf.Positional] = "", json: bool = False) -> None:
    """Measure one performance claim against its peer; without a name, list them.

    Args:
        name: Benchmark.
        json: Print the figures as one JSON object on one line.
    """
    from lutra.bench import benchmarks, run_benchmark

    console = Console()
    if not name:
        console.print("\n".join(benchmarks()))
        return
    figures = run_benchmark(name)
    if json:
        sys.stdout.write(dumps(figures) + "\n")
        return
    table = Table("", "", show_header=False, title=name)
    for key, value in figures.items():
        table.add_row(key, str(value))
    console.print(table)


def doctor() -> None:
    """Say which tools are there, and the one command that adds each missing one."""
    from lutra._kernels import native
    from lutra.provenance import cpu, packages
    from lutra.tools import doctor as look

    table = Table("tool", "found", "where or how to add it", title=cpu())
    for name, version in packages("lutra", "torch", "numpy", "matplotlib", "pyslang").items():
        table.add_row(name, version, "")
    table.add_row("native kernels", "yes" if native else "no", "" if native else _NO_KERNELS)
    for status in look():
        tool = status.tool
        table.add_row(
            status.name,
            tool.version if tool else "[red]missing[/red]",
            str(tool.path) if tool else status.problem,
        )
    Console().print(table)


_NO_KERNELS = "slower torch path in use; apt-get install g++ python3-dev, then install lutra again"


def data(name: Annotated[str, tyro.conf.Positional] = "", offline: bool = False) -> None:
    """Fetch a data set and describe it; without a name, list those that are known.

    Args:
        name: Data set.
        offline: Never use the network.
    """
    from lutra.data import describe, load, names

    console = Console()
    if not name:
        console.print("\n".join(names()))
        return
    table = Table("", "", show_header=False, title=name)
    for key, value in describe(load(name, offline=offline or None)).items():
        table.add_row(key, str(value))
    console.print(table)


def _open(options: Options, seed: int | None = None) -> "Run":
    from lutra.flow import open_run

    seed = options.seed if seed is None else seed
    return open_run(options.recipe, options.out, seed, options.offline or None)


_SAYS = {
    "compile": "compile; trained model == what is compiled on every test row",
    "verify": "write RTL; what is compiled == Verilator",
    "synthesise": "synthesise with Yosys",
    "report": "write the report",
}


def _step(current: "Run", step: str, console: Console) -> None:
    with console.status(_SAYS[step]) as status:

        def say(what: str) -> None:
            status.update(what)
            if not console.is_terminal:
                console.print(what)

        if step in ("compile", "verify", "synthesise"):
            getattr(current, step)(say)
        else:
            getattr(current, step)()
    console.print(f"done: {_SAYS[step]}")


def _show(options: Options, step: str) -> None:
    from lutra.report import show

    current, console = _open(options), Console()
    _step(current, step, console)
    show(current.result(), console)
    if step == "report":
        console.print(f"report: {current.folder / 'report.html'}")


def _report_llvit(folder: Path) -> None:
    from lutra.report import llvit

    console = Console()
    llvit.show(console)
    for path in llvit.write_figures(folder):
        console.print(f"figure: {path}", soft_wrap=True)


def _train(current: "Run", console: Console) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[newest]}"),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}
        epochs: dict[str, int] = {}

        def progress(phase: str, done: int, total: int, figures: dict[str, Any]) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=total, newest="")
            newest = _newest(figures) if figures else ""
            if figures and epochs.get(phase) != figures["epoch"] and not console.is_terminal:
                epochs[phase] = figures["epoch"]
                console.print(f"{phase} epoch {figures['epoch']}: {newest}")
            bars.update(tasks[phase], completed=done, newest=newest)

        current.train(progress)


def _newest(figures: dict[str, Any]) -> str:
    validation = figures["val_accuracy"]
    shown = "" if validation is None else f"  validation {validation:.2f} %"
    return f"loss {figures['loss']:.3f}{shown}"


if __name__ == "__main__":
    sys.exit(main())
