"""Accelerators for the record: simulated block by block and as a whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lutra.accelerate import simulate
from lutra.errors import OutputError
from lutra.files import write_json
from lutra.hardware import ll_vit, write_accelerator
from lutra.nn.vision import freeze
from lutra.sections import AcceleratorConfig
from lutra.vit import LutMixer, Vit
from tests.nn.vision.models import build


def test_figures_are_those_of_the_closed_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # folders of runs are relative
    mixer = LutMixer(kind="lut", tables=[40, 24], thresholds=5, fan_in=4, candidates=0)
    config = Vit(
        family="vit",
        layers=1,
        heads=2,
        dim=16,
        patch=4,
        mixer=mixer,
        accelerator=AcceleratorConfig(side=4, images=5),
    )
    model = build("vit-lut-8", (1, 16, 16), layers=1, dim=16, patch=4, mixer=mixer)
    model.quantise()
    integer = freeze(model.train(False))
    pixels = np.random.default_rng(0).integers(0, 256, (7, 256)).astype(np.uint8)
    said: list[str] = []
    found = simulate(integer, config, pixels, Path("rtl"), said.append)
    assert (tmp_path / "rtl" / "accelerator_axi.sv").exists()
    assert found.describes(config.accelerator)
    assert not found.describes(AcceleratorConfig(side=8, images=5))
    assert found.images == 5 and len(said) == 2
    rows = {row.name: row for row in found.clocks}
    assert list(rows) == ["tokenizer", "encoder0_attention", "encoder0_mixer", "classifier"]
    assert all(row.measured >= row.expected for row in rows.values())
    assert rows["encoder0_attention"].measured <= 1.02 * rows["encoder0_attention"].expected
    assert found.interval >= max(row.measured for row in rows.values())
    assert found.latency > found.interval and found.joule > 0 and found.weight_bits > 0


def test_mlps_cannot_be_shared(tmp_path: Path) -> None:
    model = build("vit-mlp-8", (1, 16, 16))
    with pytest.raises(ValueError, match="an MLP cannot be shared"):
        Vit(
            family="vit",
            layers=2,
            heads=2,
            dim=12,
            patch=8,
            mixer=model.config.mixer,
            accelerator=AcceleratorConfig(encoders_per_mixer=2),
        )
    model.quantise()
    shared = replace(ll_vit(4), encoders_per_mixer=2)
    with pytest.raises(OutputError, match="only mixers of tables can be shared"):
        write_accelerator(freeze(model.train(False)), shared, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_earlier_design_goes_away(tmp_path: Path) -> None:
    model = build("vit-mlp-8", (1, 16, 16))
    model.quantise()
    integer = freeze(model.train(False))
    write_accelerator(integer, ll_vit(4), tmp_path)
    (tmp_path / "notes.txt").write_text("kept")
    one = replace(integer, encoders=integer.encoders[:1])
    design = write_accelerator(one, ll_vit(4), tmp_path)
    assert not list(tmp_path.glob("encoder1*")) and (tmp_path / "notes.txt").exists()
    assert all(file.exists() for file in design.files)
    write_json(tmp_path / "design.json", {"files": ["notes.txt"]})
    with pytest.raises(OutputError, match="not written by Lutra"):
        write_accelerator(one, ll_vit(4), tmp_path)
