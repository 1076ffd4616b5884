"""Patterns give what re2's own give, for ASCII and for other texts."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from tools import linear

PATTERNS = ("a", "", "a*", "(a)|(b)", "^a", "b$", r"\b", r"(?i)A(b)?", "é", ".", r"(?P<n>a+)b", r"\d+")
TEXTS = st.text(st.sampled_from("aAbB1 é\n"), max_size=8)


def found(match: re2._Match[str] | None) -> object:
    return None if match is None else (match.span(), match.group(), match.groups(), match.groupdict())


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=TEXTS, pos=st.none() | st.integers(0, 8))
def test_patterns_find_what_those_of_re2_find(pattern: str, text: str, pos: int | None) -> None:
    ours, theirs = linear.compile(pattern), re2.compile(pattern)
    for ask in ("search", "match", "fullmatch"):
        assert found(getattr(ours, ask)(text, pos)) == found(getattr(theirs, ask)(text, pos))
    assert [found(match) for match in ours.finditer(text)] == [
        found(match) for match in theirs.finditer(text)
    ]
    for repl in ("<*>", r"[\g<0>]"):
        assert ours.subn(repl, text) == theirs.subn(repl, text)
        assert ours.sub(repl, text, 1) == theirs.sub(repl, text, 1)
    assert ours.split(text) == theirs.split(text)
    assert ours.findall(text) == theirs.findall(text)


def test_what_is_no_pattern_is_refused() -> None:
    with pytest.raises(re2.error):
        linear.compile("(")
