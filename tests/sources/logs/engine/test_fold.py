"""Blocks give what lines one by one give: templates, traces, secrets, rhythm, formats, clocks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from benchmarks.log_lines import FORMS, Mix, writer
from tests.sources.logs.engine.blocks import AT_MS, batches
from tests.sources.logs.lines import lines_of
from tools.sources.logs.engine import joined, kinds
from tools.sources.logs.engine.batch import Batch
from tools.sources.logs.engine.budgets import RATES, Rate, Work, over
from tools.sources.logs.engine.fold import Folder
from tools.sources.logs.engine.scanning import Scanner, scanner
from tools.sources.logs.window import Window

SERVICE = "orders"
NASTY = (
    "0 errors, 3 warnings", "3 errors, 0 warnings", '{"level":30,"msg":"done","errors":[]}', "ERROR",
    '{"level":50,"msg":"boom","stack":"Error: boom\\n    at f (/a/b.js:1:2)\\n    at g (/a/c.js:3:4)"}',
    "Error: lost\n    at f (/srv/a.js:1:2)\n    at g (/srv/b.js:3:4)\nnext line of its own",
    'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    x()\nValueError: bad',
    "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n\t/srv/main.go:7 +0x1d\nexit status 2",
    "thread 'main' panicked at src/main.rs:2:5:\nboom\nnote: run with `RUST_BACKTRACE=1`", 'Exception in thread "main" java.lang.Error: x\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: y\n\t... 3 more',
    "\x1b[31merror\x1b[39m: coloured", "ER\x1b[0mROR hidden", "tab\there", "", "   ", "\r", "caf\xe9 \xff",
    "orders service started on port 3001", "server listening on 3001", "WARN retrying connection, attempt 3",
    "E0507 10:00:00.123456       1 a.go:3] lost", "I0507 10:00:01.123456       1 a.go:3] kept",
    '10.0.0.1 - - [15/Jun/2025:15:06:40 +0000] "GET /a/7 HTTP/1.1" 503 12 "-" "x"',
    '10.0.0.1 - - [15/Jun/2025:15:06:40 +0000] "GET /a/7 HTTP/1.1" 200 512 "-" "x"',
    'level=error msg="order 1750000000123-0 lost" request_id=abcd1234', "level=50 msg=x", "password=hunter2!Zq99 given",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----\nafter",
    '2025-06-15 15:06:41,000 DEBUG cache lookup failed\nTraceback (most recent call last):\n  File "a.py", line 1, in f\n    x()\nValueError: bad',
    "2025-06-15 15:06:41,000 DEBUG order 12\njava.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)", "2025-06-15 15:06:41,000 DEBUG nothing to say",
    '[10:00:00.000] DEBUG (7): order 12\n    err: {\n      "type": "Error",\n      "stack":\n          Error: boom\n              at f (/a.js:1:2)\n    }',
    '[10:00:00.000] INFO (7): retrying\n    err: {\n      "code": "ECONNREFUSED",\n      "stack":\n          TypeError: boom\n              at f (/a.js:1:2)\n    }',
    "          Error: boom\n              at g (/a.js:1:2)", "\x1b[90m    id: 7\x1b[39m",
    f"  command: {{\n    name: 'auth',\n    args: [\n      'default',\n      '{'hunter2' + 'Zq99'}'\n    ]\n  }}",
    "2025-06-15 15:06:41,000 INFO first", "2025-06-15 15:06:30,000 INFO back", "2025-06-15 15:06:31,500 ERROR then",
    *(f"2025-06-15 15:06:42,000 ERROR login failed for user {name}: password rejected" for name in ("alice", "bob", "carl", "dora", "eve", "finn")),
    *(f"2025-06-15 15:06:42,000 ERROR cannot open /srv/{name}/orders.csv: no such file" for name in ("alice", "bob", "carl", "dora", "eve")),
    "HTTP 404 not found for user 7", "HTTP 500 not found for user 7", "FATAL validation failed: 400 bad request",
)  # fmt: skip


class Reference:
    """The window, fed with one record after the other."""

    def __init__(self) -> None:
        self.window = Window([SERVICE], AT_MS)

    def take(self, batch: Batch) -> None:
        for line in lines_of(batch):
            for item in self.window.fold(line):
                self.window.take(item)


class Engine:
    """The window, fed with blocks."""

    def __init__(self, scan: Scanner | None = None) -> None:
        self.window = Window([SERVICE], AT_MS)
        self.folder = Folder(self.window, scan or scanner())

    def take(self, batch: Batch) -> None:
        folded = self.folder.fold(batch, 0.0)
        self.window.enrol(folded.items)
        for item in folded.items:
            self.window.take(item)
        self.folder.settle()


def seen(window: Window, *, formats: bool = True) -> dict[str, Any]:
    """All that a tick would look at, with templates by name; without the counts of `formats`, which may be a sample's."""
    templates = {" | ".join(item.key): msgspec.to_builtins(item) for item in window.touched()}
    return {
        "templates": templates,
        "order": list(templates),
        "activities": [
            msgspec.to_builtins(activity) | ({} if formats else {"formats": sum(activity.formats.values())})
            for activity in window.activities()
        ],
        "secrets": msgspec.to_builtins(window.secrets),
    }


