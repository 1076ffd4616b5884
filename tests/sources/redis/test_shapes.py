"""Shapes: names and types of fields, never their values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.sources.redis.shapes import FIELDS_MAX, shape, value_type


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"12", "int"), (b"-12", "int"), (b"+7", "int"), (b"1.5", "float"), (b"-1e3", "float"), (b"1_000", "text"),
        (b"true", "bool"), (b"False", "bool"), (b'{"a": 1}', "json"), (b"[1]", "json"), (b"{not json}", "text"),
        (b"", "empty"), (b" null ", "empty"), (b"None", "empty"), (b"-", "text"), (b"nan", "text"), (b"inf", "text"), (b"1" * 50, "text"), (b"\xff", "text"),
        (b"A12", "id"), (b"facfffcbcdcb", "id"), (b"FACFFFCBCDCB", "id"), (b"defaced", "text"), (b"shipping", "text"), (b"9f3c-11_e", "id"), (b"2026-11-20T10:00:00Z", "text"), (b"2026-11-20T10", "text"),
        (b"20261120T10", "text"), (b"order 12", "text"), (b"twelve", "text"), (b"a1" * 40, "text"),
        (b"[" * 60000 + b"]" * 2, "text"), (b"1.2.3", "text"), (b".5", "text"),
    ],
)  # fmt: skip
def test_a_value_has_a_type(value: bytes, kind: str) -> None:
    assert value_type(value) == kind


@given(st.binary(max_size=200))
def test_any_bytes_have_a_type(value: bytes) -> None:
    assert value_type(value) in {"int", "float", "bool", "json", "id", "empty", "text"}


def test_entries_of_one_named_type_share_a_variant_and_no_value_is_kept() -> None:
    one = shape(("1-0", ((b"event_type", b"order.placed"), (b"card", b"4111"))))
    same = shape(("2-0", ((b"card", b"5555"), (b"event_type", b"order.placed"))))
    other = shape(("3-0", ((b"event_type", b"order.paid"),)))
    assert one.variant == same.variant != other.variant
    assert one.fields == (("event_type", "text"), ("card", "int"))
    assert "4111" not in repr(one)
    assert "placed" not in repr(one)


def test_an_entry_of_a_thousand_fields_is_cut() -> None:
    assert len(shape(("1-0", tuple((b"f%d" % n, b"1") for n in range(1000)))).fields) == FIELDS_MAX
