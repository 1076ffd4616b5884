"""What names say: families, roles, and names in code with unknown parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.detectors.streams.crafted import index, use
from tools.detectors.streams.code_map import code_map, matches, told_places
from tools.detectors.streams.families import family_of
from tools.detectors.streams.roles import dead_letters_in, is_library, is_reply, named_dead_letter
from tools.sources.records import CodeKind, Resolved


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("orders", "orders"),
        ("orders:17", "orders:{}"),
        ("orders.v1", "orders.v1"),
        ("orders2", "orders2"),
        ("user:9f8e7d6c5b4a:events", "user:{}:events"),
        ("user:123e4567-e89b-12d3-a456-426614174000", "user:{}"),
        ("job/01ARZ3NDEKTSV4RRFFQ69G5FAV", "job/{}"),
        ("{tenant-7}:log", "{tenant-{}}:log"),
        ("deadbeef", "deadbeef"),
        ("", ""),
    ],
)
def test_ids_in_a_name_make_a_family(name: str, family: str) -> None:
    assert family_of(name) == family


@given(st.text(max_size=40))
def test_a_name_without_digits_is_no_family(name: str) -> None:
    if not any(char.isdigit() for char in name):
        assert family_of(name) == name


@pytest.mark.parametrize(
    ("name", "dead"),
    [
        ("orders.dlq", True), ("dead-letters", True), ("orderDeadLetter", True), ("dead_letter:x", True),
        ("poison", True), ("DLQ", True), ("orders.failed", False), ("deadline", False), ("dead.sea", False),
    ],
)  # fmt: skip
def test_dead_letter_streams_are_known_by_name(name: str, dead: bool) -> None:
    assert named_dead_letter(name) is dead


def test_reply_and_library_streams_are_known_by_name() -> None:
    assert is_reply("svc:reply:7")
    assert not is_reply("orders.replayed")
    assert is_library("bull:mail:events")
    assert not is_library("bull:mail")


def test_dead_letter_streams_are_known_by_the_function_that_writes_them() -> None:
    code = index(
        use(CodeKind.XADD, "parked", function="dead_letter"),
        use(CodeKind.XADD, "orders", function="publish"),
        use(CodeKind.XADD, "x:{}", function="dead_letter"),
    )
    assert dead_letters_in(code) == {"parked"}


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("a", "a", True), ("a", "ab", False), ("a:{}", "a:1", True), ("a:{}", "a:", False), ("{}:a", "x:a", True),
        ("a:{}:b:{}", "a:1:b:2", True), ("a:{}:b:{}", "a:1:c:2", False), ("a{}a", "aa", False), ("a{}a", "aba", True),
        ("{}b{}", "xbxby", True),
    ],
)  # fmt: skip
def test_unknown_parts_of_a_name_stand_for_something(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


def test_a_name_that_is_all_unknown_is_unresolved() -> None:
    code = code_map(index(use(CodeKind.XADD, "{}"), use(CodeKind.XADD, None), use(CodeKind.XADD, "{}:ab")))
    assert code.uses(CodeKind.XADD, "orders") == []
    assert code.unresolved(CodeKind.XADD) == 3


def test_places_that_read_as_a_group_are_told_with_their_count() -> None:
    read = use(CodeKind.XREADGROUP, "orders", count="1")
    named = [
        structs.replace(read, group=Resolved(value=name, confidence="literal"))
        for name in ("billing", "mail")
    ]
    code = code_map(index(read, *named))
    assert code.reads("orders", "billing") == [named[0]]
    assert told_places(code.reads("orders", "billing")) == "shop/api.py:7 (shop, COUNT 1)"
    assert (
        told_places(named * 2)
        == "shop/api.py:7 (shop, COUNT 1), shop/api.py:7 (shop, COUNT 1), shop/api.py:7 (shop, COUNT 1), …"
    )
    assert told_places([]) == ""
