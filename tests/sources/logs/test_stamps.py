"""Stamped logs are read on exactly, although programs give them by the second and lines lie out of order."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import msgspec
import pytest

from tests.fakes.log_store import stamp
from tools.sources.logs.feed import LINE_BYTES_MAX, Piece, StampMark
from tools.sources.logs.stamps import CHUNK_BYTES, Entry, StampPlace, joined, stamp_of, text_of

SECOND_NS = 1_000_000_000
START_NS = 1_750_000_000 * SECOND_NS


@dataclass
class Log:
    """A log and a program that prints it from a time on, in whole seconds where `floors`, at most its last lines."""

    chance: random.Random
    floors: bool
    tail: int | None
    late_ns: int = SECOND_NS * 9 // 10
    records: list[tuple[int, bytes]] = field(default_factory=list)
    ns: int = START_NS + 2 * SECOND_NS

    def grow(self, lines: int) -> None:
        for _ in range(lines):
            self.ns += self.chance.choice((0, 1, 1000, SECOND_NS // 50, SECOND_NS // 2, SECOND_NS))
            late = self.chance.choice((0, 0, 0, 1, self.late_ns, self.late_ns // 3))
            self.records.append((self.ns - late, b"%06d" % len(self.records)))

    def printed(self, since_ns: int | None, tail: int | None) -> list[Piece]:
        since_ns = since_ns or 0
        since_ns -= since_ns % SECOND_NS if self.floors else 0
        records = self.records if tail is None else self.records[-tail:]
        lines = [
            f"{stamp(ns, trimmed=self.floors)} ".encode() + text for ns, text in records if ns >= since_ns
        ]
        return [Piece(line, len(line)) for line in lines]


def read(place: StampPlace, pieces: list[Piece]) -> list[bytes]:
    found: list[Entry] = []
    for piece in pieces:
        entries = place.read(piece, complete=True)
        assert entries is not None
        found += entries
    return [entry.data for entry in found]


@pytest.mark.parametrize("seed", range(60))
def test_every_line_comes_once_over_any_reconnects(seed: int) -> None:
    chance = random.Random(seed)
    log = Log(chance, floors=seed % 2 == 0, tail=chance.choice((None, 3, 50)))
    place, since_ms, got = StampPlace(), START_NS // 1_000_000, []
    log.grow(chance.randrange(30))
    if seed % 3 == 0:  # attached: what a first look shows is not delivered
        place.connect(tail=True)
        seen = len(read(place, log.printed(None, 8)))
        got = [text for _, text in log.records]
        since_ms = since_ms if seen else 0
    for _ in range(12):
        if chance.random() < 0.5:
            place = StampPlace(msgspec.json.decode(msgspec.json.encode(place.mark()), type=StampMark | None))
        limited = log.tail is not None and place.since_ns is not None
        since_ns = place.since_ns or since_ms * 1_000_000
        place.connect(tail=False, limited=limited)
        begun = len(log.records)
        got += read(place, log.printed(since_ns, log.tail if limited else None))
        if place.again:
            place.connect(tail=False)
            got += read(place, log.printed(since_ns, None))
        for _ in range(chance.randrange(4)):
            log.grow(chance.randrange(9))
            got += read(place, log.printed(0, None)[begun:])
            begun = len(log.records)
        log.grow(chance.choice((0, 0, 1, 7)))
    place.connect(tail=False)
    got += read(place, log.printed(place.since_ns or since_ms * 1_000_000, None))
    assert got == [text for _, text in log.records]
    assert place.notes == []


def test_a_log_with_another_beginning_is_read_by_time_and_said_to_be() -> None:
    log = Log(random.Random(1), floors=True, tail=None)
    log.records = [(START_NS + number * SECOND_NS // 10, b"%d" % number) for number in range(100)]
    place = StampPlace()
    place.connect(tail=False)
    assert len(read(place, log.printed(0, None))) == 100
    log.records = [(START_NS + 98 * SECOND_NS // 10, b"98"), (START_NS + 11 * SECOND_NS, b"new")]
    place.connect(tail=False)
    assert read(place, log.printed(place.since_ns, None)) == [b"new"]
    assert [note.what for note in place.notes] == ["lines"]
    place.connect(tail=False)
    log.records.append((START_NS + 12 * SECOND_NS, b"newer"))
    assert read(place, log.printed(place.since_ns, None)) == [b"newer"]
    assert len(place.notes) == 1


def test_lines_that_an_engine_prints_again_come_once() -> None:
    place = StampPlace()
    place.connect(tail=False)
    log = Log(random.Random(3), floors=False, tail=None)
    log.records = [(START_NS + number, b"%d" % number) for number in range(100)]
    printed = log.printed(0, None)
    twice = [*printed[:60], *printed[30:60], *printed[60:]]
    late = Piece(f"{stamp(START_NS + 50, trimmed=False)} late".encode(), 35)
    assert read(place, [*twice, late]) == [text for _, text in log.records] + [b"late"]


def test_no_byte_of_the_log_is_in_a_mark() -> None:
    place = StampPlace()
    place.connect(tail=False)
    read(place, [Piece(b"2025-06-15T10:00:00Z password=hunter2hunter2", 43)])
    assert b"hunter2" not in msgspec.json.encode(place.mark())


@pytest.mark.parametrize(
    ("record", "ns", "text"),
    [
        pytest.param(b"2025-06-15T10:00:00.123456789Z a b", 123_456_789, b"a b", id="docker"),
        pytest.param(b"2025-06-15T10:00:00.12Z a", 120_000_000, b"a", id="zeros left out"),
        pytest.param(b"2025-06-15T10:00:00Z a", 0, b"a", id="whole second"),
        pytest.param(b"2025-06-15T12:00:00.000000001+02:00 a", 1, b"a", id="zone"),
        pytest.param(b"2025-06-15T10:00:00.5Z ", 500_000_000, b"", id="empty line"),
    ],
)
def test_a_line_gives_its_time_and_its_text(record: bytes, ns: int, text: bytes) -> None:
    found = stamp_of(record)
    assert found is not None
    assert (found.ns, record[found.end :]) == (1_749_981_600 * SECOND_NS + ns, text)
    assert stamp_of(text_of(found.ns).encode() + b" x") == (found.ns, 31)


@pytest.mark.parametrize(
    "record",
    [b"", b"Error: No such container: x", b"2025-06-15T10:00:00Z", b"2025-13-15T10:00:00Z a", b"2025-06-15 10:00:00 a"],
)  # fmt: skip
def test_what_has_no_time_is_the_programs_own_word(record: bytes) -> None:
    place = StampPlace()
    place.connect(tail=False)
    assert place.read(Piece(record, len(record)), complete=True) is None


@pytest.mark.parametrize(
    "length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, LINE_BYTES_MAX + 5]
)
@pytest.mark.parametrize("empty_end", [False, True], ids=["", "and an empty chunk"])
def test_the_chunks_of_a_long_line_are_one_text(length: int, *, empty_end: bool) -> None:
    head, text = b"2025-06-15T10:00:00.123456789Z ", bytes(number % 251 for number in range(length))
    chunks = [text[at : at + CHUNK_BYTES] for at in range(0, length, CHUNK_BYTES)] or [b""]
    if empty_end and length and length % CHUNK_BYTES == 0:
        chunks.append(b"")
    record = b"".join(head + chunk for chunk in chunks)
    assert joined(Piece(record, len(record)), len(head)) == (text[:LINE_BYTES_MAX], length)


def test_a_time_in_the_text_is_text() -> None:
    head = b"2025-06-15T10:00:00.123456789Z "
    record = head + b"x" * 50 + head + b"y"
    assert joined(Piece(record, len(record)), len(head)).data == record[len(head) :]
