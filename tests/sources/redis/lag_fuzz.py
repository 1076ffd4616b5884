"""Hostile random work on streams and groups, and what is true of them, asked without the product's code.

The same seed makes the same commands. A few are refused by the server (an id that is too small, a group that is
there already, an option of a later version): a system makes such mistakes too.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from tests.fakes.clock import ManualClock
from tests.servers.standalone import Server
from tests.sources.redis.raw import Raw
from tools.clock import StopSignal

GROUPS = ("g0", "g1", "g2")
CONSUMERS = ("c0", "c1")
LENGTH_USUAL_MAX = 40
FAT = "x" * 300_000
"""Entries of which a few end a count by its bytes."""

HIGHEST = "18446744073709551615-18446744073709551615"
_ADDING_SCRIPT = "redis.call('XADD', KEYS[1], ARGV[1], 'f', '1')"
_TIME_MS = 1_750_000_000_000

OLD_DUMPS = (
    bytes.fromhex(
        "0f011000000000000000010000000000000000c33e404407440000001e00040140000781660200010201002001"
        "02010104200900012009000260094015000320090003200100002007401d000420090005200500ff0405000202"
        "6730020002000000000000000100000000000000005e9b7720a201000001000000000000000200000000000000"
        "005e9b7720a201000001010263305e9b7720a20100000200000000000000010000000000000000000000000000"
        "00020000000000000000026731050000000900c5f8202d7c249806"
    ),
    bytes.fromhex(
        "0f011000000000000000010000000000000000c34048404e134e00000023000401020101018166020001030100"
        "200101010180120000201840090002200900032009000320010000200740130004200900052005000220050200"
        "0106200900ff04060003026730020002000000000000000100000000000000005e9b7720a20100000100000000"
        "0000000200000000000000005e9b7720a201000001010263305e9b7720a2010000020000000000000001000000"
        "000000000000000000000000020000000000000000026731050000000267320500010000000000000005000000"
        "00000000005f9b7720a201000001010263305f9b7720a201000001000000000000000500000000000000000900"
        "e5dc289d8430cf4f"
    ),
)
"""Made by Redis 6.2, which keeps no counters: a deleted entry ahead of g0, g1 at the end; then also g2, read to 5-0."""


class Meddling(ManualClock):
    """At the first pause of a look, which is before any stream is looked at, more is done."""

    def __init__(self) -> None:
        super().__init__()
        self.then: Callable[[], None] | None = None

    def sleep_until(self, when: float, stop: StopSignal) -> None:
        super().sleep_until(when, stop)
        if self.then is not None:
            then, self.then = self.then, None
            then()


class Hostile:
    """Random steps on a few streams of one server."""

    def __init__(self, server: Server, seed: int, streams: int = 4) -> None:
        self.dice = random.Random(seed)
        self.server = server
        self.raw = Raw(server.port)
        self.names = [f"s{number}" for number in range(streams)]
        self.history: dict[str, deque[tuple[object, ...]]] = {}
        self.steps: Counter[str] = Counter()
        self._fat = ""
        self._now_ms, self._sequence = _TIME_MS, 0
        self._kinds = self._weighted()

    def close(self) -> None:
        self.raw.close()

    def episode(self) -> None:
        """Begin anew: with other habits."""
        self.raw("FLUSHALL")
        self.history = {name: deque(maxlen=40) for name in self.names}
        self._fat = self.names[0] if self.dice.random() < 0.03 else ""
        self._kinds = self._weighted()
        for name in self.names:
            self._send(name, "XADD", name, "1-0", "f", "1")
            self._send(name, "XGROUP", "CREATE", name, "g0", self.dice.choice(["0", "$", "0", "1-0"]))

    def step(self, name: str) -> None:
        """One random command on one stream."""
        kinds, weights = self._kinds
        self.dice.choices(kinds, weights)[0](name)

    def idle(self) -> None:
        """Commands that change nothing."""
        for _ in range(self.dice.randint(0, 3)):
            name = self.dice.choice(self.names)
            command = self.dice.choice(
                [("XLEN", name), ("GET", "none"), ("EXISTS", name), ("XRANGE", name, "-", "+", "COUNT", 1), ("TYPE", name),
                 ("XPENDING", name, "g0"), ("PING",), ("XINFO", "STREAM", name)]
            )  # fmt: skip
            self.raw(*command)

    def _weighted(self) -> tuple[list[Callable[[str], None]], list[float]]:
        table: list[tuple[Callable[[str], None], float, float]] = [
            (self._add, 40, 1), (self._read, 30, 1), (self._ack, 4, 1), (self._claim, 2, 0.7), (self._delete, 8, 0.5),
            (self._trim, 4, 0.6), (self._create, 3, 0.8), (self._set_id, 4, 0.4), (self._set_last, 1.5, 0.3),
            (self._destroy, 1.5, 0.5), (self._remove, 0.6, 0.4), (self._restore, 1, 0.4), (self._rename, 0.5, 0.3),
            (self._script, 1.5, 0.4), (self._empty, 0.5, 0.3), (self._consumer, 1, 0.5), (self._of_later_servers, 2, 0.4),
        ]  # fmt: skip
        if self.dice.random() < 0.5:  # a system that only works with its streams
            usual = {self._add, self._read, self._ack, self._delete, self._trim, self._consumer, self._empty}
            table = [row for row in table if row[0] in usual]
        used = [(kind, weight) for kind, weight, chance in table if self.dice.random() < chance]
        return [kind for kind, _ in used], [weight for _, weight in used]

    def _send(self, name: str, *command: object) -> Any:
        self.steps[str(command[0]).lower()] += 1
        shown = tuple("fat" if item == FAT else item for item in command)
        self.history[name].append(shown)
        return self.raw(*command)

    def _some_id(self, name: str) -> str:
        """Of an entry that is there, or near one."""
        choice = self.dice.random()
        if choice < 0.6:
            there = self.raw("XRANGE", name, "-", "+", "COUNT", LENGTH_USUAL_MAX) or []
            if there:
                return str(self.dice.choice(there)[0].decode())
        if choice < 0.7:
            return self.dice.choice(["0", "0-0", "$", "0-1"])
        if choice < 0.71:
            return HIGHEST
        return f"{self.dice.randint(0, 60)}-{self.dice.randint(0, 2)}"

    def _time_id(self) -> str:
        """As the server would make one, by a clock that the seed moves."""
        self._now_ms += self.dice.choice([0, 1, 7, 900])
        self._sequence += 1
        return f"{self._now_ms}-{self._sequence}"

    def _next_id(self, name: str) -> str:
        newest = self.raw("XREVRANGE", name, "+", "-", "COUNT", 1) or []
        millis, _, sequence = (newest[0][0].decode() if newest else "0-0").partition("-")
        choice = self.dice.random()
        if choice < 0.6:
            return f"{int(millis) + self.dice.randint(1, 3)}-0"
        if choice < 0.9:
            return f"{millis}-{int(sequence) + self.dice.randint(1, 2)}"
        return self._time_id() if choice < 0.92 else f"{self.dice.randint(0, 80)}-{self.dice.randint(0, 3)}"

    def _add(self, name: str) -> None:
        options: list[object] = ["NOMKSTREAM"] if self.dice.random() < 0.2 else []
        if self.dice.random() < 0.3 or (self.raw("XLEN", name) or 0) > LENGTH_USUAL_MAX:
            mark = self.dice.choice([["MAXLEN"], ["MAXLEN", "="], ["MAXLEN", "~"]])
            options += [*mark, self.dice.randint(0, 15)]
        elif self.dice.random() < 0.05:
            options += ["MINID", self._some_id(name).replace("$", "0")]
        text = FAT if name == self._fat else "1"
        self._send(name, "XADD", name, *options, self._next_id(name), "f", text)

    def _read(self, name: str) -> None:
        options: list[object] = ["COUNT", self.dice.randint(1, 6)] if self.dice.random() < 0.9 else []
        if self.dice.random() < 0.2:
            options.append("NOACK")
        after = ">" if self.dice.random() < 0.95 else "0"
        who = self.dice.choice(GROUPS), self.dice.choice(CONSUMERS)
        self._send(name, "XREADGROUP", "GROUP", *who, *options, "STREAMS", name, after)

    def _ack(self, name: str) -> None:
        self._send(name, "XACK", name, self.dice.choice(GROUPS), self._some_id(name).replace("$", "0"))

    def _claim(self, name: str) -> None:
        group, consumer = self.dice.choice(GROUPS), self.dice.choice(CONSUMERS)
        if self.dice.random() < 0.4:
            self._send(name, "XAUTOCLAIM", name, group, consumer, 0, "0", "COUNT", 3)
            return
        options = self.dice.choice(
            [(), ("FORCE",), ("JUSTID",), ("LASTID", self._some_id(name).replace("$", "0"))]
        )
        self._send(name, "XCLAIM", name, group, consumer, 0, self._some_id(name).replace("$", "0"), *options)

    def _delete(self, name: str) -> None:
        there = self.raw("XRANGE", name, "-", "+") if name != self._fat else []
        if there:
            picked = self.dice.choice([there[0], there[-1], self.dice.choice(there), self.dice.choice(there)])
            self._send(name, "XDEL", name, picked[0].decode())

    def _trim(self, name: str) -> None:
        mark = self.dice.choice([[], ["="], ["~"]])
        if self.dice.random() < 0.5:
            self._send(name, "XTRIM", name, "MAXLEN", *mark, self.dice.randint(0, 12))
        else:
            self._send(name, "XTRIM", name, "MINID", *mark, self._some_id(name).replace("$", "0"))

    def _entries_read(self) -> list[object]:
        """Right by luck at most."""
        return ["ENTRIESREAD", self.dice.randint(0, 60)] if self.dice.random() < 0.5 else []

    def _create(self, name: str) -> None:
        where = self.dice.choice(["0", "$", self._some_id(name)])
        self._send(
            name, "XGROUP", "CREATE", name, self.dice.choice(GROUPS), where, "MKSTREAM", *self._entries_read()
        )

    def _set_id(self, name: str) -> None:
        self._send(
            name,
            "XGROUP",
            "SETID",
            name,
            self.dice.choice(GROUPS),
            self._some_id(name),
            *self._entries_read(),
        )

    def _set_last(self, name: str) -> None:
        newest = (self.raw("XREVRANGE", name, "+", "-", "COUNT", 1) or [[b"0-0"]])[0][0].decode()
        millis = int(newest.partition("-")[0])
        options: list[object] = []
        if self.dice.random() < 0.6:
            deleted = self.dice.choice([f"{max(millis - 3, 0)}-0", newest, "0-0"])
            options = ["ENTRIESADDED", self.dice.randint(0, 80), "MAXDELETEDID", deleted]
        self._send(name, "XSETID", name, self.dice.choice([newest, f"{millis + 5}-0"]), *options)

    def _destroy(self, name: str) -> None:
        group = self.dice.choice(GROUPS)
        self._send(name, "XGROUP", "DESTROY", name, group)
        if self.dice.random() < 0.5:
            where = self._some_id(name)
            self._send(name, "XGROUP", "CREATE", name, group, where, "MKSTREAM", *self._entries_read())

    def _remove(self, name: str) -> None:
        self._send(
            name,
            *self.dice.choice([("DEL", name), ("UNLINK", name), ("PEXPIREAT", name, 1), ("SET", name, "x")]),
        )
        if self.dice.random() < 0.5:
            self._send(name, "DEL", name)
            self._create(name)

    def _restore(self, name: str) -> None:
        dump = self.raw("DUMP", self.dice.choice(self.names))
        if self.dice.random() < 0.4:
            dump = self.dice.choice(OLD_DUMPS)
        if dump and len(dump) < len(FAT):
            self._send(name, "RESTORE", name, 0, dump, "REPLACE")

    def _rename(self, name: str) -> None:
        other = self.dice.choice(self.names)
        self._send(name, *self.dice.choice([("RENAME", other, name), ("COPY", other, name, "REPLACE")]))

    def _script(self, name: str) -> None:
        if self.dice.random() < 0.5:
            self._send(name, "EVAL", _ADDING_SCRIPT, 1, name, self._time_id())
            return
        for command in (
            ("MULTI",), ("XADD", name, "NOMKSTREAM", self._time_id(), "f", "1"),
            ("XREADGROUP", "GROUP", "g0", "c0", "COUNT", 2, "STREAMS", name, ">"), ("EXEC",),
        ):  # fmt: skip
            self._send(name, *command)

    def _empty(self, name: str) -> None:
        self._send(name, "XTRIM", name, "MAXLEN", 0)

    def _consumer(self, name: str) -> None:
        word = self.dice.choice(["CREATECONSUMER", "DELCONSUMER"])
        self._send(name, "XGROUP", word, name, self.dice.choice(GROUPS), self.dice.choice(CONSUMERS))

    def _of_later_servers(self, name: str) -> None:
        """Redis 8.2; the others refuse them."""
        mode, entry = self.dice.choice(["KEEPREF", "DELREF", "ACKED"]), self._some_id(name).replace("$", "0")
        self._send(
            name,
            *self.dice.choice(
                [("XDELEX", name, mode, "IDS", 1, entry), ("XACKDEL", name, "g0", mode, "IDS", 1, entry),
                 ("XTRIM", name, "MAXLEN", 5, mode)]
            ),
        )  # fmt: skip


def lengths(raw: Raw, names: list[str]) -> dict[str, tuple[int, str]]:
    """Of each stream: its length and the id that was generated last."""
    found = {}
    for name in names:
        reply = raw("XINFO", "STREAM", name) or []
        fields = dict(zip(reply[::2], reply[1::2], strict=True))
        if fields:
            found[name] = fields[b"length"], fields[b"last-generated-id"].decode()
    return found


def truth(raw: Raw, names: list[str]) -> dict[tuple[str, str], tuple[int, int | None]]:
    """Of each group, by (stream, group): entries above its last delivered id, and the server's own lag."""
    found = {}
    for name in names:
        for fields in raw("XINFO", "GROUPS", name) or []:
            group = dict(zip(fields[::2], fields[1::2], strict=True))
            last = group[b"last-delivered-id"].decode()
            above = 0 if last == HIGHEST else len(raw("XRANGE", name, f"({last}", "+"))
            found[name, group[b"name"].decode()] = above, group.get(b"lag")
    return found
