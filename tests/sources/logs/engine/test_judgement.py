"""All labelled lines, read in blocks: what is found is what reading each line as a candidate finds."""

from __future__ import annotations

import random
from functools import cache

import pytest

from benchmarks.log_lines import FORMS, Mix, writer
from tests import secret_samples
from tests.detectors.logs import test_outward as outward
from tests.detectors.logs.test_memory_lines import HEAP, RSS
from tests.detectors.logs.test_storms import BUSY, STORMS
from tests.sources.logs import test_classify, test_keywords, test_parse, test_trace_corpus, test_traces
from tests.sources.logs.engine.blocks import AT_MS, batches
from tests.sources.logs.engine.test_fold import NASTY, SERVICE, Engine, Reference, compare, seen
from tests.sources.logs.engine.test_scanning import marks_of
from tests.sources.logs.labelled import formats, keywords, traces
from tests.sources.logs.lines import line, lines_of
from tools import masking
from tools.sources.logs import classify
from tools.sources.logs import traces as reader
from tools.sources.logs.engine.batch import Batch
from tools.sources.logs.engine.budgets import RATES, Rate, Work
from tools.sources.logs.engine.fallback import Buffers
from tools.sources.logs.engine.patterns import HEADS, JUDGED, PATTERNS, Mark
from tools.sources.logs.engine.scanning import Scanner

MEMORY = (
    HEAP, RSS, "memory usage: 1.5 GB", "process_resident_memory_bytes 123456789", '{"heap_used_mb": 44.5}', "heapUsed: 12",
    "heap used is 99 MiB of 512 MiB", "level=info mem_used=204800k", "rss feed loaded, 120 entries", "memory usage: 91 %",
    '{"level":30,"msg":"stats","heapUsed":12}', "\x1b[36mrss\x1b[0m=\x1b[33m120\x1b[0m MB",
)  # fmt: skip
COLOURED = (
    "\x1b[31merr\x1b[0m x", "\x1b[90m    at f (/a/b.js:1:2)\x1b[39m", "\x1b[32m0\x1b[39m errors", "\x1b[32m3\x1b[39m errors",
    "\x1b[36mpassword\x1b[0m=\x1b[33mhunter2!Zq9\x1b[0m", "\x1b[1mE0507 10:00:00.123456       1 a.go:3] lost\x1b[0m",
    '{"level":"\\u001b[31merr\\u001b[39m","msg":"x"}', '{"log":"\\u001b[31merror\\u001b[39m: x\\n","stream":"stdout","time":"2025-06-15T10:00:00Z"}',
)  # fmt: skip
NUMBERED = (
    "<11>Jun 15 10:00:00 host app[1]: lost", "<14>Jun 15 10:00:00 host app[1]: lost", "<12>1 2025-06-15T10:00:00Z host app 1 - - lost",
    "<8>Jun 15 10:00:00 host app[1]: lost", '{"short_message":"lost","level":3,"version":"1.1"}', '{"short_message":"lost","level":6,"version":"1.1"}',
    '{"severityNumber":17,"body":"lost"}', '{"severity_number":9,"body":"kept"}', '{"s":"E","c":"NETWORK","ctx":"x","msg":"lost"}',
    '{"s":"I","c":"NETWORK","ctx":"x","msg":"kept"}', '{"PRIORITY":"3","MESSAGE":"lost","__REALTIME_TIMESTAMP":"1750000000000000"}',
    '{"PRIORITY":"6","MESSAGE":"kept","__REALTIME_TIMESTAMP":"1750000000000000"}', "1:M 15 Jun 2025 10:00:00.000 # low", "at=50 msg=lost",
    "1:M 15 Jun 2025 10:00:00.000 * kept", '{"@l":"Error","@t":"2025-06-15T10:00:00Z","@m":"lost"}', '{"level" :   50,"msg":"lost"}',
    '{"log":"E0507 10:00:00.123456       1 a.go:3] lost\\n","stream":"stderr","time":"2025-06-15T10:00:00Z"}',
    '{"log":"{\\"level\\":50,\\"msg\\":\\"lost\\"}\\n","stream":"stderr","time":"2025-06-15T10:00:00Z"}',
    '{"log":"2025-06-15T10:00:00Z\\tERR\\tlost\\n","stream":"stderr","time":"2025-06-15T10:00:00Z"}',
)  # fmt: skip
ANSWERS = (
    *(
        f'10.0.0.1 - - [15/Jun/2025:15:06:40 +0000] "GET {path} HTTP/1.1" {status} 12 "-" "x"'
        for path in ("/a/7", "/b/8", "/a/", "/a?x=7", "/b?x=7", "/a")
        for status in (200, 404, 500, 503, 999)
    ),
    "GET /a/7 500", "GET /a/7 HTTP/1.1 503", "POST /b 502 - 3.1 ms", "GET /a/7 200 12 ms",
)  # fmt: skip
ALIKE = (
    "0 errors, 3 warnings", "3 errors, 0 warnings", "error: (12)", "error: [12]", "error 12", "error  x", "started errors:3",
    "started things:3", "connect retry ECONNREFUSED:10.1.1.1:6379", "connect retry gateway:10.1.1.1:6379", "HTTP 404 not found",
    "HTTP 500 not found", "errors: 0", "errors: 10", "errors: 0.0", "errors: 0.5", "retry https://x1?id=error", "retry zzz1?id=error",
    "attempt 3 of 5", "attempt a3b of 5", "agent safety score 0.9", "agent safety score 0.2", "agent task 12 timed out after 301 s",
    "agent task 12 timed out after 30 s", "heapUsed: 12", "heapUsed: 120000000", 'responded with 500: {"error":"at f (/app/x.js:1:2)"}',
    'responded with 200: {"error":"at f (/app/x.js:1:2)"}', "npm ERR! 12", "npm ERR 12", "ERROR: 0", "ERROR: 5", "0 ERROR x", "3 ERROR x",
)  # fmt: skip


