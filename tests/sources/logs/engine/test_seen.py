"""Traces that are counted because one like them was put together give what reading line by line gives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.log_lines import Mix, writer
from tests.sources.logs.engine.blocks import batches
from tests.sources.logs.engine.test_fold import SERVICE, Engine, Reference, compare, cut, seen
from tools.sources.logs.engine.batch import Batch
from tools.sources.logs.window import Group, Window

HEADS = (
    "{t} ERROR shop.worker: order {n} failed", "{t} ERROR shop.worker: payment {hex} rejected", "{t} FATAL shop.worker: order {n} lost",
    "{t} WARN shop.worker: order {n} slow", "{t} DEBUG shop.worker: order {n} failed, retrying", "{t} INFO shop.worker: order {n} stored",
    '{{"level":50,"time":{ms},"req":"req-{hex}","msg":"order {n} failed"}}', '{{"level":20,"time":{ms},"msg":"order {n} failed"}}',
    '{{"level":50,"time":{ms},"msg":"order {n} failed, ValueError: no {n}"}}', "order {n} failed", "{t} ERROR retrying, attempt 1 of 3",
)  # fmt: skip
BELOW = (
    "", 'Traceback (most recent call last):\n  File "/srv/a.py", line {n}, in handle\n    store()\nValueError: no {n}',
    'Traceback (most recent call last):\n  File "/srv/a.py", line {n}, in <module>\n    store()\nValueError: no {n}',
    'Traceback (most recent call last):\n  File "/srv/a.py", line {n}, in handle\n    store()\nValueError: no {n}\nand more of it',
    "java.lang.IllegalStateException: no {n}\n\tat a.B.c(B.java:{n})\n\t... 3 more",
    "java.lang.OutOfMemoryError: heap {n}\n\tat a.B.c(B.java:{n})\nCaused by: java.io.IOException: y {n}\n\tat a.D.e(D.java:1)",
    "Error: lost {n}\n    at f (/srv/a.js:{n}:2)\n    at g (/srv/b.js:3:4)", "Warning: lost {n}\n    at f (/srv/a.js:{n}:2)\n    at g (/srv/b.js:3:4)",
    "    at f (/srv/a.js:{n}:2)\n    at g (/srv/b.js:3:4)", "panic: no {n}\n\ngoroutine {n} [running]:\nmain.main()\n\t/srv/main.go:{n} +0x1d",
    "a bare line, order {n}", "Error: password=hunter2!Zq99 given\n    at f (/srv/a.js:{n}:2)\n    at g (/srv/b.js:3:4)",
    "Error: message {ms}-0 lost\n    at f (/srv/a.js:{n}:2)\n    at g (/srv/b.js:3:4)",
)  # fmt: skip
BEHIND = (
    "{t} INFO shop.worker: order {n} stored", '{{"level":30,"time":{ms},"msg":"order {n} stored"}}', "{t} INFO worker {n} exited with code 1",
    "{t} ERROR shop.worker: order {n} failed",
)  # fmt: skip
UNFINISHED = 'Traceback (most recent call last):\n  File "/srv/a.py", line {n}, in handle'
"""What other threads write stands inside it, until the line that ends it; then it is taken with that, not in its own order."""
STRAY = ("\tat a.Stray.more(Stray.java:{n})", "    at stray (/srv/s.js:{n}:2)", "stray text {n}", "")


def lines(chance: random.Random, count: int) -> Iterator[str]:
    """Records of one format each, with traces below, so that most blocks come again with other figures."""
    at_ms = 1_750_000_000_000
    structured = chance.random() < 0.4
    heads = [head for head in HEADS if head.startswith("{{") == structured]
    behind = [line for line in BEHIND if line.startswith("{{") == structured]
    few = chance.sample(heads, min(3, len(heads))), chance.sample(BELOW, 4)
    if chance.random() < 0.2:
        few[1].append(UNFINISHED)
    for _ in range(count):
        drawn = [chance.choice(few[0]), chance.choice(few[1])]
        drawn += chance.choices(
            behind, weights=[9, *[1] * (len(behind) - 1)], k=chance.choice((0, 1, 3, 4, 5, 6))
        )
        if chance.random() < 0.1:
            drawn.insert(chance.randrange(2, len(drawn) + 1), chance.choice(STRAY))
        for text in drawn:
            at_ms += 7
            when = f"2025-06-15 15:{at_ms // 60_000 % 60:02d}:{at_ms // 1000 % 60:02d},{at_ms % 1000:03d}"
            if text or text in STRAY:
                yield text.format(
                    t=when, ms=at_ms, n=chance.randrange(1000), hex=f"{chance.getrandbits(64):016x}"
                )


class Counting(Engine):
    """Counts the traces that were known."""

    traces = 0

    def take(self, batch: Batch) -> None:
        folded = self.folder.fold(batch, 0.0)
        self.window.enrol(folded.items)
        for item in folded.items:
            self.traces += item.lines if isinstance(item, Group) and item.trace else 0
            self.window.take(item)
        self.folder.settle()


@pytest.mark.parametrize("seed", range(40))
def test_known_traces_give_the_same_as_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    pieces = cut(lines(chance, 150), chance, chance.choice((40, 300)))
    reference, engine = Reference(), Engine()
    for batch, same in zip(batches(pieces, SERVICE), batches(pieces, SERVICE), strict=True):
        reference.take(batch)
        engine.take(same)
        assert told(engine.window) == told(reference.window)
        reference.window.clear()
        engine.window.clear()


def told(window: Window) -> dict[str, Any]:
    """All that a tick would look at; the times of a template in order."""
    found = seen(window, formats=False)
    for template in found["templates"].values():
        template["times_ms"].sort()
    return {name: value for name, value in found.items() if name != "order"}


@pytest.mark.parametrize("form", ["pino", "log4j", "python"])
def test_traces_of_loggers_are_known_again(form: str) -> None:
    texts = [line.rstrip("\n") for line in writer(form, Mix(0.2, 0.1, 0.3)).lines(2000)]
    engine = Counting()
    pieces = cut(texts, random.Random(1), 400)
    compare(pieces, until=lambda: engine, one_by_one=Reference)
    assert engine.traces > 30
