"""The command line: thin commands over `lutra.flow`, errors as one line, progress with rich."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

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
    try:
        tyro.extras.subcommand_cli_from_dict(
            {
                "run": run,
                "train": train,
                "compile": compile_,
                "verify": verify,
                "synth": synth,
                "report": report,
                "doctor": doctor,
                "data": data,
            },
            prog="lutra",
            description="Networks of lookup tables, from a recipe to verified FPGA hardware.",
            args=arguments,
        )
    except LutraError as error:
        Console(stderr=True).print(f"error: {error}", style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted; the same command goes on from here")
        return 130
    return 0


def run(
    options: Step,
    seeds: int | None = None,
    results: Path | None = None,
) -> None:
    """Train, compile, verify, synthesise and report, going on where an earlier run stopped.

    Args:
        options: What to run.
        seeds: Run this many seeds, counted from the recipe's, and write their accuracy row.
        results: File of accuracy rows; default benchmarks/results/accuracy.json in a checkout.
    """
    from lutra.flow import open_run
    from lutra.report import show
    from lutra.results import accuracy_row, default_results, write_row

    console = Console()
    first = _open(options)
    runs = [first]
    for number in range(1, seeds or 1):
        runs.append(
            open_run(options.recipe, options.out, first.seed + number, options.offline or None)
        )
    for current in runs:
        console.rule(f"{current.recipe.name}, seed {current.seed}")
        _train(current, console)
        for name, step in (
            ("compile: torch == circuit on every test row", current.compile),
            ("verify: circuit == RTL on every test row", current.verify),
            ("synthesise with Yosys", current.synthesise),
            ("report", current.report),
        ):
            with console.status(name):
                step()
            console.print(f"done: {name}")
        show(current.result(), console)
        console.print(f"report: {current.folder / 'report.html'}")
    if seeds:
        path = results or default_results(options.out)
        write_row(path, accuracy_row(first.recipe, [current.result() for current in runs]))
        console.print(f"accuracy row: {path}")


def train(options: Step) -> None:
    """Train a recipe, or go on where an interrupted training stopped."""
    _train(_open(options), Console())


def compile_(options: Step) -> None:
    """Lower the trained model to a circuit and prove the two equal."""
    _show(options, "compile")


def verify(options: Step) -> None:
    """Write the RTL and prove it equal to the circuit in Verilator."""
    _show(options, "verify")


def synth(options: Step) -> None:
    """Map the circuit to LUT6 with Yosys and count."""
    _show(options, "synthesise")


def report(options: Step) -> None:
    """Write the HTML report of what has been run."""
    _show(options, "report")
    Console().print(f"report: {_open(options).folder / 'report.html'}")


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


def _open(options: Options) -> Any:
    from lutra.flow import open_run

    return open_run(options.recipe, options.out, options.seed, options.offline or None)


def _show(options: Options, step: str) -> None:
    from lutra.report import show

    current, console = _open(options), Console()
    with console.status(f"{step} {current.recipe.name}"):
        getattr(current, step)()
    show(current.result(), console)


def _train(current: Any, console: Console) -> None:
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
            newest = ""
            if figures:
                validation = figures["val_accuracy"]
                newest = f"loss {figures['loss']:.3f}" + (
                    f"  validation {validation:.2f} %" if validation is not None else ""
                )
                if epochs.get(phase) != figures["epoch"] and not console.is_terminal:
                    console.print(f"{phase} epoch {figures['epoch']}: {newest}")
                epochs[phase] = figures["epoch"]
            bars.update(tasks[phase], completed=done, newest=newest)

        current.train(progress)


if __name__ == "__main__":
    sys.exit(main())