@cache
def single_lines() -> tuple[str, ...]:
    """Every labelled line, some of them inside the frames of other loggers."""
    worded = [*keywords(failures=True), *keywords(failures=False)]
    told = [
        *outward.EXPOSED,
        *outward.NOT_EXPOSED,
        *outward.SAFETY,
        *outward.TIMEOUT,
        *outward.RETRIES,
        *outward.NO_RUN,
    ]
    found = [
        *(labelled.text for labelled in formats()),
        *worded, *(frame.format(text) for frame in test_keywords.FRAMES for text in worded[::5]),
        *test_keywords.QUIET, *test_keywords.NOT_QUIET, *told, *MEMORY, *COLOURED, *NUMBERED, *ANSWERS, *ALIKE,
        *test_classify.FAILURES, *test_classify.HARMLESS, *test_classify.LEVELLED, *test_parse.CASES,
        *(text for texts in (*STORMS, *BUSY) for text in (texts if isinstance(texts, tuple) else (texts,))),
    ]  # fmt: skip
    return tuple(dict.fromkeys(part for text in found if isinstance(text, str) for part in text.split("\n")))


@cache
def secret_lines() -> tuple[str, ...]:
    """Every secret in every context, and what only looks like one."""
    found = [
        frame(sample.name, sample.text)
        for sample in secret_samples.SAMPLES
        for frame in secret_samples.CONTEXTS.values()
    ]
    found += [*secret_samples.LOOK_ALIKES.values(), *(sample.text for sample in secret_samples.SAMPLES)]
    return tuple(dict.fromkeys(part for text in found for part in text.split("\n")))


@cache
def trace_lines() -> tuple[str, ...]:
    """Every labelled stack trace, with records and other lines around and inside of them."""
    found = [*traces().values(), *(text for text, _ in test_traces.TRACES.values())]
    return (*found, test_traces.ENDED, test_traces.UNRELATED, test_traces.INSIDE)


