"""A stream name as a literal: at the call it is told, wherever else it stands it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.code.cases import Files, js, py, symptoms, ts
from tools.detectors.code import hardcoded_stream

FIRES = {
    "redis-py": py('r.xadd("orders", {"a": 1})'),
    "redis-py, a read": py('r.xreadgroup("g", "c", {"orders": ">"})'),
    "redis-py, an acknowledgement": py('r.xack("orders", "g", i)'),
    "redis-py, a group": py('r.xgroup_create("orders", "g")'),
    "ioredis": ts("await redis.xadd('orders', '*', 'a', 1);"),
    "ioredis, a read": ts("await redis.xread('BLOCK', 0, 'STREAMS', 'orders', '$');"),
    "node-redis": js("await client.xAdd('orders', '*', { a: '1' });"),
    "node-redis, a read": js("await client.xRead([{ key: 'orders', id: '0' }], { BLOCK: 0 });"),
    "raw": js("await client.sendCommand(['XADD', 'orders', '*', 'a', '1']);"),
}
STAYS_SILENT = {
    "a constant": py('ORDERS = "orders"\nr.xadd(ORDERS, {"a": 1})'),
    "a class attribute": py(
        'class A:\n    stream = "orders"\n    def f(self):\n        r.xadd(self.stream, {})'
    ),
    "a map": py('STREAMS = {"orders": "orders"}\nr.xadd(STREAMS["orders"], {})'),
    "a default of the environment": py('import os\nr.xadd(os.environ.get("S", "orders"), {})'),
    "a parameter": py('def add(stream):\n    r.xadd(stream, {})\nadd("orders")'),
    "a default parameter": py('def add(stream="orders"):\n    r.xadd(stream, {})\nadd()'),
    "a computed name": py('def f(tenant):\n    r.xadd(f"orders:{tenant}", {})'),
    "an unknown name": py("def f(s):\n    r.xadd(s, {})"),
    "another file's constant": {
        "services/a/names.py": 'ORDERS = "orders"',
        "services/a/app.py": "from services.a.names import ORDERS\nr.xadd(ORDERS, {})",
    },
    "a script": {"scripts/fill.py": 'r.xadd("orders", {})'},
    "a test": {"services/a/tests/x.py": 'r.xadd("orders", {})'},
    "silenced": py('r.xadd("orders", {})  # streamgauge-ignore code.hardcoded-stream the name is a protocol'),
    "a central map": ts("const S = { orders: 'orders' } as const;\nawait redis.xadd(S.orders, '*', 'a', 1);"),
    "an enum": ts("enum S { Orders = 'orders' }\nawait redis.xadd(S.Orders, '*', 'a', 1);"),
    "a local constant": ts("const s = 'orders';\nawait redis.xadd(s, '*', 'a', 1);"),
    "an option of a constructor": ts(
        "class P { constructor(private o: { stream: string }) {} add() { redis.xadd(this.o.stream, '*', 'a', 1); } }\n"
        "new P({ stream: 'orders' }).add();"
    ),
    "a template": ts("const f = (id: string) => redis.xadd(`orders:${id}`, '*', 'a', 1);"),
    "the environment": js("await client.xAdd(process.env.STREAM ?? 'orders', '*', { a: '1' });"),
    "a declaration": {"services/a/x.d.ts": "redis.xadd('orders', '*', 'a', 1)"},
    "a list": js("await client.lPush('orders', 'a');"),
}


@pytest.mark.parametrize("files", FIRES.values(), ids=FIRES.keys())
def test_a_literal_at_the_call_is_told(files: Files, tmp_path: Path) -> None:
    (symptom,) = symptoms(hardcoded_stream, files, tmp_path)
    assert (symptom.entity, symptom.services) == (("orders",), ("a",))


@pytest.mark.parametrize("files", STAYS_SILENT.values(), ids=STAYS_SILENT.keys())
def test_a_name_held_elsewhere_is_not(files: Files, tmp_path: Path) -> None:
    assert symptoms(hardcoded_stream, files, tmp_path) == []


def test_one_stream_is_one_finding_that_names_the_constant(tmp_path: Path) -> None:
    files = {
        "services/a/app.py": 'r.xadd("orders", {})\nr.xack("orders", "g", i)',
        "services/b/app.py": 'r.xadd("orders", {})',
        "services/c/app.py": 'ORDERS = "orders"\nr.xadd(ORDERS, {})',
    }
    (symptom,) = symptoms(hardcoded_stream, files, tmp_path)
    assert symptom.files == ("services/a/app.py:1", "services/a/app.py:2", "services/b/app.py:1")
    assert "services/c/app.py:1" in symptom.recommendation


AFTER = {
    "redis-py": (
        py('r.xadd("shop.orders", {"a": 1})'),
        'SHOP_ORDERS_STREAM = "shop.orders"\n\nr.xadd(SHOP_ORDERS_STREAM, {"a": 1})',
    ),
    "ioredis": (
        ts("await redis.xadd('orders-stream', '*', 'a', 1);"),
        "const ORDERS_STREAM = 'orders-stream';\n\nawait redis.xadd(ORDERS_STREAM, '*', 'a', 1);",
    ),
    "node-redis": (
        js("await client.xRead({ key: 'orders', id: '0' });"),
        "const ORDERS_STREAM = 'orders';\n\nawait client.xRead({ key: ORDERS_STREAM, id: '0' });",
    ),
}


@pytest.mark.parametrize(("files", "after"), AFTER.values(), ids=AFTER.keys())
def test_the_proposal_names_it(files: Files, after: str, tmp_path: Path) -> None:
    (symptom,) = symptoms(hardcoded_stream, files, tmp_path)
    assert symptom.snippet_after == after
