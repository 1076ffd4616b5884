"""The journal of gaps: each told once, ended once, and read as one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tools.errors import JournalCorrupt
from tools.findings.journal import Journal
from tools.sources import gaps
from tools.sources.records import Gap

AWAY = Gap(
    what="Redis", why="no answer", fix="Start it.", source="streams/polls.jsonl", at_ms=10, period=True
)
OVER = msgspec.structs.replace(AWAY, until_ms=20)
LIMIT = Gap(what="clients", why="NOPERM", fix="Allow it.", source="streams/polls.jsonl", at_ms=1, blind=False)


def later(gap: Gap, at_ms: int, **changes: object) -> Gap:
    return msgspec.structs.replace(gap, at_ms=at_ms, **changes)


@pytest.mark.parametrize(
    ("told", "written"),
    [
        pytest.param([LIMIT, later(LIMIT, 2)], [LIMIT], id="a limit once, whenever it is told"),
        pytest.param([AWAY, AWAY], [AWAY], id="an open period once"),
        pytest.param([AWAY, OVER, OVER], [AWAY, OVER], id="its end once"),
        pytest.param([AWAY, OVER, AWAY], [AWAY, OVER], id="what has ended does not begin again"),
        pytest.param([OVER, later(AWAY, 30)], [OVER, later(AWAY, 30)], id="a second period"),
        pytest.param(
            [LIMIT, later(LIMIT, 2, blind=True)],
            [LIMIT, later(LIMIT, 2, blind=True)],
            id="it turns out to blind",
        ),
        pytest.param([later(LIMIT, 1, blind=True), LIMIT], [later(LIMIT, 1, blind=True)], id="never milder"),
    ],
)
def test_a_gap_is_written_only_where_it_adds_something(told: list[Gap], written: list[Gap]) -> None:
    found: list[Gap] = []
    book = gaps.GapBook(found.append)
    assert [book.tell(gap) for gap in told].count(True) == len(written)
    assert found == written


def test_who_goes_on_knows_what_lasts(tmp_path: Path) -> None:
    path = tmp_path / "gaps.jsonl"
    with Journal(path) as journal:
        for gap in (LIMIT, AWAY, OVER, later(AWAY, 30)):
            journal.append(gap)
    book = gaps.GapBook(print, gaps.told(path))
    assert book.lasting("streams/polls.jsonl") == (later(AWAY, 30),)
    assert book.lasting("logs") == ()
    assert gaps.read(path) == (LIMIT, OVER, later(AWAY, 30))


def test_a_damaged_journal_is_an_error_that_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "gaps.jsonl"
    path.write_bytes(msgspec.json.encode(LIMIT) + b"\n{}\n")
    with pytest.raises(JournalCorrupt, match="byte 1"):
        gaps.read(path)
    assert gaps.told(path) == ()
