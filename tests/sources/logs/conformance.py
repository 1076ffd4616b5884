"""What every log feed keeps, whatever its source: these contracts run on each of the `benches`."""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from collections.abc import Callable

import psutil

from tests.sources.logs.benches import Bench
from tools.sources.logs.feed import LINE_BYTES_MAX, LogFeed, Note, RawLine

HURRY = 5
"""How much faster time passes for the feed than for us: its pauses are seconds."""
_BOUND_S = 40.0


class Reading:
    """Reads a feed until something is so, with a bound."""

    def __init__(self, feed: LogFeed) -> None:
        self.feed = feed
        self.lines: list[RawLine] = []
        self.notes: list[Note] = []
        self.before: list[bytes] = []

    def poll(self, budget: int = 1 << 18, *, final: bool = False) -> list[RawLine]:
        lines = self.feed.poll(time.monotonic() * HURRY, budget, final=final)
        self.lines += lines
        self.notes += self.feed.notes
        self.feed.notes.clear()
        self.before += self.feed.backfill(200)
        return lines

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        limit = time.monotonic() + _BOUND_S
        while not condition():
            assert time.monotonic() < limit, f"no {what}; got {self.texts[-3:]}, {self.notes}"
            self.poll()
            time.sleep(0.01)

    def until_lines(self, count: int) -> None:
        self.until(lambda: len(self.lines) >= count, f"{count} lines")

    @property
    def texts(self) -> list[bytes]:
        return [line.data for line in self.lines]

    @property
    def blind(self) -> list[Note]:
        return [note for note in self.notes if note.blind]


def numbered(start: int, end: int) -> bytes:
    return b"".join(b"line %06d\n" % number for number in range(start, end))


def check_whole(lines: list[RawLine], end: int) -> None:
    assert [line.data for line in lines] == numbered(0, end).splitlines()
    positions = [line.position for line in lines]
    assert positions == sorted(set(positions))


def delivers_every_line_in_order(bench: Bench) -> None:
    reading = Reading(bench.feed())
    for start in range(0, 600, 60):
        bench.write(numbered(start, start + 60))
        reading.poll()
    reading.until_lines(600)
    reading.feed.close()
    check_whole(reading.lines, 600)
    assert [line.number for line in reading.lines] == list(range(1, 601))
    assert all(
        line.position >= line.offset + line.length and line.length == len(line.data) for line in reading.lines
    )
    assert reading.notes == []


def delivers_a_line_when_it_is_complete(bench: Bench) -> None:
    reading = Reading(bench.feed())
    if not bench.has_half_lines:  # an entry is always whole
        bench.write(b"one\n")
        reading.until_lines(1)
        reading.feed.close()
        assert reading.texts == [b"one"]
        return
    bench.write(b"one\nha")
    reading.until_lines(1)
    bench.write(b"lf a line\nlast")
    reading.until_lines(2)
    assert reading.texts == [b"one", b"half a line"]
    bench.end()
    reading.until(lambda: len(reading.lines) > 2 or reading.poll(final=True), "last line")
    assert reading.texts[2:] == [b"last"]
    bench.again()
    bench.write(b"anew\n")
    reading.until_lines(4)
    reading.feed.close()
    assert reading.texts == [b"one", b"half a line", b"last", b"anew"]


def cuts_a_long_line_and_keeps_its_neighbours(bench: Bench) -> None:
    reading = Reading(bench.feed())
    lengths = (16 * 1024, 40_000, LINE_BYTES_MAX, 4 * LINE_BYTES_MAX)
    bench.write(b"before\n")
    for length in lengths:
        bench.write(bytes(97 + number % 26 for number in range(length)) + b"\n")
    bench.write(b"after\n")
    reading.until_lines(len(lengths) + 2)
    reading.feed.close()
    assert (reading.texts[0], reading.texts[-1]) == (b"before", b"after")
    for length, line in zip(lengths, reading.lines[1:-1], strict=True):
        kept = min(length, LINE_BYTES_MAX)
        assert (line.length, len(line.data), line.cut) == (length, kept, length > kept)
        assert line.data == bytes(97 + number % 26 for number in range(kept))


