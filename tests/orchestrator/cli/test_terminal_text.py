from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.terminal_text import clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("orders é 订单", "orders é 订单", id="plain text stays"),
        pytest.param("a\nb\tc\r", "a b c ", id="one line"),
        pytest.param("\x1b[31mred\x1b[0m", "red", id="colour"),
        pytest.param("\x9b2Jgone", "gone", id="eight bit sequence"),
        pytest.param("\x1b]0;title\x07x", "x", id="window title"),
        pytest.param("\x1b]8;;http://evil\x1b\\link", "link", id="hyperlink"),
        pytest.param("\x1bc", "", id="reset"),
        pytest.param("a\x1b", "a\\x1b", id="escape alone"),
        pytest.param("bell\x07", "bell\\x07", id="bell"),
        pytest.param("\u202egnp.exe", "\\u202egnp.exe", id="reversed"),
        pytest.param("\u2066x\u2069\u200b", "\\u2066x\\u2069\\u200b", id="isolates, zero width"),
        pytest.param("\udc80", "\\udc80", id="lone surrogate"),
        pytest.param("[bold]x[/bold]", "[bold]x[/bold]", id="markup is text"),
    ],
)
def test_text_is_made_safe_for_a_terminal(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_long_text_is_cut() -> None:
    assert clean("x" * 10, 5) == "xxxx…"
    assert clean("x" * 5, 5) == "xxxxx"


@given(st.text())
def test_nothing_invisible_is_left_of_any_text(text: str) -> None:
    shown = clean(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert clean(shown) == shown
