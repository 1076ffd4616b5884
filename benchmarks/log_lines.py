"""Log lines as eight loggers write them, made from a seed: pino, winston, bunyan, log4j, python, nginx, syslog, logfmt.

The shapes are those that the loggers print with their defaults; what they say is made up. No line holds a secret.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

START_MS = 1_750_000_000_000

QUIET = (
    "order {n} stored in {ms} ms",
    "message {id} consumed from orders by group billing, {ms} ms",
    "cache hit for customer {n}",
    "GET /v1/items/{n} -> 200 in {ms} ms",
    "published {id} to stream shipments",
    "batch of {ms} entries acknowledged",
    "connection pool: {ms} idle, {n} handed out",
    "heartbeat ok, lag {ms}",
    "customer {hex} signed in from 10.0.{ms}.7",
    "price of item {n} is now {ms}.{ms}0 EUR",
)
LOUD = (
    "failed to store order {n}: connect ECONNREFUSED 10.0.0.{ms}:6379",
    "payment {hex} rejected by provider after {ms} ms: upstream error",
    "cannot parse message {id}: unexpected token",
    "database query timed out after {ms} ms",
    "unhandled exception in handler for order {n}",
    "stock of item {n} could not be reserved: deadlock detected",
)
WARNED = (
    "retrying request {hex}, attempt {ms}",
    "slow query: {ms} ms for customer {n}",
    "queue of consumer-{ms} is filling up",
)
_TRACES = {
    "pino": (
        "Error: connect ECONNREFUSED 10.0.0.7:6379",
        "    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)",
        "    at Socket.connect (/srv/app/node_modules/redis/lib/client.js:{n}:11)",
    ),
    "log4j": (
        "java.lang.IllegalStateException: no stock for item {n}",
        "\tat com.acme.stock.Reservation.reserve(Reservation.java:{ms})",
        "\tat com.acme.stock.Worker.run(Worker.java:41)",
        "Caused by: java.sql.SQLException: deadlock detected",
        "\tat org.postgresql.core.QueryExecutor.run(QueryExecutor.java:2713)",
        "\t... 12 more",
    ),
    "python": (
        "Traceback (most recent call last):",
        '  File "/srv/app/worker.py", line {ms}, in handle',
        "    store(order)",
        "ValueError: order {n} has no customer",
    ),
}


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of lines that are errors and warnings, and of errors with a stack trace."""

    errors: float = 0.01
    warnings: float = 0.01
    traces: float = 0.02


@dataclass(slots=True)
class Writer:
    """One service's lines, a millisecond apart. `end` closes each of them."""

    form: str
    mix: Mix
    chance: random.Random
    at_ms: int = START_MS
    number: int = 0
    end: str = "\n"

    def lines(self, count: int) -> Iterator[str]:
        """The next lines; an error with a trace counts as one."""
        for _ in range(count):
            yield self.line()

    def line(self) -> str:
        """One record, with its trace where it has one."""
        self.at_ms += 1
        self.number += 1
        drawn = self.chance.random()
        if drawn < self.mix.errors:
            text = self._said(LOUD)
            trace = _TRACES.get(self.form)
            record = FORMS[self.form](self, 50, text)
            if trace is None or self.chance.random() >= self.mix.traces:
                return record + self.end
            return record + self.end + "".join(self._filled(line) + self.end for line in trace)
        if drawn < self.mix.errors + self.mix.warnings:
            return FORMS[self.form](self, 40, self._said(WARNED)) + self.end
        return FORMS[self.form](self, 30, self._said(QUIET)) + self.end

    def _said(self, templates: tuple[str, ...]) -> str:
        return self._filled(templates[self.number * 7 % len(templates)])

    def _filled(self, template: str) -> str:
        if "{" not in template:
            return template
        return template.format(
            n=self.number,
            ms=self.number * 31 % 250,
            hex=f"{self.number * 0x9E3779B97F4A7C15 % (1 << 64):016x}",
            id=f"{self.at_ms}-{self.number % 3}",
        )


@lru_cache(maxsize=4096)
def _second(at_s: int, form: str) -> str:
    return datetime.fromtimestamp(at_s, tz=UTC).strftime(form)


def _iso(at_ms: int, comma: str = ".", between: str = "T") -> str:
    return f"{_second(at_ms // 1000, f'%Y-%m-%d{between}%H:%M:%S')}{comma}{at_ms % 1000:03d}"


_LEVELS = {30: ("info", "INFO"), 40: ("warn", "WARN"), 50: ("error", "ERROR")}


def _pino(w: Writer, level: int, text: str) -> str:
    return (
        f'{{"level":{level},"time":{w.at_ms},"pid":4711,"hostname":"orders-5d8f7c","name":"orders",'
        f'"reqId":"req-{w.number:x}","msg":"{text}"}}'
    )


def _winston(w: Writer, level: int, text: str) -> str:
    return (
        f'{{"level":"{_LEVELS[level][0]}","message":"{text}","service":"payments","worker":{w.number % 4},'
        f'"timestamp":"{_iso(w.at_ms)}Z"}}'
    )


def _bunyan(w: Writer, level: int, text: str) -> str:
    return (
        f'{{"name":"inventory","hostname":"inventory-0","pid":{100 + w.number % 3},"level":{level},"msg":"{text}",'
        f'"time":"{_iso(w.at_ms)}Z","v":0}}'
    )


def _log4j(w: Writer, level: int, text: str) -> str:
    return (
        f"{_iso(w.at_ms, ',', ' ')} [http-nio-8080-exec-{w.number % 9}] {_LEVELS[level][1]:5} "
        f"com.acme.stock.StockService - {text}"
    )


def _python(w: Writer, level: int, text: str) -> str:
    name = "WARNING" if level == 40 else _LEVELS[level][1]
    return f"{_iso(w.at_ms, ',', ' ')} {name} shop.worker.{w.number % 5}: {text}"


def _nginx(w: Writer, level: int, text: str) -> str:
    status = 502 if level == 50 else 429 if level == 40 else 200
    when = _second(w.at_ms // 1000, "%d/%b/%Y:%H:%M:%S +0000")
    return (
        f'10.1.{w.number % 200}.{w.number % 97} - - [{when}] "GET /v1/orders/{w.number} HTTP/1.1" {status} '
        f'{w.number % 400} "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 ({len(text)})"'
    )


def _syslog(w: Writer, level: int, text: str) -> str:
    when = _second(w.at_ms // 1000, "%b %e %H:%M:%S")
    return f"{when} shop-7 gateway[{900 + w.number % 3}]: {_LEVELS[level][1]} {text}"


def _logfmt(w: Writer, level: int, text: str) -> str:
    return (
        f'time={_iso(w.at_ms)}Z level={_LEVELS[level][0]} msg="{text}" component=consumer shard={w.number % 16} '
        f"took={w.number % 90}ms"
    )


FORMS: dict[str, Callable[[Writer, int, str], str]] = {
    "pino": _pino,
    "winston": _winston,
    "bunyan": _bunyan,
    "log4j": _log4j,
    "python": _python,
    "nginx": _nginx,
    "syslog": _syslog,
    "logfmt": _logfmt,
}


def writer(form: str, mix: Mix, seed: int = 1) -> Writer:
    """A service that logs with that logger; syslog's lines end as Windows writes them."""
    return Writer(form, mix, random.Random(f"{form}{seed}"), end="\r\n" if form == "syslog" else "\n")
