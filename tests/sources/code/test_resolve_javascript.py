"""Which stream a name in TypeScript and JavaScript means, and which client library is spoken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.code.trees import index_of, streams, uses
from tools.sources.records import CodeKind

ADDS = {
    "ioredis": ("r.xadd('orders', '*', 'a', 1)", {"orders"}),
    "node-redis": ("r.xAdd('orders', '*', {a: '1'})", {"orders"}),
    "optional chaining": ("r?.xadd('orders', '*', 'a', 1)", {"orders"}),
    "explicit type arguments behind await": (
        "const x = await r.xadd<string>('orders', '*', 'a', 1)",
        {"orders"},
    ),
    "a member in brackets": ("r['xadd']('orders', '*', 'a', 1)", {"orders"}),
    "call": ("r.call('XADD', 'orders', '*', 'a', 1)", {"orders"}),
    "sendCommand": ("r.sendCommand(['XADD', 'orders', '*', 'a', '1'])", {"orders"}),
    "a chain of multi": ("r.multi().xadd('orders', '*', 'a', 1).exec()", {"orders"}),
    "a constant": ("const S = 'orders';\nr.xadd(S, '*', 'a', 1)", {"orders"}),
    "a frozen map": (
        "const S = { A: { B: 'orders' } } as const;\nr.xadd(S.A.B, '*', 'a', 1)",
        {"orders"},
    ),
    "Object.freeze": ("const S = Object.freeze({ A: 'orders' });\nr.xadd(S.A, '*', 'a', 1)", {"orders"}),
    "an enum": ("enum S { A = 'orders' }\nr.xadd(S.A, '*', 'a', 1)", {"orders"}),
    "a static field": ("class K { static S = 'orders'; f() { r.xadd(K.S, '*', 'a', 1) } }", {"orders"}),
    "a field": ("class K { private s = 'orders'; f() { r.xadd(this.s, '*', 'a', 1) } }", {"orders"}),
    "a template": ("const f = (id) => { r.xadd(`orders:${id}`, '*', 'a', 1) }", {"orders:{}"}),
    "an environment default": ("const S = process.env.S ?? 'orders';\nr.xadd(S, '*', 'a', 1)", {"orders"}),
    "a parameter": (
        "function f(s: string) { r.xadd(s, '*', 'a', 1) }\nf('orders'); f('bills');",
        {"orders", "bills"},
    ),
    "a parameter's default": ("function f(s = 'orders') { r.xadd(s, '*', 'a', 1) }", {"orders"}),
    "a destructured parameter": (
        "function f({ stream, n = 1 }: O) { r.xadd(stream, '*', 'a', n) }\nf({ stream: 'orders' });",
        {"orders"},
    ),
    "a destructured parameter behind a spread": (
        "function f({ stream, n }: O) { r.xadd(stream, '*', 'a', n) }\nconst o = { n: 1 };\nf({ ...o, stream: 'orders' });",
        {"orders"},
    ),
    "a destructured parameter out of a spread": (
        "function f({ stream, n }: O) { r.xadd(stream, '*', 'a', n) }\nconst o = { stream: 'orders' };\nf({ ...o, n: 1 });",
        {"orders"},
    ),
    "constructor options": (
        (
            "class K { constructor(private options: O) {} f() { r.xadd(this.options.stream, '*', 'a', 1) } }\n"
            "new K({ stream: 'orders' });"
        ),
        {"orders"},
    ),
    "a returned template": (
        "const S = { book: (s) => `book:${s}` };\nr.xadd(S.book(x), '*', 'a', 1)",
        {None},
    ),
    "a returned value": ("const name = (s) => `book:${s}`;\nr.xadd(name(x), '*', 'a', 1)", {"book:{}"}),
    "a loop": ("for (const s of ['a1', 'b1']) { r.xadd(s, '*', 'a', 1) }", {"a1", "b1"}),
    "a comment and a string": ("// r.xadd('orders')\nconst t = \"r.xadd('orders')\"", set()),
}


@pytest.mark.parametrize(("code", "expected"), ADDS.values(), ids=ADDS.keys())
def test_a_stream_name_is_resolved(code: str, expected: set[str | None], tmp_path: Path) -> None:
    assert streams(index_of(tmp_path, {"app.ts": code}), CodeKind.XADD) == expected


ACROSS = {
    "a relative import": {
        "src/streams.ts": "export const ORDERS = 'orders';",
        "src/main.ts": "import { ORDERS as O } from './streams';\nr.xadd(O, '*', 'a', 1)",
    },
    "an ending that is compiled away": {
        "src/streams.ts": "export const S = { ORDERS: 'orders' };",
        "src/main.ts": "import { S } from './streams.js';\nr.xadd(S.ORDERS, '*', 'a', 1)",
    },
    "a namespace import": {
        "src/streams.ts": "export const ORDERS = 'orders';",
        "src/main.ts": "import * as s from './streams';\nr.xadd(s.ORDERS, '*', 'a', 1)",
    },
    "a workspace package through its index": {
        "packages/names/package.json": '{"name": "@shop/names", "main": "dist/index.js"}',
        "packages/names/src/index.ts": "export * from './streams';",
        "packages/names/src/streams.ts": "export const ORDERS = 'orders';",
        "apps/web/main.ts": "import { ORDERS } from '@shop/names';\nr.xadd(ORDERS, '*', 'a', 1)",
    },
    "require": {
        "streams.js": "module.exports = { ORDERS: 'orders' };",
        "main.js": "const { ORDERS } = require('./streams');\nr.xadd(ORDERS, '*', 'a', 1)",
    },
    "a helper": {
        "bus.ts": "export async function publish(s: string, d: object) { await r.xadd(s, '*', 'd', d) }",
        "main.ts": "import { publish } from './bus';\npublish('orders', {});",
    },
}


@pytest.mark.parametrize("files", ACROSS.values(), ids=ACROSS.keys())
def test_a_name_is_followed_across_files(files: dict[str, str], tmp_path: Path) -> None:
    assert streams(index_of(tmp_path, files), CodeKind.XADD) == {"orders"}


CAPS = {
    "ioredis without": ("r.xadd('s1', '*', 'a', 1)", {}),
    "ioredis, over several lines": (
        "r.xadd(\n  's1',\n  'MAXLEN', '~', 1000,\n  '*', 'a', 1)",
        {"maxlen": "1000"},
    ),
    "ioredis, a payload that says maxlen": ("r.xadd('s1', '*', 'note', 'no maxlen')", {}),
    "ioredis, spread arguments": ("r.xadd('s1', ...args)", {"spread": "args"}),
    "ioredis, spread fields behind the id": ("r.xadd('s1', '*', ...fields)", {}),
    "ioredis, a cap and spread fields": (
        "r.xadd('s1', 'MAXLEN', '~', 1000, '*', ...fields)",
        {"maxlen": "1000"},
    ),
    "ioredis, a spread cap and spread fields": ("r.xadd('s1', ...cap, '*', ...fields)", {"spread": "cap"}),
    "ioredis, a field whose value is a word of the protocol": (
        "r.xadd('s1', '*', 'a', 'MAXLEN', 'b', 1)",
        {},
    ),
    "node-redis without": ("r.xAdd('s1', '*', {a: '1'})", {}),
    "node-redis": (
        "r.xAdd('s1', '*', {a: '1'}, {TRIM: {strategy: 'MAXLEN', threshold: 1000}})",
        {"maxlen": "1000"},
    ),
}


@pytest.mark.parametrize(("code", "expected"), CAPS.values(), ids=CAPS.keys())
def test_a_cap_is_seen(code: str, expected: dict[str, str], tmp_path: Path) -> None:
    (use,) = uses(index_of(tmp_path, {"app.ts": code}), CodeKind.XADD)
    assert use.options.keys() == expected.keys()


def test_groups_are_read_in_both_libraries(tmp_path: Path) -> None:
    code = """
    r.xreadgroup('GROUP', 'g1', 'c', 'COUNT', 10, 'STREAMS', 'a1', 'b1', '>', '>');
    r.xReadGroup('g2', 'c', [{ key: 'c1', id: '>' }], { COUNT: 1 });
    r.xReadGroup('g3', 'c', { key: 'd1', id: '>' });
    r.xgroup('CREATE', 'a1', 'g1', '$', 'MKSTREAM');
    r.xGroupCreate('c1', 'g2', '0', { MKSTREAM: true });
    r.xack('a1', 'g1', id);
    r.xAck('c1', 'g2', id);
    """
    index = index_of(tmp_path, {"app.ts": code})
    assert {(u.kind.value, u.stream.value, u.group.value) for u in index.uses if u.stream and u.group} == {
        ("xreadgroup", "a1", "g1"),
        ("xreadgroup", "b1", "g1"),
        ("xreadgroup", "c1", "g2"),
        ("xreadgroup", "d1", "g3"),
        ("xgroup-create", "a1", "g1"),
        ("xgroup-create", "c1", "g2"),
        ("xack", "a1", "g1"),
        ("xack", "c1", "g2"),
    }


ENVIRONMENT = {
    "process.env": ("const x = process.env.A_KEY;", {}),
    "in brackets": ("const x = process.env['A_KEY'];", {}),
    "import.meta.env": ("const x = import.meta.env.A_KEY;", {}),
    "a default": ("const x = process.env.A_KEY ?? 'd';", {"default": "'d'"}),
    "an or": ("const x = process.env.A_KEY || 'd';", {"default": "'d'"}),
    "tested": ("if (process.env.A_KEY === 'x') {}", {"tested": "tested"}),
    "destructured": ("const { A_KEY } = process.env;", {}),
    "destructured with a default": ("const { A_KEY = 'd' } = process.env;", {"default": "'d'"}),
    "an alias": ("const env = process.env;\nconst x = env.A_KEY;", {}),
}


@pytest.mark.parametrize(("code", "options"), ENVIRONMENT.values(), ids=ENVIRONMENT.keys())
def test_a_read_of_the_environment_is_seen(code: str, options: dict[str, str], tmp_path: Path) -> None:
    (use,) = uses(index_of(tmp_path, {"app.ts": code}), CodeKind.ENV_READ)
    assert (use.name, use.options) == ("A_KEY", options)


@pytest.mark.parametrize("name", ["a.js", "a.jsx", "a.mjs", "a.ts", "a.tsx"])
def test_every_ending_is_parsed(name: str, tmp_path: Path) -> None:
    assert streams(index_of(tmp_path, {name: "r.xadd('orders', '*', 'a', 1)"}), CodeKind.XADD) == {"orders"}
