"""Commands in advice are found whole, and no word of the sentence with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.report import commands


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See them (XINFO CONSUMERS shop.paid desk); add some.", ["XINFO CONSUMERS shop.paid desk"]),
        ("XRANGE orders 1-0 1-0. Let", ["XRANGE orders 1-0 1-0"]),
        ("Read (XREVRANGE a.dlq + - COUNT 5) for", ["XREVRANGE a.dlq + - COUNT 5"]),
        ("Call XACK orders billing for each entry", ["XACK orders billing"]),
        ("with XAUTOCLAIM orders billing.", ["XAUTOCLAIM orders billing"]),
        ("(XAUTOCLAIM) before", ["XAUTOCLAIM"]),
        ("from 7.0 on XAUTOCLAIM drops them too", ["XAUTOCLAIM"]),
        ("Give the XADD at a/main.py:82 a MAXLEN", ["XADD"]),
        ("XADD orders MAXLEN ~ <entries> * …", ["XADD orders MAXLEN ~ <entries> *"]),
        ("XGROUP CREATE orders <group> 0.", ["XGROUP CREATE orders <group> 0"]),
        ("XGROUP DESTROY it: it", ["XGROUP DESTROY"]),
        ("Clear with XACK s g 1-0; then XLEN s", ["XACK s g 1-0", "XLEN s"]),
        ("XACK XACK s g", ["XACK XACK s"]),
        ("MAXADD and XADDITION are none", []),
    ],
)
def test_a_command_ends_where_the_sentence_goes_on(text: str, found: list[str]) -> None:
    assert [piece for piece, command in commands.parts(text) if command] == found


@given(st.text(alphabet="XACKDLEN ().,<>-:s1\n`é", max_size=60))
def test_nothing_of_a_text_is_lost(text: str) -> None:
    assert "".join(piece for piece, _ in commands.parts(text)) == text
