"""Lines that share a key share what reading each of them for itself says."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.logs.engine.blocks import AT_MS, batches
from tests.sources.logs.engine.test_judgement import single_lines
from tests.sources.logs.engine.test_scanning import marks_of
from tests.sources.logs.lines import lines_of
from tools.sources.logs.digits import apart, own_name, without_digits
from tools.sources.logs.engine import alike, keys
from tools.sources.logs.engine.batch import plain
from tools.sources.logs.engine.patterns import JUDGED, Mark
from tools.sources.logs.window import Judged, Window

SERVICE = "api-1"
NUMBERS = (
    "0", "1", "2", "7", "01", "10", "12", "020", "30", "40", "50", "99", "100", "200", "300", "301", "404", "409", "422", "429", "500",
    "503", "1234567", "0.0", "0.5", "1.5", "0.05", "1750000000123", "0.00", "4", "5", "15", "16", "17",
)  # fmt: skip
WORDS = (
    "12",
    "a1",
    "1f",
    "ab12cd",
    "x-1",
    "e1/f2",
    "0x1f",
    "v2",
    "10.0.0.1",
    "error1",
    "7ms",
    "7s",
    "1h",
    "api-1",
    "api-2",
)
TOLD_APART = (
    "api-1 started", "api-2 started", "order failed, attempt 1", "attempt #1 of 3 for order 7", "attempt 02 for order 7",
    '{"level":30,"msg":"retrying order 12"}', '{"level":20,"msg":"retrying order 12"}', "took 1.404 s, user not found, fatal",
    "<14>Jun 15 10:00:00 host app[1]: retrying 3", "error: 5.5 ", "main process exited, code=exited, status=020", "train error 0.25, step 3", "2.0 errors", "2.5 errors",
    '  File "/srv/app/pay.py", line 12, in handle', "    at charge (/srv/app/pay.js:12:30)", "cache of /srv/app/pay.js is 500 entries, loading 404",
    'response 500 with body {"error":"ENOENT /srv/app/pay.js"}', "HTTP/1.1 500 error at charge (/srv/app/pay.js:12:30)", "sent 404 with body: error in /srv/app/pay.js",
    '{"level":30,"status":500,"body":"Error: at charge (/srv/app/pay.js:12:30)"}', '{"level":30,"status":200,"body":"Error: at charge (/srv/app/pay.js:12:30)"}',
    '{"level":30,"res":{"statusCode":500,"data":"no such file /srv/app/pay.js"},"msg":"done"}', '{"level":30,"res":{"statusCode":204,"data":"no such file /srv/app/pay.js"},"msg":"done"}',
    '\x1b[32m{"level":30,"status":500,"body":"Error: at charge (/srv/app/pay.js:12:30)"}', '{"level":30,"ms":12,"in":"/srv/app/pay.js","msg":"started"}',
    '{"level":"info","msg":"\\u0065rror 7"}', '{"level":"info","msg":"\\u0066rror 7"}', '{"level":30,"in":{"level":50},"msg":"retrying 1"}',
)  # fmt: skip


def changed(text: str, chance: random.Random) -> str:
    """The line with other figures, or with other words that hold digits."""

    def number(match: re.Match[str]) -> str:
        return chance.choice(NUMBERS) if chance.random() < 0.4 else match.group()

    def word(match: re.Match[str]) -> str:
        return chance.choice(WORDS) if chance.random() < 0.3 else match.group()

    if chance.random() < 0.5:
        return re.sub(r"[A-Za-z0-9_+./%-]*\d[A-Za-z0-9_+./%-]*", word, text)
    return re.sub(r"(?<![\d:TZ-])\d+(?![\d:TZ-])", number, text)


def judged_of(line: bytes) -> tuple[Judged, bool]:
    [batch] = batches([line + b"\n"], SERVICE)
    [record] = lines_of(batch)
    found = Window([SERVICE], AT_MS).judge(record)
    return (found if found.trace is None else found._replace(trace="")), record.event_ms is not None


def alike_of(lines: list[bytes], service: str) -> Iterator[tuple[bytes, int, bytes]]:
    """Each line that is read with many others: its marks, and its key."""
    name = own_name(service)
    for of_requests in (False, True):
        marked = zip(lines, marks_of(lines), strict=True)
        chosen = [
            (line, mark)
            for line, mark in marked
            if mark & JUDGED and bool(mark & Mark.STATUS) == of_requests and line and is_alike(line, mark)
        ]
        text = b"".join(apart(plain(line), name) + b"\n" for line, _ in chosen)
        for (line, mark), key in zip(
            chosen,
            alike.said_by(text, np.array([mark for _, mark in chosen], np.int64), access=of_requests),
            strict=True,
        ):
            if key is not None:
                yield line, mark & JUDGED, key


def is_alike(line: bytes, mark: int) -> bool:
    cells = np.frombuffer(line[:1], np.uint8)
    return bool(alike.is_alike(cells, np.array([len(line)]), np.array([mark]))[0])


@pytest.mark.parametrize("seed", range(4))
def test_lines_with_the_same_key_are_the_same(seed: int) -> None:
    chance = random.Random(seed)
    texts = [text for text in (*single_lines(), *TOLD_APART) if re.search(r"\d", text)]
    texts = list(
        dict.fromkeys(text for old in texts for text in (old, changed(old, chance), changed(old, chance)))
    )
    lines = [text.encode() for text in texts if "\n" not in text]
    by_key: dict[tuple[object, ...], dict[Judged, bytes]] = defaultdict(dict)
    name = own_name(SERVICE)
    for line, mark in zip(lines, marks_of(lines), strict=True):
        if mark & JUDGED:
            judged, timed = judged_of(line)
            said = apart(plain(line), name)
            by_key["quick", keys.quick(said, mark), timed].setdefault(judged, line)
            by_key["thorough", keys.thorough(said, mark), timed].setdefault(judged, line)
    for line, mark, key in alike_of(lines, SERVICE):
        judged, timed = judged_of(line)
        by_key["alike", key, mark, timed].setdefault(judged, line)
    assert [list(found.items()) for found in by_key.values() if len(found) > 1] == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("order 1234 failed after 17 ms", "order 9876 failed after 29 ms"),
        ("error at 2025-06-15 15:06:41,123", "error at 2025-07-16 16:07:42,456"),
    ],
)
def test_lines_that_differ_in_digits_alone_share_the_quick_key(first: str, second: str) -> None:
    assert keys.quick(first.encode(), 1) == keys.quick(second.encode(), 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("order 3f2a91c7d5e4f6 failed", "order a9b0c1d2e3f4a5 failed"),
        (
            "user 5b1e77aa-1c2d-4e5f-8a9b-0c1d2e3f4a5b lost, error",
            "user 9a1b2c3d-aaaa-bbbb-cccc-0c1d2e3f4a5b lost, error",
        ),
    ],
)
def test_lines_that_differ_in_ids_share_the_thorough_key(first: str, second: str) -> None:
    assert keys.thorough(first.encode(), 1) == keys.thorough(second.encode(), 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"0 errors in 0.0 s", b"\x10 errors in \x10.\x10 s"),
        (b"10 errors, 0.5, 0.05, 404", b"00 errors, \x10.0, \x10.00, \x14\x10\x14"),
        (b"attempt 1 of 12, HTTP 500", b"attempt \x11 of 00, HTTP 000"),
    ],
)
def test_only_figures_that_may_tell_are_kept(text: bytes, said: bytes) -> None:
    assert without_digits(text) == said


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("order 3f2a91c7d5e4f6 failed in orders-17", "order a9b0c1d2e3f4a5 failed in orders-29"),
        (
            '{"level":50,"time":1750000000123,"msg":"payment 5b1e77aa1c2d4e5f lost, error"}',
            '{"level":50,"time":1750000000456,"msg":"payment 9a1b2c3d00112233 lost, error"}',
        ),
    ],
)
def test_lines_that_differ_in_ids_are_alike(first: str, second: str) -> None:
    one, other = (key for _, _, key in alike_of([first.encode(), second.encode()], SERVICE))
    assert one == other


PIECES = st.sampled_from(
    ["0", "1", "4", "404", "422", "0.0", "0.00", "0.01", ".", " ", "#", "t", "T", "n", "r", "m", "\\", "[", "7", "\t", '"', "'", ":", "=", "a", "_", "-", "\r"]
)  # fmt: skip


@given(lines=st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=1, max_size=5))
def test_digits_of_many_lines_are_those_of_each(lines: list[str]) -> None:
    text = b"\n" * 8 + b"".join(line.encode() + b"\n" for line in lines) + b"\n" * 8
    said = alike.without_digits(np.frombuffer(text, np.uint8)).tobytes()
    assert said.split(b"\n")[8:-9] == [without_digits(line.encode()) for line in lines]
