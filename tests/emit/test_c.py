import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lutra.circuit import (
    Argmax,
    Builder,
    Circuit,
    Compare,
    Encode,
    Lut,
    Sum,
    Words,
    evaluate,
    pack_tables,
)
from lutra.emit import CForm, CSource, emit_c
from lutra.errors import CircuitError, OutputError
from tests.circuit.random_circuits import circuits, samples
from tests.verify.random_circuits import random_circuit, random_inputs

FORMS: tuple[CForm, CForm] = ("tables", "sliced")
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
SANITISED = ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]

DRIVER = """
static void drive_{name}(void) {{
    for (int block = 0; block < {blocks}; block++) {{
        enum {{ words = {each} * {inputs} }};
        int64_t word[words];
        {type} inputs[words];
        {name}_outputs outputs[{each}];
        if (fread(word, sizeof word[0], words, stdin) != words) abort();
        for (int i = 0; i < words; i++) inputs[i] = ({type})word[i];
        memset(outputs, 0xa5, sizeof outputs);
        {name}_{run}(inputs, outputs);
        for (int s = 0; s < {each}; s++) {{ {write} }}
    }}
}}
"""
WRITE = (
    "for (int i = 0; i < {macro}; i++) "
    "{{ int64_t word = (int64_t)outputs[s].{field}[i]; fwrite(&word, sizeof word, 1, stdout); }}"
)


@pytest.fixture(params=["gcc", "clang"])
def compiler(request) -> str:
    assert shutil.which(request.param), f"{request.param} is missing; `make test` installs it"
    return request.param