def compare(
    pieces: list[bytes],
    *,
    captured: bool = False,
    until: Callable[[], Engine] = Engine,
    one_by_one: Callable[[], Reference] = Reference,
    formats: bool = True,
) -> None:
    reference, engine = one_by_one(), until()
    # Each has batches of its own: they carry where a private key has begun.
    given = (batches(pieces, SERVICE, captured=captured) for _ in range(2))
    for batch, same in zip(*given, strict=True):
        reference.take(batch)
        engine.take(same)
        if batch.block.number % 2:
            assert seen(engine.window, formats=formats) == seen(reference.window, formats=formats)
            reference.window.clear()
            engine.window.clear()
    for window in (reference.window, engine.window):
        for item in window.settle(AT_MS, final=True):
            window.take(item)
    assert seen(engine.window, formats=formats) == seen(reference.window, formats=formats)


def cut(lines: Iterable[str], chance: random.Random, most: int) -> list[bytes]:
    """The lines in pieces of up to `most`."""
    rest = [line.encode("latin-1") for text in lines for line in text.split("\n")]
    pieces = []
    while rest:
        count = chance.randrange(1, most)
        pieces.append(b"".join(line + b"\n" for line in rest[:count]))
        del rest[:count]
    return pieces


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("most", [3, 60])
def test_lines_of_every_logger_give_the_same_as_one_by_one(form: str, most: int) -> None:
    lines = [line.rstrip("\n") for line in writer(form, Mix(0.2, 0.1, 0.3)).lines(400)]
    compare(cut(lines, random.Random(most), most))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("captured", [False, True])
def test_lines_of_all_kinds_mixed_give_the_same_as_one_by_one(seed: int, captured: bool) -> None:
    chance = random.Random(seed)
    lines = [chance.choice(NASTY) for _ in range(150)]
    if captured:
        lines += ["token [masked:jwt:0123456789ab] given"] * 3
    compare(cut(lines, chance, chance.choice((2, 8, 60))), captured=captured)


@pytest.mark.parametrize("source", [*FORMS, *map(str, range(6))])
def test_keys_that_are_made_together_give_the_same_as_one_by_one(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "MANY", 1)
    monkeypatch.setattr(kinds, "TOGETHER_MAX", 7)
    chance = random.Random(source)
    if source in FORMS:
        lines = [line.rstrip("\n") for line in writer(source, Mix(0.4, 0.3, 0.1)).lines(300)]
    else:
        lines = [chance.choice(NASTY) for _ in range(200)]
    compare(cut(lines, chance, 40))


@pytest.mark.parametrize("seed", range(6))
def test_blocks_of_many_sources_together_give_what_each_alone_gives(seed: int) -> None:
    chance = random.Random(seed)
    services = ["orders", "api-1", "billing", "stock"]
    written = [[chance.choice(NASTY) for _ in range(80)] for _ in services]
    for form, lines in zip(FORMS, written[2:], strict=False):
        lines[:] = [line.rstrip("\n") for line in writer(form, Mix(0.1, 0.1, 0.3)).lines(120)]
    pieces = [cut(lines, chance, 12) for lines in written]
    alone, together = Engine(), Engine()
    turns = zip(*(batches(given, name) for given, name in zip(pieces, services, strict=True)), strict=False)
    same = zip(*(batches(given, name) for given, name in zip(pieces, services, strict=True)), strict=False)
    for turn, (ones, others) in enumerate(zip(turns, same, strict=True)):
        for batch in ones:
            alone.take(batch)
        for gathered in joined.gathered(others):
            assert len(gathered) == len(services)
            for folded in together.folder.fold_all(gathered, 0.0):
                together.window.enrol(folded.items)
                for item in folded.items:
                    together.window.take(item)
        together.folder.settle()
        assert seen(together.window) == seen(alone.window)
        if turn % 2:
            alone.window.clear()
            together.window.clear()


def test_the_fallback_gives_the_same_as_one_by_one() -> None:
    from tools.sources.logs.engine.fallback import Buffers
    from tools.sources.logs.engine.patterns import PATTERNS

    chance = random.Random(3)
    lines = [chance.choice(NASTY) for _ in range(200)]
    compare(cut(lines, chance, 30), until=lambda: Engine(Buffers(PATTERNS)))


def error(words: str) -> str:
    return json.dumps({"level": 50, "time": AT_MS, "msg": words})


