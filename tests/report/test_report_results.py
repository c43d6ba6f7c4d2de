import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from rich.console import Console

from lutra.circuit import Builder, Lut, pack_tables
from lutra.errors import LutraError, OutputError
from lutra.report import (
    Accuracy,
    circuit_figures,
    load_result,
    published,
    render_html,
    save_result,
    show,
    write_html,
)

PARTS = ("train", "accuracy", "circuit", "verify", "synthesis")


def test_round_trip(result, tmp_path):
    path = save_result(result, tmp_path / "run.json")
    again = load_result(path)
    assert again == result
    assert save_result(again, tmp_path / "again.json").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("part", PARTS)
def test_round_trip_without(result, tmp_path, part):
    less = result.model_copy(update={part: None})
    assert load_result(save_result(less, tmp_path / "run.json")) == less


def test_unreadable_results_are_named(result, tmp_path):
    path = tmp_path / "run.json"
    with pytest.raises(LutraError, match=r"run\.json: no readable result"):
        load_result(path)
    text = save_result(result, path).read_text()
    for content in (b"", b"{", b"[]", b"\xff", text.replace('"seed"', '"sead"').encode()):
        path.write_bytes(content)
        with pytest.raises(LutraError, match=r"run\.json: not a result"):
            load_result(path)
    path.write_text(text.replace('"seed": 400', '"seed": "x"'))
    with pytest.raises(LutraError, match="seed"):
        load_result(path)


def test_confusion_must_be_square():
    with pytest.raises(ValidationError, match="one row and one column per class"):
        Accuracy(validation=None, test=50.0, classes=("a", "b"), confusion=((1, 2), (3,)))


def test_records_are_frozen(result):
    with pytest.raises(ValidationError):
        result.seed = 1


def test_circuit_figures():
    builder = Builder(2, 3)
    table = pack_tables(np.arange(64)[None] % 2, 1)
    builder.output("y", builder.add(Lut(builder.inputs.bits.reshape(1, 6), table, "t"), 1))
    found = circuit_figures(builder.build("one"))
    assert (found.tables, found.levels, found.lut6_worst_case) == (1, 1, 1)
    assert found.lut6_estimate == 0  # a wire
    assert found.rows[0].name == "t"


def test_exact_needs_every_comparison(result):
    assert result.verify.exact
    for change in ({"rtl_mismatches": None}, {"rtl_mismatches": 1}, {"torch_equals_circuit": None}):
        assert not result.verify.model_copy(update=change).exact


def test_luts_of_parts(result):
    assert result.synthesis.luts("core", "head") == 5010
    assert result.synthesis.luts("nothing") is None


def test_a_missed_budget_is_said(result):
    train = result.train.model_copy(update={"estimated_lut6": 612, "lut_budget": 600})
    console = Console(file=io.StringIO(), width=200)
    show(result.model_copy(update={"train": train}), console)
    assert "612 of a budget of 600, missed" in console.file.getvalue()


def test_timing_is_an_estimate_and_old_records_have_none(result, tmp_path):
    def text(shown):
        console = Console(file=io.StringIO(), width=200)
        show(shown, console)
        return console.file.getvalue()

    timing = result.synthesis.timing
    low, high = timing.period
    assert timing.kind == "estimate"
    assert f"{low:.2f} to {high:.2f} ns period" in text(result)
    assert "timing, no argmax, estimate" in text(result) and "not calibrated" in text(result)
    assert "LUT levels per stage" not in text(result)
    figures = result.circuit.model_copy(update={"stage_depth": 3})
    assert "LUT levels per stage" in text(result.model_copy(update={"circuit": figures}))

    record = json.loads(save_result(result, tmp_path / "run.json").read_text())
    del record["synthesis"]["latency_cycles"], record["circuit"]["stage_depth"]
    (tmp_path / "run.json").write_text(json.dumps(record))
    old = load_result(tmp_path / "run.json")
    assert old.synthesis is not None and old.synthesis.timing is None
    assert "period" not in text(old)
    assert "estimate" not in render_html(old)


@pytest.mark.parametrize("missing", [(), PARTS])
def test_terminal(result, missing):
    result = result.model_copy(update={"recipe": "[red]x[/nonsense]", **dict.fromkeys(missing)})
    console = Console(record=True, width=120, file=io.StringIO())
    show(result, console)
    text = console.export_text()
    assert "[red]x[/nonsense]" in text
    if missing:
        assert "not run" in text
    else:
        assert "97.12 %" in text
        assert "worst-case model" in text
        assert "5,017" in text
        assert "post-synthesis" in text


def test_published_points_are_sane():
    for dataset in ("mnist", "jsc-openml", "jsc-cernbox"):
        points = published(dataset)
        assert len(set(points)) == len(points) > 10
        assert all(90 < p.accuracy < 100 or dataset != "mnist" for p in points)
        assert all(p.source and p.lut >= 20 for p in points)
        assert all(len(dataclasses.astuple(p)) == 9 for p in points)
    assert {p.accuracy for p in published("mnist") if p.recalled} == {98.6}


def test_jsc_pythia_stands_alone():
    assert published("jsc-pythia") == ()


@pytest.mark.parametrize("write", [save_result, write_html])
def test_full_disk_leaves_the_old_file(result, tmp_path, monkeypatch, write):
    path = write(result, tmp_path / "report")
    old = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        write(result.model_copy(update={"seed": 1}), path)
    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir()] == ["report"]