def takes_any_bytes(bench: Bench) -> None:
    texts = [b"bad \xff\xfe utf-8", b"\x00\x01\x7f nul", "ünï ✓".encode(), b"tab\there", b" lead", b"cr\r"]
    reading = Reading(bench.feed())
    bench.write(b"\n".join(texts) + b"\n")
    reading.until_lines(len(texts))
    reading.feed.close()
    # Docker's json-file keeps text, so what is no UTF-8 is lost there already.
    shown = [text.decode("utf-8", "replace") for text in reading.texts]
    assert shown == [text.decode("utf-8", "replace") for text in texts]


def goes_on_after_a_restart_without_loss_or_doubling(bench: Bench) -> None:
    chance = random.Random(5)
    written = 0
    lines: list[RawLine] = []
    checkpoint = None
    for turn in range(6):
        reading = Reading(bench.feed(checkpoint))
        for _ in range(chance.randrange(1, 4)):
            more = chance.randrange(1, 200)
            bench.write(numbered(written, written + more))
            written += more
            reading.poll(chance.choice((1000, 1 << 18)))
        reading.until_lines(min(written - len(lines), chance.choice((1, 1, 50))))
        if turn == 5:
            reading.until_lines(written - len(lines))
        lines += reading.lines
        checkpoint = reading.feed.checkpoint()
        reading.feed.close()
        assert reading.notes == []
    check_whole(lines, written)


def goes_on_from_an_older_checkpoint(bench: Bench) -> None:
    reading = Reading(bench.feed())
    bench.write(numbered(0, 50))
    reading.until_lines(50)
    checkpoint = reading.feed.checkpoint()
    bench.write(numbered(50, 80))
    reading.until_lines(80)
    reading.feed.close()
    again = Reading(bench.feed(checkpoint))
    again.until_lines(30)
    bench.write(numbered(80, 90))
    again.until_lines(40)
    again.feed.close()
    assert again.lines == reading.lines[50:] + again.lines[30:] or _same(again.lines[:30], reading.lines[50:])
    check_whole(reading.lines[:50] + again.lines, 90)


def _same(some: list[RawLine], others: list[RawLine]) -> bool:
    return [line[:6] for line in some] == [line[:6] for line in others]


def goes_on_when_the_source_ends_and_comes_back(bench: Bench) -> None:
    reading = Reading(bench.feed())
    written = 0
    for _ in range(3):
        bench.write(numbered(written, written + 40))
        written += 40
        reading.until_lines(written)
        bench.end()
        for _ in range(5):
            reading.poll()
        bench.again()
        bench.write(numbered(written, written + 10))
        written += 10
    reading.until_lines(written)
    reading.feed.close()
    check_whole(reading.lines, written)
    assert reading.blind == []


def goes_on_when_the_source_ended_between_two_attempts(bench: Bench) -> None:
    reading = Reading(bench.feed())
    bench.write(numbered(0, 40))
    reading.until_lines(40)
    checkpoint = reading.feed.checkpoint()
    reading.feed.close()
    bench.end()
    bench.again()
    bench.write(numbered(40, 60))
    again = Reading(bench.feed(checkpoint))
    again.until_lines(20)
    again.feed.close()
    check_whole(reading.lines + again.lines, 60)


def attached_reads_from_now_on(bench: Bench) -> None:
    bench.write(numbered(0, 300))
    settled = Reading(bench.feed())
    settled.until_lines(300)
    settled.feed.close()
    reading = Reading(bench.feed(from_end=True))
    reading.poll()
    reading.until(lambda: len(reading.before) >= 200 and reading.feed.blindness() is None, "backfill")
    for start in range(300, 400, 10):
        bench.write(numbered(start, start + 10))
        reading.poll()
    reading.until_lines(100)
    reading.feed.close()
    assert reading.before == numbered(100, 300).splitlines()
    assert reading.texts == numbered(300, 400).splitlines()


def attached_to_an_empty_source_reads_all_that_comes(bench: Bench) -> None:
    reading = Reading(bench.feed(from_end=True))
    reading.poll()
    bench.write(numbered(0, 20))
    reading.until(lambda: len(reading.before) + len(reading.lines) >= 20, "20 lines")
    checkpoint = reading.feed.checkpoint()
    reading.feed.close()
    bench.write(numbered(20, 30))
    again = Reading(bench.feed(checkpoint))
    again.until_lines(10)
    again.feed.close()
    assert [*reading.before, *reading.texts, *again.texts] == numbered(0, 30).splitlines()


