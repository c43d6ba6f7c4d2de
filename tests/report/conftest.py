import numpy as np
import pytest

from lutra.report import (
    Accuracy,
    Area,
    CircuitFigures,
    CircuitRow,
    Epoch,
    Machine,
    RunResult,
    Synthesis,
    Training,
    Verification,
)


def area(name: str, lut: int, ff: int = 0) -> Area:
    sizes = {"LUT2": lut // 9, "LUT6": lut - lut // 9}
    return Area(name=name, lut=lut, lut_by_size=sizes, ff=ff, muxf=0, carry=0, depth=3, seconds=1.5)


@pytest.fixture(scope="session")
def result() -> RunResult:
    """A run in the shape of the MNIST one; its figures are made up."""
    rng = np.random.default_rng(0)
    history = [
        Epoch(
            epoch=e + 1,
            phase="dense" if e < 5 else "train",
            loss=2.3 * 0.9**e,
            train_accuracy=min(99.0, 80 + 18 * (1 - 0.85 ** (e + 1 - 5 * (e >= 5)))),
            val_accuracy=min(99.0, 79 + 18 * (1 - 0.85 ** (e + 1 - 5 * (e >= 5)))),
            lr=2e-3,
            seconds=20.0 + e,
        )
        for e in range(30)
    ]
    confusion = np.diag(rng.integers(950, 1000, 10)) + rng.integers(0, 6, (10, 10))
    widths = (2160, 360, 2160, 360, 60, 10)
    rows = [
        CircuitRow(
            name="input", kind="encode", level=1, stage=0, words=784, address_bits=0,
            output_bits=784, lut6_worst_case=None,
        )
    ]  # fmt: skip
    rows += [
        CircuitRow(
            name=f"level{i}", kind="lut", level=i + 2, stage=i // 3, words=width, address_bits=6,
            output_bits=width * (6 if i == 5 else 1), lut6_worst_case=width * (6 if i == 5 else 1),
        )
        for i, width in enumerate(widths)
    ]  # fmt: skip
    return RunResult(
        recipe="demo-mnist",
        recipe_text='name = "demo-mnist"\n[model]\nhidden_layers = [2160, 360, 2160, 360, 60]\n',
        dataset="mnist",
        dataset_sha256="49b3" * 16,
        seed=400,
        commit="4e8ff01",
        finished="2026-11-23 07:20",
        machine=Machine(cpu="A CPU of 2 GHz", cores=2),
        tools={"lutra": "0.1.0", "torch": "2.10", "yosys": "0.60", "verilator": "5.40"},
        train=Training(epochs=30, steps=14_070, seconds=612.3, history=tuple(history)),
        accuracy=Accuracy(
            validation=97.4,
            test=97.12,
            classes=tuple("0123456789"),
            confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        ),
        circuit=CircuitFigures(
            tables=5110, levels=6, table_bits=330_240, lut6_worst_case=5160, lut6_estimate=5017,
            rows=tuple(rows),
        ),
        verify=Verification(
            samples=10_000,
            torch_equals_circuit=True,
            engine_equals_circuit=True,
            rtl_mismatches=0,
            simulator="Verilator 5.40",
            seconds=31.0,
            latency_cycles=2,
            register_every=3,
        ),
        synthesis=Synthesis(
            tool="Yosys 0.60",
            latency_cycles=2,
            total=area("total", 6012, 723),
            parts=(
                area("encoder", 905), area("core", 4980), area("head", 30), area("argmax", 104),
            ),
            levels=tuple(
                area(f"demo_{i}", int(row.output_bits * 0.97)) for i, row in enumerate(rows)
            ),
        ),
    )  # fmt: skip
