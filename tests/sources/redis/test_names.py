"""Names: readable, harmless, distinct."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.sources.redis.names import LENGTH_MAX, NameBook, display


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        pytest.param(b"orders:created", "orders:created", id="plain"),
        pytest.param("bestellung.größe".encode(), "bestellung.größe", id="umlauts stay"),
        pytest.param(b"a\xffb", "a\\xffb", id="a byte that is not UTF-8"),
        pytest.param(b"a\x1b[31mb\n", "a\\x1b[31mb\\x0a", id="control characters"),
        pytest.param("a\u202eb".encode(), "a\\u202eb", id="a direction character"),
        pytest.param(b"DOMAIN\\user", "DOMAIN\\\\user", id="a backslash that could be an escape"),
        pytest.param(b"a\\b", "a\\b", id="a backslash that could not"),
        pytest.param(b"redis://u:hunter22@h/0", "redis://u:[masked:url-credentials]@h/0", id="a secret"),
        pytest.param(b"", "(empty name)", id="empty"),
    ],
)
def test_a_name_is_shown_safely(raw: bytes, text: str) -> None:
    assert display(raw) == text


@given(st.binary(max_size=60))
def test_a_shown_name_is_printable_and_stays_as_it_is(raw: bytes) -> None:
    shown = display(raw)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert not [char for char in shown if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@given(st.sets(st.binary(max_size=12), max_size=20))
def test_no_two_streams_share_a_text(names: set[bytes]) -> None:
    book = NameBook()
    shown = {raw: book.text(raw) for raw in names}
    assert len(set(shown.values())) == len(names)
    assert all(book.raw(text) == raw for raw, text in shown.items())


def test_long_and_masked_names_are_told_apart() -> None:
    book = NameBook()
    first, second = book.text(b"x" * 5000 + b"1"), book.text(b"x" * 5000 + b"2")
    assert first != second
    assert len(first) < LENGTH_MAX + 40
    book.forget(b"x" * 5000 + b"1")
    assert book.raw(first) is None
    assert book.raw(second) == b"x" * 5000 + b"2"
