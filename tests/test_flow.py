"""The whole way on a small network, as a user walks it; and what goes wrong on it."""

import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lutra import cli, flow
from lutra.circuit import Circuit, evaluate, load
from lutra.errors import VerifyError
from lutra.passes import logic_depths, stage_depth
from lutra.report import load_result
from lutra.results import best_run

from .conftest import TINY, small


def toml(content: dict[str, Any]) -> str:
    """Enough of a TOML writer for recipes."""
    lines = [f"{k} = {json.dumps(v)}" for k, v in content.items() if not isinstance(v, dict)]
    for name, section in content.items():
        if isinstance(section, dict):
            lines += [f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in section.items())]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with every step done by the command line, on MNIST's small part."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.toml").write_text(toml(TINY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "load_data", lambda *_, **__: small())
        patch.chdir(folder)
        assert cli.main(["run", "tiny.toml", "--seeds", "2", "--results", "rows.json"]) == 0
    return folder


def command(finished: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(flow, "load_data", lambda *_, **__: small())
    monkeypatch.chdir(finished)
    return cli.main(list(arguments))


def test_a_run_leaves_record_circuit_rtl_and_page(finished: Path) -> None:
    folder = finished / "runs" / "tiny" / "seed0"
    result = load_result(folder / "result.json")
    assert result.verify is not None and result.verify.exact
    assert result.verify.samples == 500
    assert result.accuracy is not None and result.accuracy.test > 15
    assert result.circuit is not None and result.circuit.tables == 120
    assert result.train is not None and [row.epoch for row in result.train.history] == [1, 1, 2]
    assert "<svg" in (folder / "report.html").read_text()
    assert list((folder / "rtl").glob("*.v"))
    predicted = evaluate(load(folder / "circuit.safetensors"), small().test.x)["class"][:, 0]
    assert result.accuracy.test == pytest.approx(100 * (predicted == small().test.y).mean())


@pytest.mark.parametrize("area", ["plain", "simplify", "map"])
def test_dont_cares_change_no_train_row_and_leave_both_accuracies(
    area: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training of the same recipe without them is taken over: it does not depend on them."""
    content = {**TINY, "optimise": {"dont_cares": "train", "area": area}}
    (tmp_path / "tiny.toml").write_text(toml(content))
    shutil.copytree(finished / "runs", tmp_path / "runs")
    monkeypatch.setattr(flow, "load_data", lambda *_, **__: small())
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "tiny.toml", "--results", "rows.json", "--seeds", "1", "--no-synthesis"]
    assert cli.main(arguments) == 0
    exact, found = (
        load_result(folder / "runs/tiny/seed0/result.json") for folder in (finished, tmp_path)
    )
    assert found.exact_accuracy is not None and found.exact_accuracy == exact.accuracy
    assert found.verify is not None and found.verify.exact
    assert found.train == exact.train
    (row,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert row["exact_test_mean"] == found.exact_accuracy.test
    assert found.synthesis is None and row["lut6_total"] is None
    page = (tmp_path / "runs/tiny/seed0/report.html").read_text()
    assert f"{found.exact_accuracy.test:.2f}" in page and "As trained" in page
    files = [folder / "runs/tiny/seed0/circuit.safetensors" for folder in (finished, tmp_path)]
    assert files[0].read_bytes() != files[1].read_bytes()
    scores = [evaluate(load(file), small().train.x)["scores"] for file in files]
    assert np.array_equal(scores[0], scores[1])


@pytest.mark.parametrize("area", ["simplify", "map"])
def test_a_smaller_circuit_is_the_same_function(
    area: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "tiny.toml").write_text(toml({**TINY, "optimise": {"area": area}}))
    shutil.copytree(finished / "runs", tmp_path / "runs")
    capsys.readouterr()
    assert command(tmp_path, monkeypatch, "compile", "tiny.toml") == 0
    assert "prove with ABC" in capsys.readouterr().out
    assert command(tmp_path, monkeypatch, "verify", "tiny.toml") == 0
    folders = [folder / "runs/tiny/seed0" for folder in (finished, tmp_path)]
    before, found = (load_result(folder / "result.json") for folder in folders)
    assert found.accuracy == before.accuracy and found.exact_accuracy is None
    assert found.verify is not None and found.verify.exact
    first, second = (load(folder / "circuit.safetensors") for folder in folders)
    assert set(second.stages) == set(first.stages) and second.bits < first.bits
    rows = small().train.x
    assert np.array_equal(evaluate(first, rows)["scores"], evaluate(second, rows)["scores"])


@pytest.mark.parametrize("area", ["plain", "map"])
def test_registers_by_logic_depth(
    area: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shutil.copytree(finished / "runs", tmp_path / "runs")
    hardware = {"register_every": 0, "logic_depth": 2}
    content = {**TINY, "optimise": {"area": area}, "hardware": hardware}
    (tmp_path / "tiny.toml").write_text(toml(content))
    assert command(tmp_path, monkeypatch, "compile", "tiny.toml") == 0
    assert command(tmp_path, monkeypatch, "verify", "tiny.toml") == 0
    folder = tmp_path / "runs/tiny/seed0"
    found, circuit = load_result(folder / "result.json"), load(folder / "circuit.safetensors")
    assert found.accuracy == load_result(finished / "runs/tiny/seed0/result.json").accuracy
    assert found.verify is not None and found.verify.exact
    assert found.verify.latency_cycles == max(circuit.stages) + 1  # and the output register
    assert found.circuit is not None
    assert found.circuit.stage_depth == max(2, *logic_depths(circuit)) == stage_depth(circuit)
    # Another depth is another circuit, of the same training.
    (tmp_path / "tiny.toml").write_text(toml({**content, "hardware": {"register_every": 0}}))
    capsys.readouterr()
    assert command(tmp_path, monkeypatch, "verify", "tiny.toml") == 1
    assert "run `lutra compile` first" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("step", ["verify", "synth"])
def test_a_circuit_of_another_recipe_is_refused(
    step: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shutil.copytree(finished / "runs", tmp_path / "runs")
    (tmp_path / "tiny.toml").write_text(toml({**TINY, "optimise": {"dont_cares": "train"}}))
    before = (tmp_path / "runs/tiny/seed0/result.json").read_bytes()
    assert command(tmp_path, monkeypatch, step, "tiny.toml") == 1
    assert "compiled from another recipe than this one; run `lutra compile`" in " ".join(
        capsys.readouterr().err.split()
    )
    assert (tmp_path / "runs/tiny/seed0/result.json").read_bytes() == before


def test_every_data_key_reaches_the_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(flow, "load_data", lambda name, **rest: asked.update(rest, name=name))
    keys = {"name": "csv", "path": "a.csv", "test_path": "b.csv", "label": "y", "width": 9}
    keys |= {"clip": 0.01, "validation": 0.2, "split_seed": 3}
    (tmp_path / "own.toml").write_text(toml({**TINY, "data": keys}))
    flow.open_run(tmp_path / "own.toml", tmp_path)
    keys |= {"path": tmp_path / "a.csv", "test_path": tmp_path / "b.csv", "offline": None}
    keys["seed"] = keys.pop("split_seed")
    assert asked == keys


def test_c_of_the_circuit_decides_as_the_circuit(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(finished, monkeypatch, "emit", "tiny.toml", "--target", "c") == 0
    assert "bytes of constants" in capsys.readouterr().out
    folder = finished / "runs" / "tiny" / "seed0"
    (folder / "c" / "main.c").write_text(
        '#include <stdio.h>\n#include "tiny.h"\nint main(void) { uint8_t x[TINY_INPUTS]; '
        "while (fread(x, sizeof x, 1, stdin)) putchar(tiny_predict(x)); }\n"
    )
    build = ["gcc", "-std=c11", "-O1", "-Werror", "main.c", "tiny.c", "-o", "main"]
    subprocess.run(build, cwd=folder / "c", check=True, timeout=60)
    x = small().test.x
    classes = subprocess.check_output(
        [folder / "c" / "main"], input=x.astype(np.uint8).tobytes(), timeout=60
    )
    expected = evaluate(load(folder / "circuit.safetensors"), x)["class"][:, 0]
    assert list(classes) == expected.tolist()


def test_seeds_write_one_accuracy_row(finished: Path) -> None:
    (row,) = json.loads((finished / "rows.json").read_text())["rows"]
    assert row["recipe"] == "tiny" and row["seeds"] == [0, 1]
    runs = [load_result(finished / f"runs/tiny/seed{seed}/result.json") for seed in (0, 1)]
    tests = [run.accuracy.test for run in runs if run.accuracy]
    assert row["test_mean"] == pytest.approx(np.mean(tests))
    best = best_run(runs)
    assert [run.synthesis is not None for run in runs] == [run is best for run in runs]
    assert best.synthesis is not None and best.verify is not None
    assert best.synthesis.latency_cycles == best.verify.latency_cycles
    assert best.synthesis.timing is not None
    assert all(run.verify is not None and run.verify.exact for run in runs)
    assert row["lut6_model"] == 240 and row["lut6_core"] > 0


def test_running_again_trains_nothing_and_keeps_the_figures(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = finished / "runs/tiny/seed0/result.json"
    before = load_result(path)
    assert command(finished, monkeypatch, "train", "tiny.toml") == 0
    assert command(finished, monkeypatch, "compile", "tiny.toml") == 0
    after = load_result(path)
    assert (after.train, after.accuracy) == (before.train, before.accuracy)
    assert (after.verify, after.synthesis) == (before.verify, before.synthesis)


@pytest.mark.parametrize(
    ("arguments", "damage", "message"),
    [
        (["verify", "tiny.toml"], "circuit.safetensors", "circuit.safetensors"),
        (["compile", "tiny.toml"], "train.best.safetensors", "not a readable checkpoint"),
        (["report", "tiny.toml"], "result.json", "result.json"),
    ],
)
def test_a_truncated_file_is_one_clear_error(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    damage: str,
    message: str,
) -> None:
    shutil.copytree(finished / "runs", tmp_path / "runs")
    path = tmp_path / "runs/tiny/seed0" / damage
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    others = {p: p.read_bytes() for p in (tmp_path / "runs").rglob("*.*") if p.is_file()}
    monkeypatch.setenv("COLUMNS", "1000")
    shutil.copy(finished / "tiny.toml", tmp_path)
    assert command(tmp_path, monkeypatch, *arguments) == 1
    assert message in capsys.readouterr().err
    assert {p: p.read_bytes() for p in others} == others


def test_a_damaged_log_is_written_again_from_the_checkpoint(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(finished / "runs/tiny/seed0", tmp_path / "runs/tiny/seed0")
    shutil.copy(finished / "tiny.toml", tmp_path)
    sparse, dense = (tmp_path / f"runs/tiny/seed0/{name}.jsonl" for name in ("train", "dense"))
    whole = sparse.read_text()
    sparse.write_text(whole[:-9])
    assert command(tmp_path, monkeypatch, "train", "tiny.toml") == 0
    assert sparse.read_text() == whole
    dense.write_text("[]\n")  # its checkpoint is gone
    capsys.readouterr()
    monkeypatch.setenv("COLUMNS", "1000")
    assert command(tmp_path, monkeypatch, "train", "tiny.toml") == 1
    assert "dense.jsonl, line 1: not an epoch of a training log" in capsys.readouterr().err


def test_a_step_before_its_time_says_which_to_run_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.toml").write_text(toml(TINY))
    monkeypatch.setenv("COLUMNS", "1000")
    assert command(tmp_path, monkeypatch, "compile", "tiny.toml") == 1
    assert "run `lutra train` first" in capsys.readouterr().err
    assert command(tmp_path, monkeypatch, "synth", "tiny.toml") == 1
    assert "run `lutra compile` first" in capsys.readouterr().err


def test_a_recipe_that_does_not_fit_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.toml").write_text(toml({**TINY, "model": {**TINY["model"], "votes": 4}}))
    monkeypatch.setenv("COLUMNS", "1000")
    assert command(tmp_path, monkeypatch, "train", "tiny.toml") == 1
    assert "10 nodes for 2 classes with 4 votes" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_difference_between_torch_and_circuit_stops_the_run(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished / "runs", tmp_path / "runs")
    monkeypatch.setattr(flow, "load_data", lambda *_, **__: small())
    run = flow.open_run(finished / "tiny.toml", tmp_path / "runs")

    def wrong(circuit: Circuit, inputs: np.ndarray) -> dict[str, np.ndarray]:
        found = evaluate(circuit, inputs)
        found["scores"][17, 3] ^= 2
        return found

    monkeypatch.setattr(flow, "evaluate", wrong)
    before = run.circuit_path.read_bytes()
    with pytest.raises(VerifyError, match="sample 17"):
        run.compile()
    assert run.circuit_path.read_bytes() == before


HOSTILE = [
    '";rm -rf /',
    "$(reboot)`id`",
    "[exec ls]",
    "*/ endmodule",
    "class",
    "<script>x</script>",
]


def test_the_users_own_csv_with_hostile_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(600, 5))
    labels = np.digitize(rows[:, 0] + rows[:, 1], [-1.5, -0.7, 0.0, 0.7, 1.5])
    with (tmp_path / "own.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a`b", "$display", "c\nd", "e\\", "module", "target"])
        writer.writerows([*row, HOSTILE[label]] for row, label in zip(rows, labels, strict=True))
    content = {
        "name": "own",
        "data": {"name": "csv", "path": "own.csv", "label": "target", "width": 8},
        "model": {
            **TINY["model"],
            "hidden_layers": [18, 6],
            "support_layers": [0, 1],
            "input_bitwidth": 3,
            "input_fanin": 2,
        },
        "mapping": {"epochs": 2},
        "train": {"epochs": 8, "batch": 20, "learning_rate": 1e-2, "schedule": "cosine"},
    }
    (tmp_path / "own.toml").write_text(toml(content))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "own.toml"]) == 0
    result = load_result(tmp_path / "runs/own/seed0/result.json")
    assert result.verify is not None and result.verify.exact
    assert result.accuracy is not None and set(result.accuracy.classes) == set(HOSTILE)
    assert result.accuracy.test > 25
    page = (tmp_path / "runs/own/seed0/report.html").read_text()
    assert "<script>x" not in page


def test_doctor_and_data_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.main(["doctor"]) == 0
    assert "verilator" in capsys.readouterr().out
    assert cli.main(["data", "mnist"]) == 0
    assert "60000" in capsys.readouterr().out
    assert cli.main(["data", "minst"]) == 1
    assert "did you mean 'mnist'" in capsys.readouterr().err


def test_a_terminated_command_takes_its_tools_along(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from lutra import cli\n"
        "from lutra.tools._run import run\n"
        "tool = ['sh', '-c', 'echo $$ > pid; exec sleep 60']\n"
        "cli.doctor = lambda: run(tool, Path(sys.argv[1]), log=Path('log'))\n"
        "sys.exit(cli.main(['doctor']))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as process:
        while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
        assert process.wait(20) == 130
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 20  # a killed process may linger until its new parent looks
    while running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def running(pid: int) -> bool:
    """Whether the process exists and is not a dead one that nobody has asked for yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
