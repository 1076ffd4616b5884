"""One pass over the recorded log lines: what each service's output carries, and the lines that tell of a flow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import re2
from msgspec import Struct

from tools.sources.line_blocks import LineBlock
from tools.sources.records import LogLine
from tools.synthesis.timeline import FAILURES, LogRate, RateBook

FLOW_LINES_MAX = 200_000
"""Lines with a correlation or message id that are kept; the rest is counted."""
SAMPLES_MAX = 25
"""JSON lines of one service whose keys are looked at."""
KEYS_MAX = 64

LIFE_CYCLE = (
    "redis.publish",
    "redis.consume",
    "redis.ack",
    "redis.failed",
    "redis.channelHealth",
    "service.started",
    "service.shutdown",
)
"""The events of gaps C, D and E (specification 3)."""

_LIFE_CYCLE = re2.compile("|".join(re2.escape(name) for name in LIFE_CYCLE))
_MESSAGE_ID = re2.compile(r"\b\d{13}-\d{1,10}\b")


class ServiceLog(Struct, frozen=True, kw_only=True, rename="camel"):
    """What one service's recorded lines carry. `keys` are of its JSON lines; times in ms since the epoch."""

    service: str
    lines: int
    json_lines: int
    correlated_lines: int
    keys: tuple[str, ...]
    events: tuple[str, ...]
    sources: tuple[str, ...]
    last_arrived_ms: int | None


@dataclass(frozen=True, slots=True)
class LogSurvey:
    """All services' logs, the lines kept for flows, and how many such lines were left out."""

    services: tuple[ServiceLog, ...] = ()
    flow_lines: tuple[LogLine, ...] = ()
    flow_lines_left_out: int = 0
    flow_lines_until_ms: int | None = None
    """When the first line that was left out arrived; None where none was."""
    rate: LogRate | None = None
    """When lines arrived."""

    @property
    def lines(self) -> int:
        """Lines of all services."""
        return sum(service.lines for service in self.services)


@dataclass
class _Counts:
    lines: int = 0
    json_lines: int = 0
    correlated_lines: int = 0
    keys: dict[str, None] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    last_arrived_ms: int | None = None


def survey(lines: Iterable[LogLine | LineBlock], flow_lines_max: int = FLOW_LINES_MAX) -> LogSurvey:
    """Count what is there and keep what tells of a flow. Reads `lines` once; memory is bounded."""
    counts: dict[str, _Counts] = {}
    kept: list[LogLine] = []
    left_out, until_ms = 0, None
    rate = RateBook()
    for line in lines:
        if isinstance(line, LineBlock):
            rate.take(line.arrived_ms, line.lines)
            _count_block(counts.setdefault(line.service, _Counts()), line)
            if line.flow_lines_left_out:
                left_out += line.flow_lines_left_out
                until_ms = line.arrived_ms if until_ms is None else min(until_ms, line.arrived_ms)
            continue
        _count(counts.setdefault(line.service, _Counts()), line)
        if not line.backfill:
            rate.take(line.arrived_ms, 1, failed=line.level in FAILURES)
        if not line.backfill and (line.correlation_id or _MESSAGE_ID.search(line.text)):
            if len(kept) < flow_lines_max:
                kept.append(line)
            else:
                left_out += 1
                until_ms = line.arrived_ms if until_ms is None else until_ms
    services = tuple(_service(name, found) for name, found in sorted(counts.items()))
    return LogSurvey(services, tuple(kept), left_out, until_ms, rate.rate())


def _count(found: _Counts, line: LogLine) -> None:
    found.lines += 1
    found.correlated_lines += line.correlation_id is not None
    found.sources.add(line.source)
    if len(found.events) < len(LIFE_CYCLE):
        found.events.update(_LIFE_CYCLE.findall(line.text))
    found.last_arrived_ms = max(line.arrived_ms, found.last_arrived_ms or 0)
    if line.text.lstrip().startswith("{"):
        if found.json_lines < SAMPLES_MAX:
            found.keys.update(dict.fromkeys(_keys(line.text)))
        found.json_lines += 1


def _count_block(found: _Counts, block: LineBlock) -> None:
    found.lines += block.lines
    found.json_lines += block.json_lines
    found.correlated_lines += block.correlated_lines
    found.sources.add(block.source)
    found.events.update(block.events)
    found.last_arrived_ms = max(block.arrived_ms, found.last_arrived_ms or 0)


def _keys(text: str) -> tuple[str, ...]:
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return ()
    return tuple(map(str, data))[:KEYS_MAX] if isinstance(data, dict) else ()


def _service(name: str, found: _Counts) -> ServiceLog:
    return ServiceLog(
        service=name,
        lines=found.lines,
        json_lines=found.json_lines,
        correlated_lines=found.correlated_lines,
        keys=tuple(sorted(found.keys)[:KEYS_MAX]),
        events=tuple(sorted(found.events)),
        sources=tuple(sorted(found.sources)),
        last_arrived_ms=found.last_arrived_ms,
    )
