"""Reads in loops: polling, and one entry at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.code.cases import Files, js, py, symptoms, ts
from tools.detectors.code import count_one, polling_read

POLLS = {
    "redis-py": py('while True:\n    rows = r.xread({"s": last})\n    time.sleep(0.5)'),
    "redis-py, a group": py('while running:\n    r.xreadgroup("g", "c", {"s": ">"}, count=10)'),
    "asyncio": py(
        'async def f():\n    while not stop.is_set():\n        rows = await r.xreadgroup("g", "c", {"s": ">"})\n'
        "        if not rows:\n            await asyncio.sleep(0.1)\n            continue"
    ),
    "BLOCK of 5 ms": py('while True:\n    r.xreadgroup("g", "c", {"s": ">"}, block=5)'),
    "block=None": py('while True:\n    r.xreadgroup("g", "c", {"s": ">"}, block=None)'),
    "a constant": py('BLOCK = 10\nwhile True:\n    r.xreadgroup("g", "c", {"s": ">"}, block=BLOCK)'),
    "through a helper": py(
        'def read(s):\n    return r.xreadgroup("g", "c", {s: ">"})\nwhile True:\n    read("s")\n    time.sleep(1)'
    ),
    "ioredis": ts("while (true) { await redis.xread('STREAMS', 's', last); await sleep(100); }"),
    "ioredis, setInterval": ts(
        "setInterval(async () => { await redis.xreadgroup('GROUP', 'g', 'c', 'STREAMS', 's', '>'); }, 500);"
    ),
    "ioredis, again and again": ts(
        "const poll = async () => { await redis.xread('STREAMS', 's', last); setTimeout(poll, 200); };"
    ),
    "node-redis": js("while (!stopped) { await client.xReadGroup('g', 'c', { key: 's', id: '>' }, { COUNT: 5 }); }"),
    "node-redis, BLOCK of 1 ms": js("for (;;) { await client.xRead({ key: 's', id: last }, { BLOCK: 1 }); }"),
}  # fmt: skip
POLLS_NOT = {
    "BLOCK": py('while True:\n    r.xreadgroup("g", "c", {"s": ">"}, block=5000)'),
    "BLOCK 0": py('while True:\n    r.xread({"s": last}, block=0)'),
    "BLOCK as the fifth argument": py('while True:\n    r.xreadgroup("g", "c", {"s": ">"}, 10, 5000)'),
    "a BLOCK that is not known": py('def f(ms):\n    while True:\n        r.xread({"s": last}, block=ms)'),
    "a BLOCK that is computed": py('while True:\n    r.xread({"s": last}, block=5 * 1000)'),
    "options from elsewhere": py('def f(**o):\n    while True:\n        r.xread({"s": last}, **o)'),
    "one read": py('rows = r.xread({"s": "0"})'),
    "a drain": py('while True:\n    rows = r.xread({"s": last})\n    if not rows:\n        break'),
    "a drain with a pause after errors": py(
        'while True:\n    try:\n        rows = r.xread({"s": last})\n    except E:\n        time.sleep(1)\n        continue\n'
        "    if not rows:\n        return"
    ),
    "until empty": py('rows = [1]\nwhile rows:\n    rows = r.xread({"s": last})'),
    "its own pending entries": py('while True:\n    r.xreadgroup("g", "c", {"s": "0"})\n    time.sleep(1)'),
    "a job every minute": py('while True:\n    r.xread({"s": last})\n    time.sleep(60)'),
    "another read that waits": py(
        'while True:\n    r.xreadgroup("g", "c", {"urgent": ">"})\n    r.xreadgroup("g", "c", {"s": ">"}, block=1000)'
    ),
    "another command that waits": py('while True:\n    r.xread({"s": last})\n    r.blpop("wake", 5)'),
    "the pace of a client": py(
        "async def f(ws):\n    while True:\n        await ws.receive_text()\n        await r.xread({'s': last})"
    ),
    "a name that is not known": py("def f(s):\n    while True:\n        r.xread({s: last})"),
    "a script": {"scripts/x.py": 'while True:\n    r.xread({"s": last})'},
    "a test": {"services/a/test_x.py": 'while True:\n    r.xread({"s": last})'},
    "silenced": py(
        'while True:\n    # streamgauge-ignore code.polling-read runs beside a renderer\n    r.xread({"s": last})'
    ),
    "ioredis, BLOCK": ts("while (true) { await redis.xread('BLOCK', 0, 'STREAMS', 's', last); }"),
    "ioredis, spread": ts("while (true) { await redis.xread(...options, 'STREAMS', 's', last); }"),
    "ioredis, a list with BLOCK": ts(
        "const options = ['BLOCK', 5000];\nwhile (true) { await redis.xread(...options, 'STREAMS', 's', last); }"
    ),
    "a reclaim timer": ts(
        "setInterval(async () => { await redis.xreadgroup('GROUP', 'g', 'c', 'STREAMS', 's', '0'); }, 500);"
    ),
    "once an hour": ts("setInterval(async () => { await redis.xread('STREAMS', 's', last); }, 3_600_000);"),
    "node-redis, options by name": js(
        "const options = { BLOCK: 5000 };\nwhile (true) { await client.xRead({ key: 's', id: last }, options); }"
    ),
    "node-redis, options of a caller": js(
        "async function f(options) { while (true) { await client.xRead({ key: 's', id: last }, options); } }"
    ),
    "node-redis, spread options": js(
        "async function f(o) { while (true) { await client.xRead({ key: 's', id: last }, { COUNT: 5, ...o }); } }"
    ),
    "do until empty": js(
        "do { rows = await client.xRead({ key: 's', id: last }); } while (rows?.length);"
    ),
}  # fmt: skip


@pytest.mark.parametrize("files", POLLS.values(), ids=POLLS.keys())
def test_a_loop_that_polls_is_told(files: Files, tmp_path: Path) -> None:
    (symptom,) = symptoms(polling_read, files, tmp_path)
    assert symptom.streams == ("s",)
    assert len(symptom.evidence) >= 2


@pytest.mark.parametrize("files", POLLS_NOT.values(), ids=POLLS_NOT.keys())
def test_a_loop_that_waits_or_ends_is_not(files: Files, tmp_path: Path) -> None:
    assert symptoms(polling_read, files, tmp_path) == []


ONES = {
    "redis-py": py('while True:\n    r.xreadgroup("g", "c", {"s": ">"}, count=1, block=5000)'),
    "redis-py, by position": py('while True:\n    r.xreadgroup("g", "c", {"s": ">"}, 1, 5000)'),
    "a constant": py('BATCH = 1\nwhile True:\n    r.xread({"s": last}, count=BATCH, block=0)'),
    "ioredis": ts("while (true) { await redis.xread('COUNT', 1, 'BLOCK', 0, 'STREAMS', 's', last); }"),
    "ioredis, text": ts(
        "for (;;) { await redis.xreadgroup('GROUP', 'g', 'c', 'COUNT', '1', 'BLOCK', 0, 'STREAMS', 's', '>'); }"
    ),
    "node-redis": js(
        "while (!stop) { await client.xReadGroup('g', 'c', [{ key: 's', id: '>' }], { COUNT: 1, BLOCK: 1000 }); }"
    ),
}
ONES_NOT = {
    "a batch": py('while True:\n    r.xreadgroup("g", "c", {"s": ">"}, count=10, block=5000)'),
    "no count": py('while True:\n    r.xreadgroup("g", "c", {"s": ">"}, block=5000)'),
    "one read": py('r.xread({"s": "0"}, count=1)'),
    "as many as there are items": py('for x in xs:\n    r.xread({"s": "0"}, count=1)'),
    "a count that changes": py(
        'count = 1\nwhile True:\n    r.xread({"s": last}, count=count, block=0)\n    count = 50'
    ),
    "a count that is not known": py('def f(n):\n    while True:\n        r.xread({"s": last}, count=n, block=0)'),
    "a limit of concurrency": py(
        'async def f():\n    while True:\n        await semaphore.acquire()\n        await r.xreadgroup("g", "c", {"s": ">"}, count=1)'
    ),
    "silenced": py(
        'while True:\n    r.xread({"s": last}, count=1)  # streamgauge-ignore code.count-one each takes minutes'
    ),
    "a test": {"services/a/tests/x.py": 'while True:\n    r.xread({"s": last}, count=1)'},
    "the last entry": ts("while (true) { await redis.xrevrange('s', '+', '-', 'COUNT', 1); await sleep(100); }"),
    "ioredis, a batch": ts("while (true) { await redis.xread('COUNT', 100, 'BLOCK', 0, 'STREAMS', 's', last); }"),
    "ioredis, one read": ts("await redis.xread('COUNT', 1, 'STREAMS', 's', '0');"),
    "slots": js(
        "while (true) { await slots.wait(1); await client.xReadGroup('g', 'c', { key: 's', id: '>' }, { COUNT: 1 }); "
        "takeSlot(); }"
    ),
}  # fmt: skip


@pytest.mark.parametrize("files", ONES.values(), ids=ONES.keys())
def test_a_loop_that_reads_one_by_one_is_told(files: Files, tmp_path: Path) -> None:
    (symptom,) = symptoms(count_one, files, tmp_path)
    assert symptom.streams == ("s",)


@pytest.mark.parametrize("files", ONES_NOT.values(), ids=ONES_NOT.keys())
def test_a_single_read_and_a_batch_are_not(files: Files, tmp_path: Path) -> None:
    assert symptoms(count_one, files, tmp_path) == []


WAITING = {
    "redis-py": (
        py('while True:\n    rows = r.xread({"s": last})'),
        'rows = r.xread({"s": last}, block=5000)',
    ),
    "redis-py, longer": (
        py('while True:\n    rows = r.xread({"s": last}, block=5)'),
        'rows = r.xread({"s": last}, block=5000)',
    ),
    "ioredis": (
        ts("while (true) {\n  await redis.xread('STREAMS', 's', last);\n}"),
        "await redis.xread('BLOCK', 5000, 'STREAMS', 's', last);",
    ),
    "node-redis": (
        js("while (true) {\n  await client.xRead({ key: 's', id: last });\n}"),
        "await client.xRead({ key: 's', id: last }, { BLOCK: 5000 });",
    ),
    "node-redis with options": (
        js("while (true) {\n  await client.xRead({ key: 's', id: last }, { COUNT: 5 });\n}"),
        "await client.xRead({ key: 's', id: last }, { BLOCK: 5000, COUNT: 5 });",
    ),
}


@pytest.mark.parametrize(("files", "after"), WAITING.values(), ids=WAITING.keys())
def test_the_proposal_waits_in_the_users_library(files: Files, after: str, tmp_path: Path) -> None:
    (symptom,) = symptoms(polling_read, files, tmp_path)
    assert symptom.snippet_after == after


BATCHES = {
    "redis-py": (
        py('while True:\n    r.xread({"s": last}, count=1)'),
        'r.xread({"s": last}, count=50)',
    ),
    "ioredis": (
        ts("while (true) {\n  await redis.xread('COUNT', 1, 'STREAMS', 's', last);\n}"),
        "await redis.xread('COUNT', 50, 'STREAMS', 's', last);",
    ),
    "node-redis": (
        js("while (true) {\n  await client.xRead({ key: 's', id: last }, { COUNT: 1 });\n}"),
        "await client.xRead({ key: 's', id: last }, { COUNT: 50 });",
    ),
    "a constant": (py('N = 1\nwhile True:\n    r.xread({"s": last}, count=N)'), None),
}


@pytest.mark.parametrize(("files", "after"), BATCHES.values(), ids=BATCHES.keys())
def test_the_proposal_reads_a_batch(files: Files, after: str | None, tmp_path: Path) -> None:
    (symptom,) = symptoms(count_one, files, tmp_path)
    assert symptom.snippet_after == after
