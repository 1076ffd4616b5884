"""Payloads without a correlation id: only those that are known whole, and by what the project does elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.code.cases import Files, js, py, symptoms, ts
from tools.detectors.code import no_correlation_id
from tools.findings.model import Priority

OTHERS_DO = {"services/b/app.py": 'r.xadd("t", {"correlation_id": c, "a": 1})'}
P2, P3 = Priority.P2_MEDIUM, Priority.P3_LOW
FIRES = {
    "redis-py": (py('r.xadd("s", {"order_id": 1, "total": 2})') | OTHERS_DO, P2),
    "redis-py, a variable": (py('event = {"order_id": 1}\nr.xadd("s", event)') | OTHERS_DO, P2),
    "redis-py, JSON": (py('r.xadd("s", {"data": json.dumps({"order_id": 1})})') | OTHERS_DO, P2),
    "redis-py, spread": (py('base = {"order_id": 1}\nr.xadd("s", {**base, "total": 2})') | OTHERS_DO, P2),
    "redis-py, through a helper": (
        py('def add(s, e):\n    r.xadd(s, {"type": "x", **e})\nadd("s", {"order_id": 1})') | OTHERS_DO,
        P2,
    ),
    "ioredis": (ts("await redis.xadd('s', 'MAXLEN', '~', 10, '*', 'orderId', 1);") | OTHERS_DO, P2),
    "ioredis, JSON": (ts("await redis.xadd('s', '*', 'data', JSON.stringify({ orderId: 1 }));") | OTHERS_DO, P2),
    "node-redis": (js("await client.xAdd('s', '*', { orderId: '1' });") | OTHERS_DO, P2),
    "nobody does": (py('r.xadd("s", {"name": 1, "total": 2})'), P3),
    "nobody does, ioredis": (ts("await redis.xadd('s', '*', 'name', 1, 'total', 2);"), P3),
    "nobody does, node-redis": (js("await client.xAdd('s', '*', { name: '1' });"), P3),
}  # fmt: skip
STAYS_SILENT = {
    "a correlation id": py('r.xadd("s", {"correlationId": 1})') | OTHERS_DO,
    "a trace": py('r.xadd("s", {"traceparent": 1})') | OTHERS_DO,
    "a request": py('r.xadd("s", {"request_id": 1})') | OTHERS_DO,
    "in JSON": py('r.xadd("s", {"data": json.dumps({"correlation_id": 1})})') | OTHERS_DO,
    "in the envelope of a helper": py(
        'def wrap(c, e):\n    return {"correlation_id": c, **e}\nr.xadd("s", wrap(1, {"a": 2}))'
    )
    | OTHERS_DO,
    "a resource by its address": py('r.xadd("s", {"url": 1, "detail": 2})'),
    "a payload from elsewhere": py('def f(e):\n    r.xadd("s", e)') | OTHERS_DO,
    "a spread from elsewhere": py('def f(e):\n    r.xadd("s", {**e, "type": "x"})') | OTHERS_DO,
    "JSON from elsewhere": py('def f(e):\n    r.xadd("s", {"payload": json.dumps(e)})') | OTHERS_DO,
    "text from elsewhere": py('def f(e):\n    r.xadd("s", {"payload": e})') | OTHERS_DO,
    "a name that is computed": py('def f(k):\n    r.xadd("s", {k: 1})') | OTHERS_DO,
    "heartbeats": py('r.xadd("worker-heartbeats", {"at": 1})') | OTHERS_DO,
    "a log": py('r.xadd("CHAT_LOG_STREAM", {"line": 1})'),
    "figures": py('r.xadd("metrics", {"cpu": 1})'),
    "a stream of each job": py('def f(job):\n    r.xadd(f"results:{job}", {"a": 1})') | OTHERS_DO,
    "an unknown stream": py('def f(s):\n    r.xadd(s, {"a": 1})') | OTHERS_DO,
    "nobody does, and an order can be followed": py('r.xadd("s", {"order_id": 1})'),
    "nobody does, and a job can be followed": ts("await redis.xadd('s', '*', 'jobId', 1);"),
    "a script": {"scripts/x.py": 'r.xadd("s", {"a": 1})', **OTHERS_DO},
    "a test": {"services/a/tests/x.py": 'r.xadd("s", {"a": 1})', **OTHERS_DO},
    "silenced": py('r.xadd("s", {"a": 1})  # streamgauge-ignore code.no-correlation-id seed data') | OTHERS_DO,
    "ioredis, turns from elsewhere": ts("await redis.xadd('s', '*', ...flat(event));") | OTHERS_DO,
    "ioredis, a trace in JSON": ts("await redis.xadd('s', '*', 'data', JSON.stringify({ traceId }));") | OTHERS_DO,
    "ioredis, a map and a spread": ts(
        "const f = (e: E) => redis.xadd('s', '*', 'data', JSON.stringify({ ...e, at: 1 }));"
    )
    | OTHERS_DO,
    "node-redis, the envelope of a package": js("import { wrap } from 'x';\nclient.xAdd('s', '*', wrap({ a: '1' }));")
    | OTHERS_DO,
    "node-redis, headers": js("client.xAdd('s', '*', { headers: h, a: '1' });") | OTHERS_DO,
}  # fmt: skip


@pytest.mark.parametrize(("files", "priority"), FIRES.values(), ids=FIRES.keys())
def test_a_payload_that_breaks_the_chain_is_told(files: Files, priority: Priority, tmp_path: Path) -> None:
    (symptom,) = symptoms(no_correlation_id, files, tmp_path)
    assert (symptom.priority, symptom.streams, symptom.services) == (priority, ("s",), ("a",))


@pytest.mark.parametrize("files", STAYS_SILENT.values(), ids=STAYS_SILENT.keys())
def test_a_payload_that_carries_or_may_carry_one_is_not(files: Files, tmp_path: Path) -> None:
    assert symptoms(no_correlation_id, files, tmp_path) == []


AFTER = {
    "redis-py": (py('r.xadd("s", {"a": 1})'), 'r.xadd("s", {"correlation_id": correlation_id, "a": 1})'),
    "ioredis": (
        ts("await redis.xadd('s', '*', 'a', 1);"),
        "await redis.xadd('s', '*', 'correlationId', correlationId, 'a', 1);",
    ),
    "node-redis": (js("await client.xAdd('s', '*', { a: '1' });"), "await client.xAdd('s', '*', { correlationId, a: '1' });"),
    "a payload that stands elsewhere": (py('e = {"a": 1}\nr.xadd("s", e)'), None),
}  # fmt: skip


@pytest.mark.parametrize(("files", "after"), AFTER.values(), ids=AFTER.keys())
def test_the_proposal_adds_the_id(files: Files, after: str | None, tmp_path: Path) -> None:
    (symptom,) = symptoms(no_correlation_id, files | OTHERS_DO, tmp_path)
    assert symptom.snippet_after == after