def says_once_that_a_source_is_not_there_and_reads_it_when_it_is(bench: Bench) -> None:
    reading = Reading(bench.missing())
    reading.poll()
    blindness = reading.feed.blindness()
    assert blindness is not None
    assert blindness.blind
    for _ in range(20):
        reading.poll(final=True)
        time.sleep(0.05)
    told = len(reading.blind)
    assert told <= 1
    bench.create_missing()
    reading.until_lines(1)
    reading.feed.close()
    assert reading.texts == [b"first"]
    assert len(reading.blind) == told
    assert all(note.why and note.fix for note in reading.notes)


def keeps_to_its_budget_and_holds_nothing_back(bench: Bench) -> None:
    reading = Reading(bench.feed())
    line = b"y" * 99 + b"\n"
    for _ in range(20):
        bench.write(line * 200)
    sizes = []
    limit = time.monotonic() + _BOUND_S
    while len(reading.lines) < 4000:
        assert time.monotonic() < limit
        sizes.append(sum(line.length + 1 for line in reading.poll(10_000)))
    reading.feed.close()
    assert max(sizes) <= 12_000
    assert reading.lines[-1].position == 400_000


def gives_the_same_lines_in_blocks(bench: Bench) -> None:
    reading = Reading(bench.feed())
    lines: list[RawLine] = []
    parts: list[RawLine] = []

    def poll() -> list[RawLine]:
        for block in reading.feed.blocks(time.monotonic() * HURRY, 3000):
            found = list(block.lines())
            assert (found[0].number, found[0].offset, found[-1].position) == (
                block.number,
                block.offset,
                block.end,
            )
            assert block.odd is not None or bytes(block.data).count(b"\n") == len(found)
            halves = block.split(found[len(found) // 2].position)
            parts.extend(line for half in halves if half is not None for line in half.lines())
            lines.extend(found)
        return lines

    for start in range(0, 400, 40):
        bench.write(numbered(start, start + 40))
    bench.write(b"z" * 2 * LINE_BYTES_MAX + b"\n" + numbered(400, 410))
    limit = time.monotonic() + _BOUND_S
    while len(poll()) < 411:
        assert time.monotonic() < limit
        time.sleep(0.01)
    reading.feed.close()
    assert parts == lines
    assert [line.number for line in lines] == list(range(1, 412))
    assert (lines[400].length, len(lines[400].data), lines[400].cut) == (
        2 * LINE_BYTES_MAX,
        LINE_BYTES_MAX,
        True,
    )
    assert [line.data for line in lines if not line.cut] == numbered(0, 410).splitlines()
    assert all(
        line.position == before.position + line.length + 1 for before, line in itertools.pairwise(lines)
    )


def leaves_no_process(bench: Bench) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    reading = Reading(bench.feed())
    bench.write(b"x\n")
    reading.until_lines(1)
    children = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    reading.feed.close()
    assert not any(child.is_running() for child in children)


def goes_on_when_its_program_is_killed(bench: Bench) -> None:
    before = {child.pid for child in psutil.Process().children()}
    reading = Reading(bench.feed())
    for turn in range(3):
        bench.write(numbered(20 * turn, 20 * turn + 20))
        reading.until_lines(20 * turn + 20)
        for child in psutil.Process().children():
            if child.pid not in before:
                os.kill(child.pid, signal.SIGKILL)
    bench.write(numbered(60, 80))
    reading.until_lines(80)
    reading.feed.close()
    check_whole(reading.lines, 80)
    assert reading.blind == []


CONTRACTS = (
    delivers_every_line_in_order,
    delivers_a_line_when_it_is_complete,
    cuts_a_long_line_and_keeps_its_neighbours,
    takes_any_bytes,
    goes_on_after_a_restart_without_loss_or_doubling,
    goes_on_from_an_older_checkpoint,
    goes_on_when_the_source_ends_and_comes_back,
    goes_on_when_the_source_ended_between_two_attempts,
    attached_reads_from_now_on,
    attached_to_an_empty_source_reads_all_that_comes,
    says_once_that_a_source_is_not_there_and_reads_it_when_it_is,
    keeps_to_its_budget_and_holds_nothing_back,
    gives_the_same_lines_in_blocks,
    leaves_no_process,
    goes_on_when_its_program_is_killed,
)
