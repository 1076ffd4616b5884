"""KEYS: only on Redis, only in services; the proposal walks with SCAN in the user's library."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.code.cases import Files, js, py, symptoms, ts
from tools.detectors.code import keys_command

FIRES = {
    "redis-py": py('import redis\nr = redis.Redis()\nr.keys("a:*")'),
    "redis-py, asyncio": py('async def f(self):\n    return await self.redis.keys(f"session:{self.id}:*")'),
    "redis-py, no literal": py("def f(redis_client, pattern):\n    return redis_client.keys(pattern)"),
    "redis-py, raw": py('client.execute_command("KEYS", "a:*")'),
    "redis-py, by its origin": py(
        'import redis\nsessions = redis.Redis.from_url("redis://h")\ndef f(p):\n    sessions.keys(p)'
    ),
    "ioredis": ts(
        "import Redis from 'ioredis';\nconst redis = new Redis();\nconst a = await redis.keys('a:*');"
    ),
    "ioredis in a class": ts("class A { async f(id: string) { return this.redis.keys(`a:${id}:*`); } }"),
    "ioredis, optional": ts("const a = await this.redisClient?.keys('a:*');"),
    "node-redis": js("const a = await client.keys('a:*');"),
    "node-redis, raw": js("await client.sendCommand(['KEYS', 'a:*']);"),
}
STAYS_SILENT = {
    "a dictionary": py("for key in settings.keys():\n    pass"),
    "a dictionary that is named so": py("for key in redis_settings.keys():\n    pass"),
    "another kind of client": py('s3.keys("a/*")'),
    "a client without a pattern": py("def f(client, prefix):\n    return client.keys(prefix)"),
    "scan": py('for key in redis.scan_iter("a:*"):\n    pass'),
    "a script": {"scripts/clean.py": 'redis.keys("a:*")'},
    "a test": {"services/a/tests/test_a.py": 'redis.keys("a:*")'},
    "silenced": py('redis.keys("a:*")  # streamgauge-ignore code.keys-command a private server of ten keys'),
    "Object.keys": ts("Object.keys(redisOptions)"),
    "the keys of a map": ts("for (const key of map.keys()) { }"),
    "the keys of a redis map": ts("for (const key of this.redisByName.keys()) { }"),
    "a cache of the browser": js("const a = await cache.keys('a:*');"),
    "a comment": js("// redis.keys('a:*')\nconst a = \"redis.keys('a:*')\";"),
    "a declaration": {"services/a/types.d.ts": "redis.keys('a:*')"},
}


@pytest.mark.parametrize("files", FIRES.values(), ids=FIRES.keys())
def test_keys_on_redis_is_told(files: Files, tmp_path: Path) -> None:
    (symptom,) = symptoms(keys_command, files, tmp_path)
    assert symptom.services == ("a",)


@pytest.mark.parametrize("files", STAYS_SILENT.values(), ids=STAYS_SILENT.keys())
def test_what_is_no_keys_of_a_service_is_not(files: Files, tmp_path: Path) -> None:
    assert symptoms(keys_command, files, tmp_path) == []


AFTER = {
    "redis-py": (py('names = redis.keys("a:*")'), 'names = list(redis.scan_iter(match="a:*", count=500))'),
    "asyncio": (
        py('async def f():\n    names = await redis.keys("a:*")'),
        'names = [key async for key in redis.scan_iter(match="a:*", count=500)]',
    ),
    "ioredis": (
        ts("import Redis from 'ioredis';\nconst names = await redis.keys('a:*');"),
        (
            "let names = [];\nfor await (const found of redis.scanStream({ match: 'a:*', count: 500 })) {\n"
            "  names = names.concat(found);\n}"
        ),
    ),
    "node-redis": (
        js("import { createClient } from 'redis';\nconst names = await redis.keys('a:*');"),
        (
            "let names = [];\nfor await (const found of redis.scanIterator({ MATCH: 'a:*', COUNT: 500 })) {\n"
            "  names = names.concat(found);\n}"
        ),
    ),
    "an unknown library": (ts("const names = await redis.keys('a:*');"), None),
}


@pytest.mark.parametrize(("files", "after"), AFTER.values(), ids=AFTER.keys())
def test_the_proposal_walks_in_the_users_library(files: Files, after: str | None, tmp_path: Path) -> None:
    (symptom,) = symptoms(keys_command, files, tmp_path)
    assert symptom.snippet_after == after
