"""Entries of a real journal, in every form that a message takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import journal
from tests.sources.logs.benches import JournalBench
from tests.sources.logs.conformance import Reading
from tools.sources.logs.feed import CommandCheckpoint
from tools.sources.logs.journald import JournaldLogs

pytestmark = pytest.mark.skipif(
    journal.writer() is None, reason="journalctl or systemd-journal-remote is missing"
)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[JournalBench]:
    made = JournalBench(tmp_path)
    yield made
    made.close()


def test_messages_of_every_form(bench: JournalBench) -> None:
    bench.journal.write(b"plain")
    bench.journal.write(b"first\nsecond\n\tthird")
    bench.journal.write(b"bytes \xff\xfe\nof two lines")
    bench.journal.write(None)
    bench.journal.write(b"")
    bench.journal.write(b"big " + b"x" * 10_000)
    reading = Reading(bench.feed())
    reading.until_lines(7)
    reading.feed.close()
    assert reading.texts == [
        b"plain", b"first", b"second", b"\tthird", b"bytes \xff\xfe", b"of two lines", b"big " + b"x" * 10_000,
    ]  # fmt: skip
    assert reading.notes == []


@pytest.mark.parametrize(
    ("priority", "level"),
    [(0, "FATAL"), (2, "FATAL"), (3, "ERROR"), (4, "WARN"), (5, None), (6, None), (7, "DEBUG"), (None, None)],
)
def test_a_priority_is_a_level_where_it_is_no_default(
    bench: JournalBench, priority: int | None, level: str | None
) -> None:
    bench.journal.write(b"one\ntwo", priority=priority)
    reading = Reading(bench.feed())
    reading.until_lines(2)
    reading.feed.close()
    assert [line.level for line in reading.lines] == [level, None]


def test_lines_carry_the_journals_time(bench: JournalBench) -> None:
    bench.journal.write(b"now")
    reading = Reading(bench.feed())
    reading.until_lines(1)
    reading.feed.close()
    assert reading.lines[0].at_ms is not None
    assert abs(reading.lines[0].at_ms - time.time() * 1000) < 60_000


def test_an_entry_beyond_all_measure_is_left_out_and_said_to_be(bench: JournalBench) -> None:
    bench.journal.write(b"before")
    bench.journal.write(b"\xff" * 3_000_000)
    bench.journal.write(b"after")
    reading = Reading(bench.feed())
    reading.until_lines(2)
    reading.feed.close()
    assert reading.texts == [b"before", b"after"]
    assert [note.what for note in reading.notes] == ["whole entries"]


def test_a_unit_without_entries_is_blindness(bench: JournalBench) -> None:
    feed = bench.unit("nosuch", None, from_end=True)
    reading = Reading(feed)
    reading.until(lambda: feed.answered)
    blindness = feed.blindness()
    assert blindness is not None
    assert blindness.why == "the journal has no entry of that unit, or none that this user may read"
    bench.journal.write(b"at last", unit="nosuch.service")
    reading.until_lines(1)
    assert feed.blindness() is None
    feed.close()


def test_a_journal_that_is_not_there_is_told_with_journalctls_word(tmp_path: Path) -> None:
    from tools.sources.logs.command import CommandFeed

    where = [f"--directory={tmp_path / 'none'}"]
    reading = Reading(CommandFeed(lambda start: JournaldLogs("orders", start, where), None, since_ms=0))
    reading.until(lambda: reading.blind)
    reading.feed.close()
    assert reading.blind[0].why == f"Failed to open {tmp_path / 'none'}: No such file or directory"


def test_a_message_given_more_than_once_is_several_lines() -> None:
    from tools.sources.logs.feed import Piece

    dialect = JournaldLogs("orders", CommandCheckpoint(position=0, number=0, since_ms=None))
    record = b'{"MESSAGE":["one",[116,119,111]],"__CURSOR":"c","__REALTIME_TIMESTAMP":"1749981600500000"}'
    entries = dialect.read(Piece(record, len(record)), complete=True)
    assert entries is not None
    assert [(entry.data, entry.at_ms) for entry in entries] == [
        (b"one", 1_749_981_600_500),
        (b"two", 1_749_981_600_500),
    ]
