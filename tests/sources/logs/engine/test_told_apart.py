"""Lines that look alike to what reads many at once, and are not: what one by one gives is what counts."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.sources.logs.engine.blocks import AT_MS, batches
from tests.sources.logs.engine.test_fold import SERVICE, Engine, Reference
from tests.sources.logs.engine.test_seen import told
from tools.sources.logs.engine import kinds

AT = "2025-06-15 15:06:4"
RECORDS = [f"{AT}{number % 10},000 INFO order {number} stored" for number in range(30)]
BRACKETED = [f"[{AT}{number % 10},000] INFO order {number} stored" for number in range(30)]
PLAIN_TRACE = [
    "Traceback (most recent call last):", '  File "/srv/a.py", line 7, in handle', "    store()", "ValueError: no 7",
]  # fmt: skip
TIMED = [*RECORDS * 4, *RECORDS[:5]]
THREADS = f"[{'a b' * 20}] [a1b2c3d4] [{'c d' * 11}"


def half(word: str) -> str:
    """A half of a line: as much as one key reads of it."""
    return word.ljust(16 * 1024, "x")


def timed(*said: str) -> list[str]:
    """Records that say this, among others whose time is known."""
    return [*TIMED, *(line for text in said for line in (f"{AT}9,000 {text}", RECORDS[9]))]


CASES = {
    "short lines that are all of their own beginning": ["<heap>", "<oom>"],
    "long lines of two equal halves": [half("heap ") * 2, half("oom ") * 2],
    "a priority with zeros before it": ["<03>Jun 15 10:00:00 host app[1]: lost", "<003>1 2025-06-15T10:00:00Z h a 1 - - lost"],
    "words of one server alone": ["memory: Bad file format reading the append only file"],
    "an indented time": [*BRACKETED, f" {AT}1,000 order failed"],
    "a level's name in a word with digits": ["INFO:worker1: order failed", "WARN:worker1: order failed"],
    "a word before a number": timed("lookup error: order not found:17", "lookup error: order not saved:17"),
    "an id that begins with a digit": timed("payment attempt 3f2a91c7d5e4 created", "payment attempt af2a91c7d5e4 created"),
    "what a number is of": timed("worker: error handler-3 registered", "worker: error backlog-3 registered"),
    "a control character in a level's name": timed("le\rvel=30 msg=retrying", "le\rvel=20 msg=retrying"),
    "control characters that stand for digits in keys": timed("found \x10 errors\x00", "found 0 errors\x00"),
    "a level's name in brackets": ["[INFO/worker-1] order failed", "[WARN/worker-1] order failed"],
    "how long ids are before a level": timed(f"{THREADS} e5] ERROR: timeout", f"{THREADS} {'e5' * 20}] ERROR: timeout"),
    "code in braces below its place": ["/srv/app.js:12", "{throw new Error('x')}", "", "Error: x", "    at f (/srv/app.js:12:7)", "    at g (/srv/app.js:3:1)"],
    "an indented table": ["  +------+------+", "  | name | size |", "  +------+------+"],
    "an id in the message of a record with a trace": [
        r'{"level":50,"msg":"order 1750000000123-0 lost","err":{"stack":"Error: x\n    at f (/a.js:1:2)"}}',
        f"{AT}1,000 INFO order 7 stored",
    ],
    "objects that are none behind a known trace": [
        *RECORDS * 2, *([f"{AT}1,000 ERROR order 7 failed", *PLAIN_TRACE, *RECORDS[:5]] * 2),
        f"{AT}1,000 ERROR order 8 failed", *PLAIN_TRACE, *["{ more of it }"] * 4, *RECORDS,
    ],
}  # fmt: skip
TIMES = {
    "a time with a zone among those without": [*TIMED, f"{AT}1,000+05:00 INFO order 7 stored", f"{AT}1,000 +0500 INFO order 8 stored"],
    "a time of UTC among those without a zone": [*TIMED, f"{AT}9,000 UTC INFO order 7 stored"],
    "a fraction among times without one": [*[line.replace(",000", "") for line in TIMED], f"{AT}9.750 INFO order 7 stored"],
}  # fmt: skip


@pytest.fixture(params=["UTC", "America/New_York"])
def _zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """This machine's local time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("most", [1, 60])
@pytest.mark.parametrize("lines", [pytest.param(lines, id=name) for name, lines in CASES.items()])
def test_what_looks_alike_is_told_apart(lines: list[str], most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "MANY", 1)
    for given in (lines, lines[::-1]):
        same(given, most)


@pytest.mark.usefixtures("_zone")
@pytest.mark.parametrize("lines", [pytest.param(lines, id=name) for name, lines in TIMES.items()])
def test_a_time_that_only_begins_like_the_others_is_another(lines: list[str]) -> None:
    same(lines, 60)


def same(lines: list[str], most: int) -> None:
    pieces = ["".join(f"{line}\n" for line in lines[at : at + most]) for at in range(0, len(lines), most)]
    reference, engine = Reference(), Engine()
    for reader in (reference, engine):
        for batch in batches([piece.encode() for piece in pieces], SERVICE):
            reader.take(batch)
        for item in reader.window.settle(AT_MS, final=True):
            reader.window.take(item)
    assert told(engine.window) == told(reference.window)
