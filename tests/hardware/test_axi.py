"""A whole accelerator behind AXI-Stream ports, driven by the endpoints of cocotbext-axi."""

import json
import os
import sys
from pathlib import Path

import numpy as np
from cocotb_tools.config import lib_name_path, pygpi_entry_point
from find_libpython import find_libpython

from lutra.hardware import Accelerator, write_accelerator
from lutra.tools._run import run
from lutra.tools.verilator import verilate
from tests.hardware.random_parts import pixels_of, transformer_of

FOLDER = Path(__file__).parent


def test_images_through_axi_stream(tmp_path: Path) -> None:
    """Scores and packets, first without pauses, then with, in one simulation."""
    rng = np.random.default_rng(1)
    model = transformer_of(rng)
    images = pixels_of(rng, 12, model.shape)
    np.save(tmp_path / "images.npy", images.astype(np.uint8))
    design = write_accelerator(model, Accelerator(3, 200e6, 1e-12, 1e-12), tmp_path)
    program = verilate(
        [*design.files, tmp_path / "accelerator_axi.sv"],
        tmp_path / "verilator",
        ["--cc", "--vpi", "--public-depth", "1", "--top-module", "accelerator_axi"],
        {},
        FOLDER / "cocotb_main.cpp",
        timeout=600,
        libraries=[Path(lib_name_path("vpi", "verilator"))],
    )
    cocotb = {
        "COCOTB_TOPLEVEL": "accelerator_axi",
        "COCOTB_TEST_MODULES": "axi_bench",
        "GPI_USERS": f"{find_libpython()};{pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(FOLDER), *sys.path]),
    }
    done = run([program], tmp_path, log=Path("cocotb.log"), env=cocotb)
    found = tmp_path / "packets.json"
    assert found.exists(), done.output[-3000:]
    packets = [
        np.array(packet, np.uint32).view(np.int32).tolist()
        for packet in json.loads(found.read_text())
    ]
    scores = model.scores(images).tolist()
    assert len({tuple(each) for each in scores}) > 8
    assert packets == scores + scores
