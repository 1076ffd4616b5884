"""Event files of other tools: each line once over restarts and rotation; what failed is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.alerts.after import Desk
from orchestrator.alerts.loading import read as read_rules
from orchestrator.store import database
from orchestrator.store.database import Store
from orchestrator.watch.event_tail import EventTail
from orchestrator.watch.ingest import Ingest
from tests.fakes.clock import ManualClock
from tests.fakes.http_peer import HttpPeer
from tests.orchestrator.watch.scenes import rules


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    database.create(tmp_path / "store.db")
    with database.open_store(tmp_path / "store.db") as opened:
        yield opened


def line(number: int, kind: str = "step.done") -> str:
    event = {"eventType": kind, "agentId": "builder", "ts": 1_750_000_000 + number, "message": f"n{number}"}
    return json.dumps(event) + "\n"


def messages(store: Store) -> list[str]:
    return [row["message"] for row in store.rows("SELECT message FROM agent_events ORDER BY id")]


def test_each_line_is_taken_once_whatever_is_torn_or_none(tmp_path: Path, store: Store) -> None:
    path, clock = tmp_path / "events.jsonl", ManualClock()
    assert EventTail(path, store, clock).read() == (0, 0)
    path.write_text(line(1) + "no event\n[1]\n" + line(2)[:20], encoding="utf-8")
    assert EventTail(path, store, clock).read() == (1, 2)
    assert EventTail(path, store, clock).read() == (0, 0)
    path.write_text(line(1) + "no event\n[1]\n" + line(2), encoding="utf-8")
    assert EventTail(path, store, clock).read() == (1, 0)
    assert messages(store) == ["n1", "n2"]
    (row,) = store.rows("SELECT * FROM agent_events WHERE message = 'n2'")
    assert (row["agent_id"], row["event_type"], row["timestamp"]) == (
        "builder", "step.done", "2025-06-15T15:06:42.000Z",
    )  # fmt: skip


def test_a_file_that_is_rotated_away_is_read_to_its_end_first(tmp_path: Path, store: Store) -> None:
    path, clock = tmp_path / "events.jsonl", ManualClock()
    path.write_text(line(1), encoding="utf-8")
    EventTail(path, store, clock).read()
    with path.open("a", encoding="utf-8") as file:
        file.write(line(2))
    path.rename(tmp_path / "events.jsonl.1")
    path.write_text(line(3), encoding="utf-8")
    EventTail(path, store, clock).read()
    assert messages(store) == ["n1", "n2", "n3"]


def test_a_file_that_is_emptied_is_read_from_its_beginning(tmp_path: Path, store: Store) -> None:
    path, clock = tmp_path / "events.jsonl", ManualClock()
    path.write_text(line(1) + line(2), encoding="utf-8")
    EventTail(path, store, clock).read()
    path.write_text(line(3), encoding="utf-8")
    EventTail(path, store, clock).read()
    assert messages(store) == ["n1", "n2", "n3"]


def test_a_line_without_end_is_passed_over_and_counted(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * (5 << 20) + b"\n" + line(1).encode())
    found = EventTail(path, store, ManualClock()).read()
    assert (found.lines, found.bad > 0) == (1, True)


def test_secrets_in_events_are_masked(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "events.jsonl"
    event = {"type": "x", "message": "redis://u:hunter2pass@h:1", "more": {"password": "hunter2pass"}}
    path.write_text(json.dumps(event) + "\n", encoding="utf-8")
    EventTail(path, store, ManualClock()).read()
    assert "hunter2pass" not in str([tuple(row) for row in store.rows("SELECT * FROM agent_events")])


def test_what_failed_is_told_once_and_once_for_many(tmp_path: Path, store: Store) -> None:
    path, clock = tmp_path / "events.jsonl", ManualClock()
    with HttpPeer() as peer:
        (tmp_path / "alerts.yaml").write_text(rules(peer.url), encoding="utf-8")
        desk = Desk(read_rules(tmp_path / "alerts.yaml"), store.path, {}, clock, shadow=False)
        ingest = Ingest([str(path)], store, clock)
        path.write_text(line(1) + line(2, "build.failed") + line(3, "build.failed"), encoding="utf-8")
        list(ingest.run(desk))
        list(ingest.run(desk))
        assert [item.data["title"] for item in peer.requests] == ["build.failed of builder: n2 and 1 more"]
