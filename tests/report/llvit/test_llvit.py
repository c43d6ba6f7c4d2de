"""LL-ViT's tables and figures: what is matched, what is not, and how it is shown."""

import io
import re
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from lutra.cli import main
from lutra.report import llvit
from lutra.report.llvit import Compared
from lutra.report.llvit._numbers import encoders, run_on
from lutra.report.llvit._tables import published_tables
from lutra.vit import PAPER_MIXER, deit_tiny


def shown() -> str:
    text = io.StringIO()
    llvit.show(Console(width=160, file=text))
    return text.getvalue()


def test_all_fourteen_figures_are_matched() -> None:
    found = llvit.numbers()
    published = {
        "6.93", "5.33", "1083", "1.3", "1.9", "338.1", "178.2", "4.05", "2.14", "5.06", "1.93",
        "2.5", "5.3", "99.35",
    }  # fmt: skip
    assert {one.paper for one in found} == published and len(found) == 14
    cut_off = {one.paper for one in found if one.agreement == "truncated"}
    assert cut_off == {"6.93", "4.05", "99.35"}
    assert all(one.agreement for one in found)


@pytest.mark.parametrize(
    ("ours", "paper", "agreement"),
    [
        (1.234, "1.23", "rounded"),
        (1.238, "1.24", "rounded"),
        (1.238, "1.23", "truncated"),
        (1.244, "1.25", ""),
        (1082.5, "1083", "rounded"),
        (94.36 - 1e-14, "94.35", ""),  # binary noise is not cut off
    ],
)
def test_agreement_is_at_the_published_digits(ours: float, paper: str, agreement: str) -> None:
    assert Compared("", ours, paper).agreement == agreement


def test_a_table_says_which_figures_are_not_reproduced() -> None:
    text = shown()
    assert "14 of 14 published figures" in text
    (row,) = re.findall(r"│ LL-ViT +│ +95.5 │ +2.51 │ += 2.5 │ +0.556 │ +0.65 │", text)
    assert "= 0.65" not in row
    for title in ("Table I:", "Table VI:", "Figure 7", "Figure 8", "Figure 9(b)", "One design"):
        assert title in text
    (device,) = re.findall(r"energy by that power and FPS, mJ +│ +│ +([\d.]+)", text)
    assert device == "10.06"
    assert re.search(r"last tables at the same interval +│ +│ +937 │ +│ +259", text)


def test_tables_1_to_6_agree_in_all_cells_but_those_explained() -> None:
    agree, differ = Counter[str](), set[tuple[str, str]]()
    for table in published_tables():
        columns = [list(column.cells) for column in table.columns]
        for number, column in enumerate(table.columns):
            if column.header != "paper":
                continue
            rows = zip(columns[0], columns[number - 1], columns[number], strict=True)
            for name, ours, paper in rows:
                if ours and str(paper).startswith("= "):
                    agree[str(table.title).partition(":")[0]] += 1
                elif ours and paper:
                    differ.add((str(name), str(paper)))
    assert agree == {
        "Table I": 10, "Table II": 6, "Table III": 8, "Table IV": 1, "Table V": 5, "Table VI": 16,
    }  # fmt: skip
    assert differ == {
        ("CCT-7/3x1", "1.19"), ("DeiT-T", "1.31"), ("I-ViT-T", "1.31"), ("LL-ViT", "0.65"),
        ("LL-ViT", "1976.3"), ("total", "338.10"),
        ("ViTA", "21.60"), ("HeaT-ViT", "19.40"), ("ME-ViT", "37.87"),  # of rounded figures
    }  # fmt: skip


def test_figure_7_counts_what_each_way_takes() -> None:
    found = llvit.ways_to_mix()
    products, residual = 197 * 2 * 192 * 768, 197 * 192
    assert found["MLP"].multiplications == products
    affine = found["piecewise-affine"]
    assert (affine.multiplications, affine.additions) == (0, 2 * products + residual)
    per_product = found["LUT-NN, 16 centroids of 1"]
    assert per_product.lookups == products
    tables = found["LL-ViT"]
    assert tables.multiplications == 0
    assert tables.lookups == 197 * 2 * 192
    assert tables.additions == 197 * 192 * 192 + residual


def test_figure_8_holds_only_if_the_mixer_shrinks_as_the_arrays() -> None:
    bits, by_cells, as_arrays = zip(*llvit.ratios_by_bits(), strict=True)
    assert bits == (8, 4, 2, 1)
    assert as_arrays == pytest.approx([as_arrays[0]] * 4)
    assert by_cells[0] == pytest.approx(as_arrays[0])
    assert list(by_cells) == sorted(by_cells, reverse=True)
    assert by_cells[-1] < 1 < by_cells[-2]


def test_figure_9_grows_with_channels_and_falls_with_tokens() -> None:
    dims, sides = dict(llvit.ratios_by_dim()), dict(llvit.ratios_by_side())
    assert dims[192] == pytest.approx(sides[224])
    assert list(dims.values()) == sorted(dims.values())
    assert list(sides.values()) == sorted(sides.values(), reverse=True)
    assert min(*dims.values(), *sides.values()) > 1.5


def test_the_command_writes_tables_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["report", "llvit", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "Table II" in said and "…" not in said  # nothing is cut off
    files = sorted(path.name for path in (tmp_path / "llvit").iterdir())
    assert files == ["figure7.svg", "figure8.svg", "figure9a.svg", "figure9b.svg"]
    for path in (tmp_path / "llvit").iterdir():
        text = path.read_text()
        assert text.startswith("<svg ") and "var(" not in text and "#0b7a6b" in text


def test_the_published_figures_fix_the_tables() -> None:
    def agrees(first: int, last: int) -> str:
        mixer = PAPER_MIXER.model_copy(update={"tables": [first, last]})
        held = encoders(deit_tiny(mixer))
        latency = run_on(deit_tiny(mixer), 32).latency
        found = [
            Compared("", 1e3 * latency, "5.33").agreement,
            Compared("", held.weights / 1e6, "2.5").agreement,
            Compared("", held.weight_bits / 2**23, "1.93").agreement,
        ]
        return "" if "" in found else found[-1]

    assert [last for last in range(180, 205) if agrees(192, last)] == [192]
    by_first = {first: agrees(first, 192) for first in range(1, 800)}
    rounded = [first for first, how in by_first.items() if how == "rounded"]
    assert (min(rounded), max(rounded)) == (119, 207)
    assert max(first for first, how in by_first.items() if how) == 261
