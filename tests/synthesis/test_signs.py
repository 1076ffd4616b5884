"""Signs: the words that are looked for first never hide what the pattern itself would find."""

from __future__ import annotations

import re

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from tools.synthesis.causal_rules import late_answers, signs
from tools.synthesis.causal_rules.sign import Sign


def _signs() -> dict[str, Sign]:
    """Every sign of the causal rules, by its place."""
    found: dict[str, Sign] = {}
    for module in (signs, late_answers):
        for name, value in vars(module).items():
            several = value if isinstance(value, tuple) else (value,)
            for number, sign in enumerate(several):
                if isinstance(sign, Sign):
                    found[f"{module.__name__.rpartition('.')[2]}{name.lower()}-{number}"] = sign
    return found


SIGNS = _signs()


def test_the_signs_are_found() -> None:
    assert len(SIGNS) > 20


@pytest.mark.parametrize("name", SIGNS)
@given(data=st.data())
def test_no_text_that_the_pattern_matches_is_passed_over(name: str, data: st.DataObject) -> None:
    sign = SIGNS[name]
    text = data.draw(st.from_regex(re.compile(sign.pattern, re.ASCII)))
    expected = re2.compile(sign.pattern)
    assert sign.is_in(text) == (expected.search(text) is not None)
    assert sign.all(text) == expected.findall(text)


@pytest.mark.parametrize("name", SIGNS)
def test_each_word_is_one_that_a_text_may_hold_as_it_is_compared(name: str) -> None:
    assert all(word and word == word.casefold() for word in SIGNS[name].words)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        pytest.param("READONLY You can't write", "READONLY", id="the group that took part"),
        pytest.param("NOAUTH Authentication required.", "NOAUTH", id="the first group"),
        pytest.param("all is well", None, id="none"),
    ],
)
def test_of_several_groups_the_one_that_took_part_is_told(text: str, first: str | None) -> None:
    assert signs.refused_reads(text) == first


@pytest.mark.parametrize(
    ("text", "command"),
    [
        pytest.param("ERR unknown command 'xautoclaim', with args", "XAUTOCLAIM", id="named"),
        pytest.param("ERR unknown command ", "", id="not named"),
        pytest.param("ERR UNKNOWN COMMAND `LMPOP`", "LMPOP", id="in capitals"),
        pytest.param("ERR syntax error", None, id="another error"),
    ],
)
def test_a_command_that_is_not_known_is_told_where_it_is_named(text: str, command: str | None) -> None:
    assert signs.unknown_command(text) == command