@pytest.fixture(autouse=True)
def _with_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over a budget is counted, not judged: here nothing is."""
    for work in Work:
        monkeypatch.setitem(RATES, work, Rate(1e6, 1e6))


@pytest.fixture(params=["hyperscan", "re2"], scope="module")
def scan(request: pytest.FixtureRequest) -> Scanner:
    if request.param == "re2":
        return Buffers(PATTERNS)
    pytest.importorskip("hyperscan")
    from tools.sources.logs.engine.database import Hyperscan

    return Hyperscan(PATTERNS)


class Uncached(Reference):
    """Each line is judged anew."""

    def take(self, batch: Batch) -> None:
        for record in lines_of(batch):
            self.window._verdicts.clear()
            for item in self.window.fold(record):
                self.window.take(item)


def found_in(reader_: Reference | Engine, text: str, *, captured: bool = False) -> dict[str, object]:
    for batch in batches([text.encode() + b"\n"], SERVICE, captured=captured):
        reader_.take(batch)
    for item in reader_.window.settle(AT_MS, final=True):
        reader_.window.take(item)
    return seen(reader_.window)


@pytest.mark.parametrize("part", range(8))
def test_every_labelled_line_alone_is_what_it_is_as_a_candidate(scan: Scanner, part: int) -> None:
    for text in single_lines()[part::8]:
        assert found_in(Engine(scan), text) == found_in(Reference(), text), text


def test_no_labelled_line_that_is_something_is_passed_over(scan: Scanner) -> None:
    texts = [text for text in single_lines() if "\x1b" not in text]
    for text, mark in zip(texts, marks_of([text.encode() for text in texts], scan), strict=True):
        record = line(text)
        if classify.classify(record):
            assert classify.is_candidate(record), text
            assert mark & JUDGED, text
        if reader._opens(record) or reader._may_be_head(record):
            assert mark & HEADS, text


def test_no_labelled_secret_is_passed_over(scan: Scanner) -> None:
    texts = secret_lines()
    for text, mark in zip(texts, marks_of([text.encode() for text in texts], scan), strict=True):
        assert mark & Mark.SECRET or not masking.scan(text)[1], text


@pytest.mark.parametrize("captured", [False, True])
def test_all_labelled_secrets_give_the_same_as_one_by_one(scan: Scanner, captured: bool) -> None:
    texts = list(secret_lines())
    random.Random(3).shuffle(texts)
    pieces = ["\n".join(texts[at : at + 60]).encode() + b"\n" for at in range(0, len(texts), 60)]
    compare(pieces, captured=captured, until=lambda: Engine(scan), formats=False)


@pytest.mark.parametrize("most", [40, 400])
def test_all_labelled_lines_together_give_the_same_as_one_by_one(scan: Scanner, most: int) -> None:
    texts = list(single_lines())
    random.Random(most).shuffle(texts)
    pieces = ["\n".join(texts[at : at + most]).encode() + b"\n" for at in range(0, len(texts), most)]
    compare(pieces, until=lambda: Engine(scan), one_by_one=Uncached)


@pytest.mark.parametrize("seed", range(6))
def test_all_labelled_traces_together_give_the_same_as_one_by_one(scan: Scanner, seed: int) -> None:
    chance = random.Random(seed)
    around = [*test_trace_corpus.BEFORE, *test_trace_corpus.AFTER, test_trace_corpus.RECORD, *NASTY]
    records = chance.random() < 0.5
    texts: list[str] = [test_trace_corpus.RECORD] * (40 if records else 0)
    for trace in chance.sample(trace_lines(), k=len(trace_lines())):
        texts += [test_trace_corpus.RECORD] * chance.choice((0, 1, 2)) if records else [chance.choice(around)]
        lines = trace.split("\n")
        if chance.random() < 0.4:
            lines.insert(chance.randrange(len(lines) + 1), test_trace_corpus.RECORD)
        texts += lines
    text = "\n".join(texts).split("\n")
    most = chance.choice((7, 60, 5000))
    pieces = ["\n".join(text[at : at + most]).encode("utf-8") + b"\n" for at in range(0, len(text), most)]
    compare(pieces, until=lambda: Engine(scan))


def test_memory_in_lines_is_followed_as_one_by_one(scan: Scanner) -> None:
    texts = [
        f'{{"level":30,"time":{AT_MS + 700 * number},"msg":"stats","heapUsed":{120_000_000 + number * 4096}}}'
        for number in range(3000)
    ]
    pieces = ["\n".join(texts[at : at + 200]).encode() + b"\n" for at in range(0, len(texts), 200)]
    compare(pieces, until=lambda: Engine(scan))


@pytest.mark.parametrize("form", FORMS)
def test_no_line_that_says_nothing_is_looked_at(form: str) -> None:
    texts = [text.rstrip("\n") for text in writer(form, Mix(0, 0, 0)).lines(200)]
    assert not any(mark & JUDGED for mark in marks_of([text.encode() for text in texts]))
