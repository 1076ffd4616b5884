"""A table behind PostgREST: each row once, page by page; what does not answer is told once and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config.watch import AuditTable
from orchestrator.store import database
from orchestrator.store.database import Store
from orchestrator.watch.audit_table import PAGE_ROWS, TableTail
from orchestrator.watch.ingest import Ingest
from tests.fakes.clock import ManualClock
from tests.fakes.drip import Drip
from tests.fakes.postgrest import PostgRest
from tools.errors import SourceUnavailable

KEY = "sb_secret_hunter2pass"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    database.create(tmp_path / "store.db")
    with database.open_store(tmp_path / "store.db") as opened:
        yield opened


@pytest.fixture
def peer() -> Iterator[PostgRest]:
    with PostgRest(KEY) as found:
        yield found


def tail(peer: PostgRest, store: Store, key: str = KEY) -> TableTail:
    return TableTail(AuditTable(url=peer.url, table="audit"), store, {"SUPABASE_KEY": key}, ManualClock())


def add(peer: PostgRest, count: int) -> None:
    for _ in range(count):
        number = len(peer.rows)
        peer.rows.append({"id": number, "event_type": "step.done", "message": f"n{number}"})


def test_each_row_is_taken_once_page_by_page(peer: PostgRest, store: Store) -> None:
    add(peer, PAGE_ROWS + 3)
    assert tail(peer, store).read() == (PAGE_ROWS + 3, 0)
    add(peer, 2)
    peer.rows.append({"id": 10_000, "no": "event"})
    assert tail(peer, store).read() == (2, 1)
    assert tail(peer, store).read() == (0, 0)
    assert store.one("SELECT count(DISTINCT message) FROM agent_events") == PAGE_ROWS + 5


def test_a_key_that_is_refused_is_told_and_not_quoted(peer: PostgRest, store: Store) -> None:
    with pytest.raises(SourceUnavailable, match="it answers 401") as raised:
        tail(peer, store, "hunter2pass").read()
    assert "hunter2pass" not in str(raised.value)


def test_one_that_does_not_answer_is_told_once_and_its_rows_wait(peer: PostgRest, store: Store) -> None:
    clock = ManualClock()
    ingest = Ingest([], store, clock, [tail(peer, store)])
    add(peer, 1)
    peer.broken = True
    lines: list[str] = []
    for turn in range(6):
        peer.broken = turn < 3
        lines += ingest.run(None)
        clock.advance(30)
    assert [line.split(f"{peer.url}/audit: ")[1] for line in lines] == [
        "it answers 503. Check watch.audit_tables and the variable SUPABASE_KEY.",
        "answers again",
        "1 events",
    ]


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-More: "])
def test_an_answer_that_never_ends_is_left(store: Store, head: bytes) -> None:
    with Drip(head) as peer:
        table = AuditTable(url=peer.url, table="audit")
        with pytest.raises(SourceUnavailable, match="it does not answer"):
            TableTail(table, store, {}, ManualClock(), seconds=0.3).read()
        assert peer.left.wait(30)
