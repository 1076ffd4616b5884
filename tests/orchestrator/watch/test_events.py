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


def test_what_failed_long_before_the_first_start_is_taken_and_told_to_nobody(
    tmp_path: Path, store: Store
) -> None:
    path, clock = tmp_path / "events.jsonl", ManualClock()
    path.write_text(line(1, "build.failed") + line(2 * 86_400, "test.failed"), encoding="utf-8")
    clock.advance(2 * 86_400)
    with HttpPeer() as peer:
        (tmp_path / "alerts.yaml").write_text(rules(peer.url), encoding="utf-8")
        desk = Desk(read_rules(tmp_path / "alerts.yaml"), store.path, {}, clock, shadow=False)
        list(Ingest([str(path)], store, clock).run(desk))
        assert [item.data["title"] for item in peer.requests] == [f"test.failed of builder: n{2 * 86_400}"]
    assert messages(store) == ["n1", f"n{2 * 86_400}"]


def rotate(path: Path, number: int) -> None:
    """As logrotate and logging do: .1 becomes .2, the file becomes .1."""
    for old in range(number - 1, 0, -1):
        aside = path.with_name(f"{path.name}.{old}")
        if aside.exists():
            aside.rename(path.with_name(f"{path.name}.{old + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))


def test_several_rotations_while_nobody_reads_lose_no_line(tmp_path: Path, store: Store) -> None:
    path, clock = tmp_path / "events[1].jsonl", ManualClock()
    path.write_text(line(1), encoding="utf-8")
    EventTail(path, store, clock).read()
    with path.open("a", encoding="utf-8") as file:
        file.write(line(2) + line(3).rstrip())
    for number in (4, 5, 6):
        rotate(path, number)
        path.write_text(line(number), encoding="utf-8")
    (tmp_path / "events[1].jsonl.9").touch()
    EventTail(path, store, clock).read()
    assert messages(store) == ["n1", "n2", "n3", "n4", "n5", "n6"]


def test_a_file_that_is_rotated_away_is_read_on_while_its_writer_holds_it(
    tmp_path: Path, store: Store
) -> None:
    path, clock = tmp_path / "events.jsonl", ManualClock()
    with path.open("a", encoding="utf-8") as writer:
        writer.write(line(1))
        writer.flush()
        EventTail(path, store, clock).read()
        rotate(path, 2)
        writer.write(line(2))
        writer.flush()
        EventTail(path, store, clock).read()
        path.touch()
        EventTail(path, store, clock).read()
        writer.write(line(3))
    path.write_text(line(4), encoding="utf-8")
    EventTail(path, store, clock).read()
    assert messages(store) == ["n1", "n2", "n3", "n4"]


def test_a_file_that_was_emptied_and_is_longer_by_now_is_another(tmp_path: Path, store: Store) -> None:
    path, clock = tmp_path / "events.jsonl", ManualClock()
    path.write_text(line(1), encoding="utf-8")
    EventTail(path, store, clock).read()
    path.write_text(line(2) + line(3), encoding="utf-8")
    EventTail(path, store, clock).read()
    assert messages(store) == ["n1", "n2", "n3"]


def test_what_was_copied_away_before_it_was_emptied_is_read_to_its_end(tmp_path: Path, store: Store) -> None:
    path, clock = tmp_path / "events.jsonl", ManualClock()
    path.write_text(line(1), encoding="utf-8")
    EventTail(path, store, clock).read()
    (tmp_path / "events.jsonl.1").write_text(line(1) + line(2), encoding="utf-8")
    path.write_text(line(3) + line(4) + line(5), encoding="utf-8")
    EventTail(path, store, clock).read()
    assert messages(store) == ["n1", "n2", "n3", "n4", "n5"]


def test_a_glob_that_takes_in_rotated_files_doubles_no_line(tmp_path: Path, store: Store) -> None:
    path, clock = tmp_path / "events.jsonl", ManualClock()
    ingest = Ingest([str(tmp_path / "events*")], store, clock)
    path.write_text(line(1), encoding="utf-8")
    list(ingest.run(None))
    rotate(path, 2)
    path.write_text(line(2), encoding="utf-8")
    list(ingest.run(None))
    assert messages(store) == ["n1", "n2"]


def test_an_event_that_goes_too_deep_is_none(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(
        '{"type": "x", "a": ' + '{"a":' * 800 + "1" + "}" * 801 + "\n" + line(1), encoding="utf-8"
    )
    assert EventTail(path, store, ManualClock()).read() == (1, 1)


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_read(tmp_path: Path, store: Store) -> None:
    (tmp_path / "a.jsonl").symlink_to("/proc/self/mem")  # reading its beginning is an error for everybody
    (tmp_path / "b.jsonl").write_text(line(1), encoding="utf-8")
    ingest = Ingest([str(tmp_path / "*.jsonl")], store, ManualClock())
    first, second = list(ingest.run(None))
    assert first.startswith(f"{tmp_path / 'a.jsonl'}: ")
    assert second == f"{tmp_path / 'b.jsonl'}: 1 events"
    assert list(ingest.run(None)) == []


def test_a_failure_is_told_though_its_number_was_another_s_before(tmp_path: Path, store: Store) -> None:
    path, clock = tmp_path / "events.jsonl", ManualClock()
    with HttpPeer() as peer:
        (tmp_path / "alerts.yaml").write_text(rules(peer.url), encoding="utf-8")
        desk = Desk(read_rules(tmp_path / "alerts.yaml"), store.path, {}, clock, shadow=False)
        ingest = Ingest([str(path)], store, clock)
        path.write_text(line(1, "build.failed") + line(2), encoding="utf-8")
        list(ingest.run(desk))
        with store.writing() as connection:
            connection.execute("DELETE FROM agent_events")
        list(ingest.run(desk))
        with path.open("a", encoding="utf-8") as file:
            file.write(line(3, "test.failed") + line(4))
        list(ingest.run(desk))
        assert [item.data["title"] for item in peer.requests] == [
            "build.failed of builder: n1", "test.failed of builder: n3",
        ]  # fmt: skip
