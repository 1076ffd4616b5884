"""Producers that give up at once: only where the retries of the client are switched off and nothing else tries again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.code.cases import Files, js, py, symptoms, ts
from tools.detectors.code import producer_no_retry

PY = 'import redis\nr = redis.Redis(host="h", retry=Retry(NoBackoff(), 0))\ndef add(e):\n    r.xadd("s", e)\n'
TS = (
    "const redis = new Redis(url, { maxRetriesPerRequest: 0 });\n"
    "export async function add(e: string) {\n  await redis.xadd('s', '*', 'e', e);\n}\n"
)
JS = (
    "const client = createClient({ url, disableOfflineQueue: true });\n"
    "export async function add(e) {\n  await client.xAdd('s', '*', { e });\n}\n"
)
FIRES = {
    "redis-py": py(PY),
    "redis-py, from a URL": py(PY.replace('redis.Redis(host="h", ', 'redis.Redis.from_url("redis://h", ')),
    "redis-py, a pipeline": py(PY.replace("r.xadd(", "p = r.pipeline()\n    p.xadd(")),
    "redis-py, an object": py(
        "class P:\n    def __init__(self):\n        self.r = redis.Redis(retry=Retry(NoBackoff(), retries=0))\n"
        '    def add(self, e):\n        self.r.xadd("s", e)'
    ),
    "redis-py, a client that is handed down": py(
        'def publish(client, s, e):\n    client.xadd(s, e)\nc = redis.Redis(retry=Retry(NoBackoff(), 0))\npublish(c, "s", {})'
    ),
    "ioredis": ts(TS),
    "ioredis, no queue": ts(TS.replace("maxRetriesPerRequest: 0", "enableOfflineQueue: false")),
    "ioredis, no strategy": ts(TS.replace("maxRetriesPerRequest: 0", "retryStrategy: () => null")),
    "ioredis, options by name": ts(TS.replace("{ max", "options);\nconst options = { max").replace("0 });", "0 };")),
    "node-redis": js(JS),
    "node-redis, no reconnection": js(JS.replace("disableOfflineQueue: true", "socket: { reconnectStrategy: false }")),
}  # fmt: skip
STAYS_SILENT = {
    "the client's own retries": py(PY.replace("retry=Retry(NoBackoff(), 0)", "port=1")),
    "a retry with backoff": py(PY.replace("NoBackoff(), 0", "ExponentialBackoff(), 3")),
    "three attempts without a pause": py(PY.replace("NoBackoff(), 0", "NoBackoff(), 3")),
    "a client that is not known": py('def add(client):\n    client.xadd("s", {})'),
    "a decorator": py(PY.replace("def add", "@retry(stop=stop_after_attempt(3))\ndef add")),
    "a loop of attempts": py(PY.replace('    r.xadd("s", e)', '    for attempt in range(3):\n        r.xadd("s", e)')),
    "a caller that tries again": py(PY + "def send(e):\n    with_backoff(lambda: add(e))\n"),
    "an outbox": py(PY.replace("    r.xadd", "    outbox.add(e)\n    r.xadd")),
    "an entry that is delivered again": py(PY + 'r.xreadgroup("g", "c", {"t": ">"})'),
    "an unknown stream": py(PY.replace('add(e):\n    r.xadd("s"', "add(e, s):\n    r.xadd(s")),
    "a script": {"scripts/x.py": PY},
    "a test": {"services/a/tests/x.py": PY},
    "silenced": py(PY.replace('    r.xadd("s", e)', '    r.xadd("s", e)  # streamgauge-ignore code.producer-no-retry figures only')),
    "ioredis": ts(TS.replace(", { maxRetriesPerRequest: 0 }", "")),
    "ioredis, three": ts(TS.replace("Request: 0", "Request: 3")),
    "ioredis, for ever": ts(TS.replace("Request: 0", "Request: null")),
    "ioredis, a strategy": ts(TS.replace("maxRetriesPerRequest: 0", "retryStrategy: (n) => n * 50")),
    "ioredis, a breaker": ts(TS.replace("await redis", "await breaker.fire(); await redis")),
    "ioredis, another client": ts(TS.replace("await redis.", "await other.")),
    "node-redis": js(JS.replace(", disableOfflineQueue: true", "")),
    "node-redis, a helper that tries again": js(JS + "const send = (e) => withRetry(() => add(e));"),
    "a declaration": {"services/a/x.d.ts": TS},
}  # fmt: skip


@pytest.mark.parametrize("files", FIRES.values(), ids=FIRES.keys())
def test_a_producer_that_gives_up_is_told_with_the_option(files: Files, tmp_path: Path) -> None:
    (symptom,) = symptoms(producer_no_retry, files, tmp_path)
    assert (symptom.streams, symptom.services) == (("s",), ("a",))
    assert any(word in symptom.evidence[-1].text for word in ("etry", "Queue", "Retries", "Strategy"))


@pytest.mark.parametrize("files", STAYS_SILENT.values(), ids=STAYS_SILENT.keys())
def test_a_producer_with_another_attempt_is_not(files: Files, tmp_path: Path) -> None:
    assert symptoms(producer_no_retry, files, tmp_path) == []


def test_one_client_is_one_finding(tmp_path: Path) -> None:
    (symptom,) = symptoms(producer_no_retry, py(PY + 'r.xadd("t", {})'), tmp_path)
    assert symptom.streams == ("s", "t")


@pytest.mark.parametrize(
    ("files", "words"),
    [(py(PY), ['r.xadd("s", e)', "time.sleep(0.1 * 2**attempt)"]), (ts(TS), ["redis.xadd('s'", "100 * 2 ** attempt"]),
     (js(JS), ["client.xAdd('s'", "attempt === 4"])],
    ids=["redis-py", "ioredis", "node-redis"],
)  # fmt: skip
def test_the_proposal_tries_again(files: Files, words: list[str], tmp_path: Path) -> None:
    (symptom,) = symptoms(producer_no_retry, files, tmp_path)
    assert symptom.snippet_after is not None
    assert [word for word in words if word not in symptom.snippet_after] == []
