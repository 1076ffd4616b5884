"""Entries without a way out: where neither a delivery count nor a dead-letter stream is reached from the read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.code.cases import Files, js, py, symptoms, ts
from tools.detectors.code import no_dead_letter

PY = """
def run():
    while True:
        for _, entries in r.xreadgroup("g", "c", {"s": ">"}, count=10, block=1000):
            for id, event in entries:
                handle(id, event)
                r.xack("s", "g", id)
"""
TS = """
async function run() {
  while (true) {
    const rows = await redis.xreadgroup('GROUP', 'g', 'c', 'BLOCK', 1000, 'STREAMS', 's', '>');
    for (const [id, fields] of rows[0][1]) {
      await handle(id, fields);
      await redis.xack('s', 'g', id);
    }
  }
}
"""
JS = """
while (!stopped) {
  const rows = await client.xReadGroup('g', 'c', { key: 's', id: '>' }, { BLOCK: 1000 });
  for (const { id, message } of rows[0].messages) {
    await handle(id, message);
    await client.xAck('s', 'g', id);
  }
}
"""
CLAIM = 'def reclaim():\n    for id, event in r.xautoclaim("s", "g", "c", 60000)[1]:\n        {}\n        r.xack("s", "g", id)\n'
FIRES = {
    "redis-py": py(PY),
    "redis-py, acknowledged after a failure": py(
        PY.replace(
            "handle(id, event)\n",
            "try:\n                    handle(id, event)\n                except Exception:\n                    log.exception('no')\n",
        )
    ),
    "redis-py, claimed without a limit": py(PY + CLAIM.format("handle(id, event)")),
    "a dead letter in a comment only": py(PY.replace("handle(id, event)", "handle(id, event)  # dead letter later")),
    "another service has dead letters": {
        **py(PY),
        "services/b/app.py": 'r.xadd("s.dead", {})\n' + PY.replace('"s"', '"t"'),
    },
    "a helper of the whole project": {
        "services/a/app.py": "from shared.reader import consume\nconsume('s', 'g')",
        "shared/reader.py": (
            "def consume(s, g):\n    while True:\n        for id, event in r.xreadgroup(g, 'c', {s: '>'}):\n"
            "            handle(event)\n            r.xack(s, g, id)\n"
        ),
    },
    "retries of the connection": ts("const redis = new Redis({ maxRetriesPerRequest: 3 });" + TS),
    "a group that only a run knows": py('G = os.environ["G"]\n' + PY.replace('"g"', "G")),
    "a summary of what is pending": py(PY.replace("handle(id, event)", 'handle(id, event, r.xpending("s", "g"))')),
    "ioredis": ts(TS),
    "ioredis, for ever by callbacks": js(
        """
        const read = (s, next) => {
          redis.xreadgroup('GROUP', 'g', 'c', 'BLOCK', 1000, 'STREAMS', s, '>', (err, rows) => {
            redis.xack(s, 'g', rows[0], (err) => { next(); });
          });
        };
        async.forever(
          (next) => {
            read('s', next);
          },
          (err) => { }
        );
        """
    ),
    "node-redis": js(JS),
}  # fmt: skip
STAYS_SILENT = {
    "a delivery count": py(PY.replace("handle(id, event)", 'handle(id, event, r.xpending_range("s", "g", id, id, 1))')),
    "a limit in the claim": py(PY + CLAIM.format("if entry['times_delivered'] > 3:\n            drop(id)")),
    "a dead-letter stream in the handler": py(
        PY + 'def handle(id, event):\n    try:\n        work(event)\n    except Exception:\n        r.xadd("s.dlq", event)\n'
    ),
    "a dead-letter function of another module": {
        **py("from shared.dead import park\n" + PY.replace("handle(id, event)", "park(id)")),
        "shared/dead.py": 'def park(id):\n    r.xadd("s.dlq", {"id": id})',
    },
    "a handler that is handed down": py(
        'def consume(handler):\n    while True:\n        for id, e in r.xreadgroup("g", "c", {"s": ">"}):\n            handler(e)\n'
        '            r.xack("s", "g", id)\ndef work(e):\n    dead_letter(e)\nconsume(work)'
    ),
    "a method of a subclass": py(
        'class Base:\n    def run(self):\n        while True:\n            for id, e in r.xreadgroup("g", "c", {"s": ">"}):\n'
        '                self.process(e)\n                r.xack("s", "g", id)\n'
        "class One(Base):\n    def process(self, e):\n        self.send_to_dlq(e)\n"
        "class Two(Base):\n    def process(self, e):\n        pass\n"
    ),
    "the loop in the caller": py(
        'def read():\n    return r.xreadgroup("g", "c", {"s": ">"})\ndef run():\n    while True:\n        for id, e in read():\n'
        '            if e["retry_count"] > 3:\n                continue\n            r.xack("s", "g", id)'
    ),
    "never acknowledged": py(PY.replace('r.xack("s", "g", id)', "pass")),
    "meant to be lost": py(PY.replace("count=10", "noack=True")),
    "a read that is not repeated": py(
        'for id, e in r.xreadgroup("g", "c", {"s": ">"}):\n    r.xack("s", "g", id)'
    ),
    "an unknown stream": py("def run(s):\n    while True:\n        r.xreadgroup('g', 'c', {s: '>'})\n        r.xack(s, 'g', 1)"),
    "the reader of dead letters": py(PY.replace('"s"', '"s.dead"')),
    "a script": {"scripts/x.py": PY},
    "a test": {"services/a/tests/x.py": PY},
    "silenced": py(PY.replace("        for _,", "        # streamgauge-ignore code.no-dead-letter figures only\n        for _,")),
    "ioredis, what is pending in full": ts(
        TS.replace("await handle(id, fields);", "await handle(await redis.xpending('s', 'g', '-', '+', 10));")
    ),
    "ioredis, a limit": ts(TS.replace("await handle(id, fields);", "if (deliveryCount > 3) continue;")),
    "ioredis, a dead letter": ts(
        TS + "async function handle(id: string, f: string[]) { await redis.xadd('s:dead-letters', '*', ...f); }"
    ),
    "ioredis, another reader of the pair has one": ts(
        TS + "async function again() { while (true) { await redis.xreadgroup('GROUP', 'g', 'c', 'STREAMS', 's', '0'); park(deadLetter); } }"
    ),
    "node-redis, a limit": js(JS.replace("await handle(id, message);", "if (p.deliveriesCounter > MAX_ATTEMPTS) { }")),
    "node-redis, a declaration": {"services/a/x.d.ts": JS},
}  # fmt: skip


@pytest.mark.parametrize("files", FIRES.values(), ids=FIRES.keys())
def test_entries_without_a_way_out_are_told(files: Files, tmp_path: Path) -> None:
    told = [symptom for symptom in symptoms(no_dead_letter, files, tmp_path) if symptom.streams == ("s",)]
    assert len(told) == 1


@pytest.mark.parametrize("files", STAYS_SILENT.values(), ids=STAYS_SILENT.keys())
def test_entries_with_one_are_not(files: Files, tmp_path: Path) -> None:
    assert symptoms(no_dead_letter, files, tmp_path) == []


def test_a_helper_for_several_streams_is_one_finding(tmp_path: Path) -> None:
    code = (
        "def consume(s):\n    while True:\n        for id, e in r.xreadgroup('g', 'c', {s: '>'}):\n            r.xack(s, 'g', id)\n"
        "consume('s1')\nconsume('s2')"
    )
    (symptom,) = symptoms(no_dead_letter, py(code), tmp_path)
    assert symptom.streams == ("s1", "s2")


AFTER = {
    "redis-py": (py(PY), ['r.xpending_range("s", "g", message_id, message_id, 1)', 'r.xadd("s.dead"', 'r.xack("s", "g"']),
    "ioredis": (ts(TS), ["redis.xpending('s', 'g', id, id, 1)", "redis.xadd('s.dead', '*'", "redis.xack('s', 'g', id)"]),
    "node-redis": (
        js(JS),
        ["client.xPendingRange('s', 'g', id, id, 1)", "client.xAdd('s.dead', '*', {", "client.xAck('s', 'g', id)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "words"), AFTER.values(), ids=AFTER.keys())
def test_the_proposal_parks_in_the_users_library(files: Files, words: list[str], tmp_path: Path) -> None:
    (symptom,) = symptoms(no_dead_letter, files, tmp_path)
    assert symptom.snippet_after is not None
    assert [word for word in words if word not in symptom.snippet_after] == []
