import re
import sys
from html.parser import HTMLParser

import pytest

from lutra.errors import LutraError
from lutra.report import Accuracy, render_html

HOSTILE = "<script>alert('x')</script>\"&$\\alpha$"


class Page(HTMLParser):
    """Collects tags, attribute values and visible text; checks that tags nest."""

    VOID = ("meta", "br", "use", "path", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open, self.words, self.links = [], [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("href", "src", "xlink:href", "action")]
        assert not any(k.startswith("on") for k, _ in attrs)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("href", "src", "xlink:href", "action")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def full(result):
    return render_html(result)


def test_full_page(full):
    page = Page(full)
    for word in (
        "demo-mnist", "97.12", "bit-exact on 10,000 images", "6,012", "post-synthesis",
        "worst-case model", "post-route", "NeuraLUT-Assemble", "xcvu9p-2", "Vivado 2020.1",
        "argmax is excluded", "test accuracy", "4e8ff01", "Verilator 5.40", "hidden_layers",
        "ours, core + head", "6,116", "without argmax", "LUTs of any size", "10 min 12 s", "98.6*",
        "Timing of the total without argmax, estimate from", "not calibrated",
    ):  # fmt: skip
        assert word in page.text, word
    assert page.tags.count("svg") == 4


def test_page_loads_nothing(full):
    page = Page(full)
    assert not {"script", "img", "iframe", "link", "object", "embed"} & set(page.tags)
    assert all(link.startswith("#") for link in page.links)
    assert "url(http" not in full
    assert "@import" not in full


def test_page_is_the_same_twice(result, full):
    assert render_html(result) == full


def test_no_id_repeats(full):
    ids = re.findall(r' id="([^"]+)"', full)
    assert len(set(ids)) == len(ids)


def test_hostile_strings_are_text(result):
    rows = tuple(row.model_copy(update={"name": HOSTILE}) for row in result.circuit.rows)
    areas = tuple(a.model_copy(update={"name": HOSTILE}) for a in result.synthesis.levels)
    bad = result.model_copy(
        update={
            "recipe": HOSTILE,
            "recipe_text": "</pre>" + HOSTILE,
            "commit": HOSTILE,
            "tools": {HOSTILE: HOSTILE},
            "machine": result.machine.model_copy(update={"cpu": HOSTILE}),
            "accuracy": Accuracy(
                validation=None, test=1.0, classes=(HOSTILE, "$"), confusion=((1, 2), (3, 4))
            ),
            "circuit": result.circuit.model_copy(update={"rows": rows}),
            "verify": result.verify.model_copy(update={"simulator": HOSTILE}),
            "synthesis": result.synthesis.model_copy(update={"levels": areas, "tool": HOSTILE}),
        }
    )
    text = render_html(bad)
    page = Page(text)
    assert "script" not in page.tags
    assert "<script>" not in text
    assert page.text.count("alert('x')") > 10
    other = bad.model_copy(update={"dataset": HOSTILE})
    assert "<script>" not in render_html(other)


@pytest.mark.parametrize("part", ["train", "accuracy", "circuit", "verify", "synthesis"])
def test_a_missing_part_is_said_to_be_missing(result, part):
    text = Page(render_html(result.model_copy(update={part: None}))).text
    assert "not run" in text or "no circuit yet" in text
    if part == "synthesis":
        assert "ours, without argmax" not in text
        assert "Ours is missing" in text
    if part == "verify":
        assert "not verified" in text
        assert "bit-exact" not in text


def test_a_figure_without_content_is_left_out(result):
    train = result.train.model_copy(update={"history": ()})
    circuit = result.circuit.model_copy(update={"tables": 0})
    page = Page(render_html(result.model_copy(update={"train": train, "circuit": circuit})))
    assert page.tags.count("svg") == 2


@pytest.mark.parametrize("confusion", [((5, 0), (0, 7)), ((0, 5), (7, 0)), ((0, 0), (0, 0))])
def test_all_right_or_all_wrong_is_a_matrix_too(result, confusion):
    accuracy = Accuracy(validation=None, test=50.0, classes=("no", "yes"), confusion=confusion)
    assert "predicted" in render_html(result.model_copy(update={"accuracy": accuracy}))


def test_nothing_but_provenance(result):
    parts = dict.fromkeys(("train", "accuracy", "circuit", "verify", "synthesis"))
    text = Page(render_html(result.model_copy(update={**parts, "dataset": "jsc-pythia"}))).text
    assert "No published design was measured on jsc-pythia itself" in text
    assert "KANELE" not in text


def test_a_difference_is_shown(result):
    verify = result.verify.model_copy(update={"rtl_mismatches": 3})
    text = Page(render_html(result.model_copy(update={"verify": verify}))).text
    assert "stages differ" in text
    assert "3 mismatches" in text
    assert "bit-exact" not in text


@pytest.mark.parametrize(
    ("module", "package"), [("matplotlib.figure", "matplotlib"), ("jinja2", "jinja2")]
)
def test_missing_package(result, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(LutraError, match=rf"needs {package}: pip install 'lutra\[report\]'"):
        render_html(result)
