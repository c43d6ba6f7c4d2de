import re

from hypothesis import given
from hypothesis import strategies as st

from lutra.emit import Names
from lutra.emit._names import _TAKEN, comment

HOSTILE = ['";rm -rf /', "$(reboot)", "`define x", "[exec ls]", "a\nb", "*/", "é", "class", "CLASS"]


@given(st.lists(st.one_of(st.text(), st.sampled_from(HOSTILE), st.just("a" * 200)), max_size=20))
def test_every_text_becomes_a_new_legal_name(texts: list[str]) -> None:
    names = Names(["clk"])
    made = [names.add(text) for text in texts]
    for name in made:
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name)
        assert name.lower() not in _TAKEN | {"clk"}
        assert "__" not in name
    assert len({name.lower() for name in made}) == len(made)


def test_good_names_stay() -> None:
    names = Names()
    assert [names.add(text) for text in ("scores", "Scores", "class", "x.y-z", "7", "")] == [
        "scores", "Scores_1", "class_1", "x_y_z", "n7", "n",
    ]  # fmt: skip


@given(st.text())
def test_a_comment_stays_one_harmless_line(text: str) -> None:
    made = comment(text)
    assert re.fullmatch(r"[ -~]{0,200}", made)
    assert not set(made) & set("`\\/")