def check(
    compiler: str,
    folder: Path,
    cases: Sequence[tuple[Circuit, np.ndarray]],
    flags: Sequence[str] = SANITISED,
    form: CForm = "tables",
) -> list[CSource]:
    """Emit circuits, compile them into one program, and compare their outputs on the inputs."""
    made = [emit_c(c, folder, form=form, name=f"c{i}") for i, (c, _) in enumerate(cases)]
    each, run = (1, "run") if form == "tables" else (64, "run64")
    cases = [(c, np.resize(x, (-(-len(x) // each) * each, c.inputs))) for c, x in cases]
    text = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
    text += "".join(f'#include "{source.source.name}"\n' for source in made)
    for source, (circuit, x) in zip(made, cases, strict=True):
        fields = source.fields.values()
        text += DRIVER.format(
            name=source.name,
            run=run,
            each=each,
            blocks=len(x) // each,
            inputs=circuit.inputs,
            type=re.findall(r"const (\w+) inputs", source.header.read_text())[0],
            write=" ".join(
                WRITE.format(macro=f"{source.name}_{field}".upper(), field=field)
                for field in fields
            ),
        )
    calls = "".join(f"drive_{source.name}(); " for source in made)
    (folder / "main.c").write_text(f"{text}int main(void) {{ {calls} return 0; }}\n")
    command = [compiler, *STRICT, *flags, "main.c", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True, timeout=300)
    done = subprocess.run(
        [folder / "main"],
        input=b"".join(x.astype("<i8").tobytes() for _, x in cases),
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )
    expected = []
    for source, (circuit, x) in zip(made, cases, strict=True):
        words = evaluate(circuit, x)
        expected.append(np.concatenate([words[name] for name in source.fields], 1).reshape(-1))
    np.testing.assert_array_equal(np.frombuffer(done.stdout, "<i8"), np.concatenate(expected))
    return made


def has_words(circuit: Circuit) -> bool:
    return any(output.words.count for output in circuit.outputs)


@settings(max_examples=2, phases=[Phase.generate])  # to shrink what is compiled takes minutes
@given(drawn=st.lists(circuits().filter(has_words), min_size=25, max_size=25))
def test_random_circuits(drawn: list[Circuit], tmp_path_factory) -> None:
    for form in FORMS:
        folder = tmp_path_factory.mktemp(form)
        check("gcc", folder, [(c, samples(c, 30)) for c in drawn], form=form)


@pytest.mark.parametrize("flags", [SANITISED, ["-Os"]], ids=["sanitised", "optimised"])
def test_every_operation(compiler: str, flags: list[str], tmp_path: Path) -> None:
    shapes = [(5, 6), (3, 8), (4, 9), (2, 31), (3, 1)]
    found = [random_circuit(seed, bool(seed % 2), *shape) for seed, shape in enumerate(shapes)]
    check(compiler, tmp_path, [(c, random_inputs(c, 200)) for c in found], flags)


def test_every_operation_sliced(compiler: str, tmp_path: Path) -> None:
    circuit = random_circuit(1, True, 3, 8)
    check(compiler, tmp_path, [(circuit, random_inputs(circuit, 200))], ["-O0"], "sliced")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("signed", [False, True])
def test_the_widest_of_everything(compiler: str, signed: bool, form: CForm, tmp_path: Path) -> None:
    r = np.random.default_rng(signed)
    b = Builder(3, 62, signed)
    low, high = b.inputs.low, b.inputs.high
    thresholds = np.sort(r.integers(low, high, (3, 7)), axis=1)
    thresholds[0, 0], thresholds[0, -1] = -(1 << 62) - 9, (1 << 62) + 9
    code = b.add(Encode(b.inputs, thresholds), 3)
    b.add(Compare(b.inputs, np.array([low, high, 0])), 1)
    b.add(Compare(b.inputs, np.array([low - 1, high + 1, 1])), 1)
    wires = r.integers(0, 186, (2, 16))
    ones = (np.arange(1 << 16)[:, None] >> np.arange(16) & 1).sum(axis=1)  # few gates
    b.add(Lut(wires, pack_tables(np.stack([ones % 4, ones * 3 % 4]), 2)), 2)
    b.add(Lut(np.zeros((3, 0), np.int64), pack_tables(np.array([[0], [1], [1]]), 1)), 1)
    weights = np.full((2, 3), (1 << 61) // 4) * np.array([[1], [-1 if signed else 1]])
    total = b.add(Sum(code.bits[:2], weights, np.array([1, 0]), 62, signed), 62, signed)
    mixed = Words(r.integers(0, 186, (4, 62)), not signed)
    for words in (b.inputs, total, mixed):
        best = b.add(Argmax(words), Argmax(words).size)
    b.output("all", Words(np.arange(186, best.bits.max() + 1)[:, None]))
    b.output("inputs", b.inputs)
    b.output("total", total)
    b.output("mixed", mixed)
    b.output("nothing", Words(np.zeros((0, 5), np.int64)))
    circuit = b.build("widest")
    check(compiler, tmp_path, [(circuit, random_inputs(circuit, 300))], form=form)


def test_ties_go_to_the_lowest_index(tmp_path: Path) -> None:
    b = Builder(3, 2, True)
    b.output("class", b.add(Argmax(b.inputs), 2))
    x = np.array(np.meshgrid(*[range(-2, 2)] * 3)).reshape(3, -1).T
    check("gcc", tmp_path, [(b.build("ties"), x)])


def classifier() -> Circuit:
    """Return 12 features, thermometers, two levels of tables, votes and a class."""
    r = np.random.default_rng(3)
    b = Builder(12, 8)
    bits = b.add(Encode(b.inputs, np.sort(r.integers(1, 255, (12, 9)), axis=1), True), 9).bits
    for _ in range(2):
        table = pack_tables(r.integers(0, 2, (90, 64)), 1)
        bits = b.add(Lut(r.choice(bits.reshape(-1), (90, 6)), table), 1).bits
    ones = np.ones((3, 30), np.int64)
    scores = b.add(Sum(bits.reshape(3, 30), ones, np.zeros(3, np.int64), 5, False), 5)
    b.output("scores", scores, ("setosa", "versicolor", "*/ #error virginica ??/\n\\"))
    b.output("class", b.add(Argmax(scores), 2))
    return b.build("iris")


def test_a_classifier_is_small(compiler: str, tmp_path: Path) -> None:
    circuit = classifier()
    (source,) = check(compiler, tmp_path, [(circuit, random_inputs(circuit, 500))])
    header = source.header.read_text()
    assert "int c0_predict(const uint8_t inputs[C0_INPUTS]);" in header
    assert " *   1: versicolor\n" in header
    tables = 2 * 90 * 8
    wires = 2 * 90 * 6
    assert tables + wires <= source.constant_bytes <= tables + wires + 12 * 9 + 12
    assert f"{source.constant_bytes} bytes of constants" in header
    assert source.work_bytes < circuit.bits - circuit.input_bits  # places are used again
    (tmp_path / "predict.c").write_text(
        '#include "c0.h"\nint main(void) {{ const uint8_t x[C0_INPUTS] = {{{}}}; '
        "return c0_predict(x); }}\n".format(", ".join(map(str, (x := np.arange(12) * 20))))
    )
    command = [compiler, *STRICT, "-ffreestanding", "predict.c", "c0.c", "-o", "predict"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    assert subprocess.run([tmp_path / "predict"], check=False).returncode == (
        evaluate(circuit, x[None])["class"].item()
    )


HOSTILE = [
    "*/ #error",
    "int",
    "INT8_MAX",
    "uint8_t",
    "inputs",
    "class",
    "",
    "é",
    "a\\\n#error",
    "H",
]


@pytest.mark.parametrize("form", FORMS)
def test_hostile_names_and_labels(compiler: str, form: CForm, tmp_path: Path) -> None:
    b = Builder(len(HOSTILE), 1)
    bits = b.add(Lut(np.arange(2)[:, None], pack_tables(np.array([[1, 0]] * 2), 1), "*/ #error"), 1)
    for name in HOSTILE:
        b.output(name, bits, ("*/ #error", "\\"))
    built = b.build("*/ #error")
    circuit = Circuit(
        "*/ #error",
        built.inputs,
        1,
        built.ops,
        built.outputs,
        input_labels=tuple(HOSTILE),
    )
    check(compiler, tmp_path, [(circuit, random_inputs(circuit, 4))], form=form)
    for name in HOSTILE:
        made = emit_c(circuit, tmp_path, form=form, name=name)
        command = [compiler, *STRICT, "-c", made.source.name, "-o", "named.o"]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=60)


def test_a_classifier_sliced(compiler: str, tmp_path: Path) -> None:
    circuit = classifier()
    check(compiler, tmp_path, [(circuit, random_inputs(circuit, 500))], ["-O1"], "sliced")


def test_headers_serve_cpp(tmp_path: Path) -> None:
    emit_c(classifier(), tmp_path)
    (tmp_path / "use.cpp").write_text(
        '#include "iris.h"\nint main() { iris_outputs y; (void)y; }\n'
    )
    command = ["g++", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", "use.cpp"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)


@pytest.mark.parametrize("form", FORMS)
def test_equal_circuits_give_equal_bytes(form: CForm, tmp_path: Path) -> None:
    first, second = (emit_c(random_circuit(4, True), tmp_path / name, form=form) for name in "ab")
    assert first.source.read_bytes() == second.source.read_bytes()
    assert first.header.read_bytes() == second.header.read_bytes()
    assert first.source.read_bytes().isascii()


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match="'none' has no output words"):
        emit_c(Builder(1, 1).build("none"), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not be written"):
        emit_c(classifier(), tmp_path / "file")