def test_one_of_many_lines_of_a_template_is_judged_and_all_are_counted() -> None:
    lines = "".join(error(f"order {number:x}{number} failed") + "\n" for number in range(5000))
    engine = Engine()
    engine.take(next(batches([lines.encode(), b""], SERVICE)))
    for item in engine.window.settle(AT_MS, final=True):
        engine.window.take(item)
    [template] = engine.window.touched()
    assert (template.total, len(template.times_ms), template.example.line) == (5000, 64, 5000)
    assert engine.folder.kinds < 200


def test_what_is_over_a_budget_is_counted_by_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RATES, Work.JUDGE, Rate(10, 20))
    chance = random.Random(1)
    words = ["".join(chance.choices("ghijklmnop", k=12)) for _ in range(100)]
    errors = "".join(error(f"{word} failed") + "\n" for word in words) + "{}\n"
    engine = Engine()
    engine.take(next(batches([errors.encode()], SERVICE)))
    assert sum(item.total for item in engine.window.touched()) == 20
    told = list(over(engine.folder.budgets))
    assert told == [(SERVICE, Work.JUDGE, 80, "words of failure 80, level 50, as a number 80")]
    other = engine.folder.fold(next(batches([errors.encode()], "payments")), 0.0)
    assert len(other.items) == 20, "another service has a budget of its own"


def test_new_kinds_of_failures_have_a_budget_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RATES, Work.KIND, Rate(0, 5))
    words = [chr(ord("g") + at) * 9 for at in range(12)]
    harmless = "".join(f"2025-06-15 15:06:40 INFO {word} is running well\n" for word in words)
    errors = "".join(error(f"{word} failed") + "\n" for word in words) + error("ggggggggg failed") + "\n{}\n"
    engine = Engine()
    engine.take(next(batches([(harmless + errors).encode()], SERVICE)))
    assert sum(item.total for item in engine.window.touched()) == 6, "a kind that is known is counted on"
    assert [(work, lines) for _, work, lines, _ in over(engine.folder.budgets)] == [(Work.KIND, 7)]


def test_a_line_that_was_not_checked_for_secrets_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RATES, Work.CONFIRM, Rate(10, 20))
    secrets = "".join(f"password=hunter{at}! used\n" for at in range(100))
    engine = Engine()
    folded = engine.folder.fold(next(batches([secrets.encode()], SERVICE)), 0.0)
    assert len(engine.window.secrets) == 20
    assert folded.unchecked == set(range(20, 100))
    assert [(work, lines) for _, work, lines, _ in over(engine.folder.budgets)] == [(Work.CONFIRM, 80)]


def test_sources_that_are_read_all_the_time_are_settled_only_where_all_are() -> None:
    window = Window([], AT_MS)
    folder = Folder(window, scanner())
    for service, reads in (("orders", 1), ("billing", 3)):
        for batch in batches([b"2025-06-15 15:06:40 INFO one\n"] * reads, service):
            folder.fold(batch, 0.0)

    def last_lines() -> dict[str, int | None]:
        lines = {activity.service: activity.last_line for activity in window.activities()}
        return {service: None if line is None else line.line for service, line in lines.items()}

    folder.settle(AT_MS)
    assert last_lines() == {"orders": 1, "billing": None}
    folder.settle()
    assert last_lines() == {"orders": 1, "billing": 3}


def test_a_long_line_takes_as_much_of_a_budget_as_many_short_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RATES, Work.CONFIRM, Rate(0, 300))
    lines = [f"password=hunter{at}! {'x' * 10_000 if at < 2 else ''} used" for at in range(100)]
    engine = Engine()
    folded = engine.folder.fold(
        next(batches(["".join(line + "\n" for line in lines).encode()], SERVICE)), 0.0
    )
    assert len(folded.secrets) == 2 + 300 - 2 * 141
    monkeypatch.setitem(RATES, Work.CONFIRM, Rate(0, 5))
    engine = Engine()
    folded = engine.folder.fold(
        next(batches(["".join(line + "\n" for line in lines).encode()], SERVICE)), 0.0
    )
    assert [row for row, _ in folded.secrets] == [0], "one line may be more than all that there is room for"


def test_many_traces_are_whole_up_to_the_budget_and_counted_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RATES, Work.TRACE, Rate(10, 30))
    trace = "Error: lost\n    at f (/srv/a.js:1:2)\n    at g (/srv/b.js:3:4)\n"
    engine = Engine()
    engine.take(next(batches([("INFO one\n" + trace).encode() * 50], SERVICE)))
    whole = [item for item in engine.window.touched() if item.trace is not None]
    assert whole
    assert all(item.trace == trace.rstrip() for item in whole)
    [(_, work, lines, _)] = over(engine.folder.budgets)
    assert work is Work.TRACE
    assert lines > 50


def test_of_lines_with_the_newest_time_the_last_is_kept_over_blocks() -> None:
    later, earlier = "2025-06-15 15:06:41,500", "2025-06-15 15:06:41,200"
    compare(
        [
            f"{later} INFO first\n".encode(),
            f"{later} INFO second\n{earlier} INFO between\n".encode(),
            f"{earlier} INFO last\n".encode(),
        ]
    )
