"""What the index says of the code around a call: loops, handlers, what a read leads to, what a payload holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.code.trees import index_of, uses
from tools.sources.records import CodeKind, CodeUse, Handler

READ = 'r.xreadgroup("g", "c", {"s": ">"})'
LOOPS = {
    "while True": ("app.py", f"while True:\n    {READ}", "endless"),
    "a flag": ("app.py", f"while not stop.is_set():\n    {READ}", "endless"),
    "an attribute": ("app.py", f"def f(self):\n    while self.running:\n        {READ}", "endless"),
    "a count without end": ("app.py", f"for n in itertools.count():\n    {READ}", "endless"),
    "in a try": ("app.py", f"while True:\n    try:\n        {READ}\n    except E:\n        raise", "endless"),
    "items": ("app.py", f"for x in xs:\n    {READ}", None),
    "a comparison": ("app.py", f"while n < 3:\n    {READ}", None),
    "until empty": ("app.py", f"batch = 1\nwhile batch:\n    batch = {READ}", None),
    "none": ("app.py", READ, None),
    "the caller's": ("app.py", f"def read():\n    return {READ}\nwhile True:\n    read()", "endless"),
    "the caller's caller's": (
        "app.py",
        (f"class A:\n    def one(self):\n        return {READ}\n    def two(self):\n        return self.one()\n"
        "    def run(self):\n        while True:\n            self.two()"),
        "endless",
    ),
    "for (;;)": ("app.ts", "for (;;) { await r.xread('STREAMS', 's', '0'); }", "endless"),
    "while with a signal": ("app.ts", "while (!signal.aborted) { await r.xread('STREAMS', 's', '0'); }", "endless"),
    "do until empty": (
        "app.ts",
        "do { rows = await r.xread('STREAMS', 's', '0'); } while (rows.length > 0);",
        None,
    ),
    "a counted for": ("app.ts", "for (let i = 0; i < 3; i++) { await r.xread('STREAMS', 's', '0'); }", None),
    "for of": ("app.ts", "for (const s of all) { await r.xread('STREAMS', 's', '0'); }", None),
    "setInterval": ("app.ts", "setInterval(async () => { await r.xread('STREAMS', 's', '0'); }, 100);", "timer"),
    "a function that calls itself later": (
        "app.ts",
        "async function poll() { await r.xread('STREAMS', 's', '0'); setTimeout(poll, 100); }",
        "timer",
    ),
    "a method that calls itself later": (
        "app.ts",
        "class A { async poll() { await r.xread('STREAMS', 's', '0'); setTimeout(() => this.poll(), 100); } }",
        "timer",
    ),
    "later only after an error": (
        "app.ts",
        "async function poll() { try { await r.xread('STREAMS', 's', '0'); } catch (e) { setTimeout(poll, 9); } }",
        None,
    ),
}  # fmt: skip


def read_of(root: Path, name: str, code: str) -> CodeUse:
    made = index_of(root, {name: code})
    (use,) = [use for kind in (CodeKind.XREAD, CodeKind.XREADGROUP) for use in uses(made, kind)]
    return use


@pytest.mark.parametrize(("name", "code", "kind"), LOOPS.values(), ids=LOOPS.keys())
def test_a_read_knows_what_repeats_it(name: str, code: str, kind: str | None, tmp_path: Path) -> None:
    loop = read_of(tmp_path, name, code).around.loop
    assert (loop.kind if loop is not None else None) == kind


PAUSES = {
    "sleep": ("app.py", f"while True:\n    {READ}\n    time.sleep(1)", "time.sleep(1)", False),
    "in a branch": (
        "app.py",
        f"while True:\n    if not {READ}:\n        await asyncio.sleep(1)",
        "asyncio.sleep(1)",
        False,
    ),
    "in the condition": ("app.py", f"while not stop.wait(2):\n    {READ}", "stop.wait(2)", False),
    "after an error only": (
        "app.py",
        f"while True:\n    try:\n        {READ}\n    except E:\n        time.sleep(1)",
        "",
        False,
    ),
    "a break": ("app.py", f"while True:\n    if not {READ}:\n        break", "", True),
    "a break of another loop": (
        "app.py",
        f"while True:\n    {READ}\n    for x in xs:\n        break",
        "",
        False,
    ),
    "a promise": (
        "app.js",
        (
            "while (true) { await r.xread('STREAMS', 's', '0');"
            " await new Promise((done) => setTimeout(done, 50)); }"
        ),
        "setTimeout(done, 50)",
        False,
    ),
}


@pytest.mark.parametrize(("name", "code", "waits", "leaves"), PAUSES.values(), ids=PAUSES.keys())
def test_a_loop_knows_its_pause_and_its_way_out(
    name: str, code: str, waits: str, leaves: bool, tmp_path: Path
) -> None:
    loop = read_of(tmp_path, name, code).around.loop
    assert loop is not None
    assert (loop.waits, loop.leaves) == (waits, leaves)


def named(name: str, code: str) -> str:
    """Handlers are kept of files that name streams."""
    return f"{code}\nr.xadd('s', '*', 'a', 1);" if name.endswith(".ts") else f'{code}\nr.xadd("s", {{}})'


HANDLED = {
    "pass": ("app.py", "try:\n    f()\nexcept Exception:\n    pass", (("Exception",), True, False)),
    "bare, with a reason": ("app.py", "try:\n    f()\nexcept:\n    pass  # gone anyway", ((), True, True)),
    "two types": (
        "app.py",
        "try:\n    f()\nexcept (a.B, C) as e:\n    count += 1",
        (("B", "C"), False, False),
    ),
    "suppress": ("app.py", "with contextlib.suppress(OSError):\n    f()", (("OSError",), True, False)),
    "catch": ("app.ts", "try { f(); } catch (e) { }", ((), True, False)),
    "catch without a name": ("app.ts", "try { f(); } catch { /* gone */ }", ((), True, True)),
    "a promise": ("app.ts", "f().catch(() => {});", ((), True, False)),
}


@pytest.mark.parametrize(("name", "code", "expected"), HANDLED.values(), ids=HANDLED.keys())
def test_a_handler_that_may_swallow_is_in_the_index(
    name: str, code: str, expected: tuple[tuple[str, ...], bool, bool], tmp_path: Path
) -> None:
    (use,) = uses(index_of(tmp_path, {name: named(name, code)}), CodeKind.CATCH)
    handler = use.around.handler
    assert isinstance(handler, Handler)
    assert (handler.catches, handler.empty, handler.commented, handler.guards) == (*expected, ("f",))


TOLD = {
    "raised": ("app.py", "try:\n    f()\nexcept E:\n    raise"),
    "told": ("app.py", "try:\n    f()\nexcept E as error:\n    log.error(error)"),
    "thrown": ("app.ts", "try { f(); } catch (e) { throw new Error('x'); }"),
    "tested": ("app.ts", "try { f(); } catch (e) { if (!e.message.includes('BUSYGROUP')) throw e; }"),
    "a promise that tells": ("app.ts", "f().catch((e) => log.error(e));"),
    "a promise with a function": ("app.ts", "f().catch(onError);"),
}


@pytest.mark.parametrize(("name", "code"), TOLD.values(), ids=TOLD.keys())
def test_a_handler_that_tells_is_not(name: str, code: str, tmp_path: Path) -> None:
    assert uses(index_of(tmp_path, {name: named(name, code)}), CodeKind.CATCH) == []


POLICIES = {
    "nothing": (f"while True:\n    {READ}\n    handle()", ()),
    "a limit in a helper": (
        f"def handle():\n    if info['times_delivered'] > 3:\n        pass\nwhile True:\n    {READ}\n    handle()",
        ("deliveries",),
    ),
    "in a comment": (f"def f():\n    # dead letters come later\n    {READ}", ()),
    "in another function": (f"def other():\n    send_to_dlq()\ndef f():\n    {READ}", ()),
    "in the caller": (f"def f():\n    return {READ}\ndef g():\n    dead_letter(f())", ("dead-letter",)),
    "in a handler that is handed on": (
        f"def handler(e):\n    publish_dlq(e)\ndef f(h):\n    {READ}\ndef g():\n    f(handler)",
        ("dead-letter",),
    ),
    "a claim": (f'def f():\n    {READ}\n    r.xautoclaim("s", "g", "c", 1)', ("claims",)),
}


@pytest.mark.parametrize(("code", "policy"), POLICIES.values(), ids=POLICIES.keys())
def test_a_read_knows_what_its_code_does_about_failures(
    code: str, policy: tuple[str, ...], tmp_path: Path
) -> None:
    assert read_of(tmp_path, "app.py", code).around.policy == policy


PAYLOADS = {
    "plain": ("app.py", 'r.xadd("s", {"a": 1, "b": 2})', (("a", "b"), (), False)),
    "a spread that is known": ("app.py", 'x = {"a": 1}\nr.xadd("s", {**x, "b": 2})', (("a", "b"), (), False)),
    "a spread that is not": ("app.py", 'def f(x):\n    r.xadd("s", {**x, "b": 2})', (("b",), (), True)),
    "a name that is not known": ("app.py", 'def f(x):\n    r.xadd("s", x)', ((), (), True)),
    "JSON of a map": ("app.py", 'r.xadd("s", {"data": json.dumps({"x": 1})})', (("data",), ("x",), False)),
    "JSON of anything": (
        "app.py",
        'def f(x):\n    r.xadd("s", {"data": json.dumps(x)})',
        (("data",), (), True),
    ),
    "in turns": ("app.ts", "r.xadd('s', '*', 'a', 1, 'b', 2)", (("a", "b"), (), False)),
    "in turns, spread": ("app.ts", "r.xadd('s', '*', ...flat(event))", ((), (), True)),
    "JSON in turns": (
        "app.ts",
        "r.xadd('s', '*', 'data', JSON.stringify({ x: 1, ...{ y: 2 } }))",
        (("data",), ("x", "y"), False),
    ),
    "node-redis": ("app.ts", "r.xAdd('s', '*', { a: '1' })", (("a",), (), False)),
}


@pytest.mark.parametrize(("name", "code", "expected"), PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_payload_knows_whether_it_is_known_whole(
    name: str, code: str, expected: tuple[tuple[str, ...], tuple[str, ...], bool], tmp_path: Path
) -> None:
    (use,) = uses(index_of(tmp_path, {name: code}), CodeKind.XADD)
    assert (use.fields, use.around.inner_fields, use.around.fields_open) == expected


def test_what_is_made_of_itself_ends(tmp_path: Path) -> None:
    code = """
    def f(rows, data):
        for _, rows in rows:
            for rows, row in rows:
                handle(rows, row)
        data = json.dumps(data)
        r.xreadgroup("g", "c", {"s": ">"})
        r.xadd("s", {"data": json.dumps(data), **data})
        r.xack("s", "g", row)
    """
    made = index_of(tmp_path, {"app.py": code})
    found = {use.kind for use in made.uses if use.stream is not None and use.stream.value == "s"}
    assert found == {CodeKind.XREADGROUP, CodeKind.XADD, CodeKind.XACK}
    assert not [gap for gap in made.gaps if "circles" in gap.why]
