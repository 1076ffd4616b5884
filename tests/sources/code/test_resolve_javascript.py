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
    "a loop of two that share a name": (
        "for (const s of [x]) { f(s) }\nfor (const s of ['a1', 'b1']) { r.xadd(s, '*', 'a', 1) }",
        {"a1", "b1"},
    ),
    "a list of templates": (
        "const S = ['A1', 'B1'].map((n) => `t:${n}`);\nfor (const s of S) { r.xadd(s, '*', 'a', 1) }",
        {"t:A1", "t:B1"},
    ),
    "a list of templates over what is not known": (
        "const S = names.map((n) => `t:${n}`);\nfor (const s of S) { r.xadd(s, '*', 'a', 1) }",
        {"t:{}"},
    ),
    "the values of a map": (
        "const S = { A: 'a1', B: 'b1' };\nfor (const s of Object.values(S)) { r.xadd(s, '*', 'a', 1) }",
        {"a1", "b1"},
    ),
    "a list inside a list": (
        "const S = ['a1'];\nfor (const s of [...S, 'b1']) { r.xadd(s, '*', 'a', 1) }",
        {"a1", "b1"},
    ),
    "a default that is empty": (
        "const f = (m) => { r.xadd(`job:${m.id || ''}:events`, '*', 'a', 1) }",
        {"job:{}:events"},
    ),
    "arguments in a list": ("const a = ['orders', '*', 'a', 1];\nr.xadd(...a)", {"orders"}),
    "arguments that are pushed": (
        "const a = ['XADD'];\na.push('orders');\na.push('*', 'a', 1);\nr.sendCommand(a)",
        {"orders"},
    ),
    "a client behind a cast": (
        "const a = ['orders', '*', 'a', 1];\n(r as unknown as { call: F }).call('XADD', ...a)",
        {"orders"},
    ),
    "a method of the project with a command's name": (
        "class B { xadd(s, d) { return r.xadd(s, 'MAXLEN', '~', 9, '*', 'd', d) } }\nnew B().xadd('orders', {})",
        {"orders"},
    ),
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


READS = {
    "ioredis": "r.xreadgroup('GROUP', 'g1', 'c', 'COUNT', 5, 'BLOCK', 9, 'STREAMS', 'orders', '>')",
    "node-redis": "r.xReadGroup('g1', 'c', { key: 'orders', id: '>' }, { COUNT: 5, BLOCK: 9 })",
    "node-redis with options of the command": (
        "r.xReadGroup(commandOptions({ isolated: true }), 'g1', 'c', [{ key: 'orders', id: '>' }], { COUNT: 5, BLOCK: 9 })"
    ),
    "a callback": "r.xreadgroup('GROUP', 'g1', 'c', 'COUNT', 5, 'BLOCK', 9, 'STREAMS', 'orders', '>', (e, m) => f(m))",
    "arguments that are put together by loops": (
        "async function read(g: string, streams: string[], n: number) {\n"
        "  const a = ['GROUP', g, 'c', 'COUNT', n, 'BLOCK', 9, 'STREAMS'];\n"
        "  for (const s of streams) a.push(s);\n"
        "  for (let i = 0; i < streams.length; i++) a.push('>');\n"
        "  return r.call('XREADGROUP', ...a);\n"
        "}\n"
        "async function work(s: string) { return read('g1', [s], 5) }\n"
        "work('orders');"
    ),
    "a list that callbacks fill": (
        "async function listen(options) {\n"
        "  const streams = options.streams;\n  const keys = [];\n"
        "  streams.map(async (stream) => {\n    keys.push({ key: stream.name, id: '>' });\n  });\n"
        "  return r.xReadGroup(options.group, 'c', keys, { COUNT: 5, BLOCK: 9 });\n}\n"
        "listen({ streams: [{ name: 'orders' }], group: 'g1' });"
    ),
    "spread streams and ids": (
        "const S = ['orders'];\n"
        "r.xreadgroup('GROUP', 'g1', 'c', 'COUNT', 5, 'BLOCK', 9, 'STREAMS', ...S, ...S.map(() => '>'))"
    ),
}


@pytest.mark.parametrize("code", READS.values(), ids=READS.keys())
def test_a_read_is_understood_in_every_form(code: str, tmp_path: Path) -> None:
    (use,) = uses(index_of(tmp_path, {"app.ts": code}), CodeKind.XREADGROUP)
    assert (use.stream and use.stream.value, use.group and use.group.value) == ("orders", "g1")
    assert (use.options.get("count"), use.options.get("block")) == ("5", "9")


def test_a_method_with_a_commands_name_has_the_options_of_its_inside(tmp_path: Path) -> None:
    code = "class B { xadd(s, d) { return r.xadd(s, 'MAXLEN', '~', 9, '*', 'd', d) } }\nnew B().xadd('orders', {})"
    (use,) = uses(index_of(tmp_path, {"app.ts": code}), CodeKind.XADD)
    assert (use.stream and use.stream.value, use.options) == ("orders", {"maxlen": "9"})


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
