"""Work without a group, and readers that mean to see everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.code.cases import Files, js, py, symptoms, ts
from tools.detectors.code import xread_no_group

PY = """
def run():
    last = "$"
    while True:
        for _, rows in r.xread({"s": last}, block=0):
            for last, event in rows:
                handle_order(event)
"""
TS = """
async function run() {
  let last = '0';
  while (!stopped) {
    const rows = await redis.xread('BLOCK', 0, 'STREAMS', 's', last);
    for (const [id, fields] of rows[0][1]) { await processOrder(fields); last = id; }
  }
}
"""
JS = """
for (;;) {
  const rows = await client.xRead({ key: 's', id: last }, { BLOCK: 0 });
  for (const { id, message } of rows[0].messages) { await chargeCard(message); last = id; }
}
"""
WRITER = """
async function trade(message) { await prisma.order.create({ data: message }); }
"""
WRAPPER = """
async function follow(key, callback) {
  while (true) {
    const rows = await client.xRead({ key, id: '$' }, { BLOCK: 0 });
    for (const { message } of rows[0].messages) callback(message);
  }
}
"""
NEXT = """
async function next(key) {
  const rows = await client.xRead({ key, id: '$' }, { BLOCK: 0, COUNT: 1 });
  return rows && rows[0].messages[0];
}
"""
FIRES = {
    "redis-py": py(PY),
    "redis-py, again from the newest": py(PY.replace("last}", '"$"}')),
    "redis-py, deletes what it did": py(PY.replace("handle_order(event)", 'r.xdel("s", last)')),
    "redis-py, through a helper": py(
        'def read(s, at):\n    return r.xread({s: at}, block=0)\nwhile True:\n    for e in read("s", "$"):\n        process(e)'
    ),
    "ioredis": ts(TS),
    "node-redis": js(JS),
    "node-redis, what the loop calls writes rows": js(
        JS.replace("chargeCard(message)", "trade(message)") + WRITER
    ),
    "node-redis, handed to a wrapper that reads": js(WRAPPER + WRITER + "await follow('s', trade);"),
    "node-redis, a loop around a wrapper": js(
        NEXT + WRITER + "while (true) { const entry = await next('s'); if (entry) { await trade(entry); } }"
    ),
    "redis-py, what is called writes to another stream": py(
        PY.replace("handle_order(event)", "settle(event)")
        + 'def settle(e):\n    ledger(e)\ndef ledger(e):\n    r.xadd("t", e)\n'
    ),
}
STAYS_SILENT = {
    "a reply listener": py(PY.replace("handle_order(event)", 'if event["request_id"] == rid:\n                    handle(event)')),
    "a listener of its own answers": py(
        PY.replace("handle_order(event)", 'if event["correlation_id"] in waiting:\n                    process(event)')
    ),
    "a stored position": py(PY.replace("handle_order(event)", "handle(event)\n                save_checkpoint(last)")),
    "handed on to clients": py(PY.replace("handle_order(event)", "await broadcast(process(event))")),
    "a websocket": py(PY.replace("handle_order(event)", "await ws.send_json(handle(event))")),
    "a generator": py(PY.replace("handle_order(event)", "yield event")),
    "a copy in memory": py(PY.replace("handle_order(event)", "handle(event)\n                cache_update(event)")),
    "nothing is done": py(PY.replace("handle_order(event)", "log.info(event)")),
    "a group beside it": py(PY + 'r.xreadgroup("g", "c", {"s": ">"})'),
    "one read": py('for e in r.xread({"s": "0"}):\n    handle(e)'),
    "a copy of a stream": py('def copy(rows):\n    while rows:\n        rows = r.xread({"s": last})\n        process(rows)'),
    "an unknown stream": py("def f(s):\n    while True:\n        handle(r.xread({s: '$'}, block=0))"),
    "a group": py(PY.replace('r.xread({"s": last}, block=0)', 'r.xreadgroup("g", "c", {"s": ">"})')),
    "a script": {"scripts/x.py": PY},
    "a test": {"services/a/tests/x.py": PY},
    "silenced": py(
        PY.replace("        for _,", "        # streamgauge-ignore code.xread-no-group every instance counts\n        for _,")
    ),
    "ioredis, its own answer": ts(TS.replace("await processOrder(fields);", "if (fields[1] === requestId) handle(fields);")),
    "ioredis, whoever waits for it": ts(
        TS.replace("await processOrder(fields);", "await processOrder(fields);")
        + "async function processOrder(f: string[]) { const c = callbacks[f[1]]; if (c) c(f); }"
    ),
    "ioredis, a socket": ts(TS.replace("await processOrder(fields);", "io.emit('order', process(fields));")),
    "ioredis, a function that waits for an answer": ts(TS.replace("run()", "waitForReply()")),
    "ioredis, a stored position": ts(TS.replace("last = id;", "last = id; await redis.set('position', id);")),
    "node-redis, server-sent events": js(JS.replace("await chargeCard(message);", "res.write(handle(message));")),
    "node-redis, handed to a wrapper, for clients": js(WRAPPER + "function send(m) { ws.send(m); }\nawait follow('s', send);"),
    "node-redis, handed to a wrapper, a look": js(WRAPPER + "function show(m) { console.log(m); }\nawait follow('s', show);"),
    "node-redis, a writer beside the loop": js(JS.replace("await chargeCard(message);", "seen.add(id);") + WRITER),
    "node-redis, a declaration": {"services/a/x.d.ts": JS},
}  # fmt: skip


@pytest.mark.parametrize("files", FIRES.values(), ids=FIRES.keys())
def test_work_without_a_group_is_told(files: Files, tmp_path: Path) -> None:
    (symptom,) = symptoms(xread_no_group, files, tmp_path)
    assert symptom.streams == ("s",)


@pytest.mark.parametrize("files", STAYS_SILENT.values(), ids=STAYS_SILENT.keys())
def test_a_reader_that_means_to_see_everything_is_not(files: Files, tmp_path: Path) -> None:
    assert symptoms(xread_no_group, files, tmp_path) == []


def test_a_read_from_the_newest_entry_says_what_is_lost(tmp_path: Path) -> None:
    (symptom,) = symptoms(xread_no_group, py(PY.replace("last}", '"$"}')), tmp_path)
    assert "between two reads, are lost" in symptom.recommendation


AFTER = {
    "redis-py": (py(PY), ['r.xreadgroup("workers", consumer, {"s": ">"}', 'r.xack("s", "workers", message_id)']),
    "ioredis": (ts(TS), ["redis.xreadgroup(", "'STREAMS', 's', '>'", "redis.xack('s', 'workers', id)"]),
    "node-redis": (js(JS), ["client.xReadGroup('workers', consumer, { key: 's', id: '>' }", "client.xAck('s', 'workers', id)"]),
}  # fmt: skip


@pytest.mark.parametrize(("files", "words"), AFTER.values(), ids=AFTER.keys())
def test_the_proposal_reads_a_group_in_the_users_library(
    files: Files, words: list[str], tmp_path: Path
) -> None:
    (symptom,) = symptoms(xread_no_group, files, tmp_path)
    assert symptom.snippet_after is not None
    assert [word for word in words if word not in symptom.snippet_after] == []
