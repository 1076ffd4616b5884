"""Section 7, observability gaps A to F: what this system does not tell, so that no auditor could see it.

A gap is listed only where its absence was seen: in sampled entries and code payloads (A), in recorded log lines (B
to F). An event is missed only where it had an occasion. Where there was nothing to look at, nothing is claimed; the coverage says so instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tools.findings.model import LogCategory, Priority, StreamCategory, services_of
from tools.report.context import Context
from tools.report.model import ObservabilityGap
from tools.report.sections.change_snippets import change
from tools.sources.records import CodeKind, CodeUse
from tools.synthesis.health import is_measured
from tools.synthesis.log_survey import LIFE_CYCLE, ServiceLog
from tools.synthesis.wiring import StreamNames

ENVELOPE = ("correlationId", "traceId", "spanId", "originService", "publishedAt", "schemaVersion")
LOG_FIELDS = ("level", "timestamp", "service", "correlationId", "traceId", "event", "message")
"""Fields of every structured line; `durationMs` and `error` stand only where they apply."""
FILES_MAX = 25
_SYNONYMS = {
    "timestamp": {"time", "ts", "at", "datetime", "asctime"},
    "message": {"msg"},
    "level": {"severity", "levelname", "lvl"},
    "correlationid": {"requestid", "reqid", "corrid", "cid"},
    "service": {"servicename", "app", "logger"},
}
_RESTARTS = "log.restart-loop"
_FAILURES = frozenset({LogCategory.BUG, LogCategory.CRASH})
_EMPTY_LANGUAGES: Mapping[str, int] = {}


def build(context: Context) -> tuple[ObservabilityGap, ...]:
    """The gaps that this system has, A first."""
    return tuple(gap for gap in (_envelope(context), *_logs(context)) if gap is not None)


def normal(name: str) -> str:
    """A field's name without case and separators: `correlation_id` is `correlationId`."""
    return "".join(char for char in name.lower() if char.isalnum())


def lacking(required: tuple[str, ...], names: set[str]) -> tuple[str, ...]:
    """Which of `required` no name in `names` stands for."""
    given = {normal(name) for name in names}
    return tuple(
        name
        for name in required
        if normal(name) not in given and not given & _SYNONYMS.get(normal(name), set())
    )


def _envelope(context: Context) -> ObservabilityGap | None:
    fields = _entry_fields(context)
    missing = {stream: lacking(ENVELOPE, names) for stream, names in sorted(fields.items()) if names}
    streams = {stream: names for stream, names in missing.items() if names}
    if not streams:
        return None
    uses = [use for use in _uses(context, CodeKind.XADD) if _stream(use) is None or _stream(use) in streams]
    return ObservabilityGap(
        letter="A",
        title="Stream entries carry no complete event envelope",
        priority=Priority.P0_CRITICAL,
        missing=tuple(f"{stream}: {', '.join(names)}" for stream, names in streams.items()),
        why="without these fields a message cannot be followed from its producer to its last consumer, "
        "and how late it is cannot be told",
        files=_files(uses),
        change=change("A", _languages(context)),
        schemas=("events/envelope.schema.json",),
    )


def _entry_fields(context: Context) -> Mapping[str, set[str]]:
    """Field names per stream: of the newest sampled entries, else of the payloads in code.

    A field that holds JSON may hold the envelope; its inside is not sampled. Such a stream counts only where
    the code shows its payload. What the code names in part stands for the streams that fit it.
    """
    fields: dict[str, set[str]] = {}
    live = context.data.final.streams if context.data.final is not None else ()
    names_known = StreamNames(state.name for state in live)
    for use in _uses(context, CodeKind.XADD):
        stream = _stream(use)
        for name in names_known.matching(stream) if stream is not None and use.fields else ():
            fields.setdefault(name, set()).update(use.fields)
    for state in live:
        names = {name for shape in state.sample for name, _ in shape.fields}
        opaque = any(kind == "json" for shape in state.sample for _, kind in shape.fields)
        if names and (not opaque or state.name in fields):
            fields.setdefault(state.name, set()).update(names)
    return fields


def _logs(context: Context) -> Iterator[ObservabilityGap | None]:
    logs = [log for log in context.data.logs.services if log.lines]
    if not logs:
        return
    yield _structure(context, logs)
    absent = {event for event in LIFE_CYCLE if all(event not in log.events for log in logs)}
    absent -= set(_without_occasion(context))
    yield _events(context, "C", LIFE_CYCLE[:4], absent, _streaming_files(context))
    yield _events(context, "D", LIFE_CYCLE[4:5], absent, _streaming_files(context))
    yield _events(context, "E", LIFE_CYCLE[5:], absent, ())
    yield _timeline(context, logs)


def _without_occasion(context: Context) -> Iterator[str]:
    """Events that a system which logs them had no occasion to log: nothing failed, nobody started or stopped.

    A managed session sees services start; when they are stopped nobody reads their logs any more.
    """
    facts = context.data.facts
    restarted = any(finding.rule_id == _RESTARTS for finding in context.findings)
    if not _failures_seen(context):
        yield "redis.failed"
    if not restarted:
        yield "service.shutdown"
    if not restarted and (facts is None or facts.mode != "managed"):
        yield "service.started"


def _failures_seen(context: Context) -> bool:
    """Whether a message was seen to fail: it was delivered again, or a service that reads streams failed."""
    final = context.data.final
    groups = [group for state in final.streams for group in state.groups] if final is not None else []
    if any(entry.deliveries > 1 for group in groups for entry in group.pending):
        return True
    readers = {name for names in context.wiring.consumers.values() for name in names}
    measured = (finding for finding in context.findings if is_measured(finding))
    return any(
        finding.category is StreamCategory.DELIVERY_FAILURE
        or (finding.category in _FAILURES and not readers.isdisjoint(services_of(finding)))
        for finding in measured
    )


def _structure(context: Context, logs: list[ServiceLog]) -> ObservabilityGap | None:
    missing: list[str] = []
    services: set[str] = set()
    for log in logs:
        if log.json_lines * 2 < log.lines:
            missing.append(f"{log.service}: {log.lines - log.json_lines} of {log.lines} lines are not JSON")
            services.add(log.service)
        elif names := lacking(LOG_FIELDS, set(log.keys)):
            missing.append(f"{log.service}: no {', '.join(names)}")
            services.add(log.service)
    if not missing:
        return None
    consoles = [use for use in _uses(context, CodeKind.CONSOLE_LOG) if use.service in services]
    sources = {source for log in logs if log.service in services for source in log.sources}
    return ObservabilityGap(
        letter="B",
        title="Logs are not structured JSON with the shared fields",
        priority=Priority.P1_HIGH,
        missing=tuple(missing),
        why="lines that are not JSON, or lack ids and event names, cannot be joined with messages",
        files=_files(consoles) or tuple(sorted(sources))[:FILES_MAX],
        change=change("B", _languages(context)),
        schemas=("events/log-line.schema.json",),
    )


_EVENT_GAPS = {
    "C": (
        "Life-cycle events of messages are not logged",
        Priority.P1_HIGH,
        "publish, consume, ack and failure of a message can only be guessed from the wording of log lines",
    ),
    "D": (
        "Consumers report no channel health",
        Priority.P2_MEDIUM,
        "between two polls nobody sees how late a consumer is; over 500 ms for long means look at capacity",
    ),
    "E": (
        "Services do not log when they start and stop",
        Priority.P2_MEDIUM,
        "restarts, and messages left behind at shutdown, have to be guessed",
    ),
}


def _events(
    context: Context, letter: str, events: tuple[str, ...], unheard: set[str], files: tuple[str, ...]
) -> ObservabilityGap | None:
    absent = tuple(name for name in events if name in unheard)
    if not absent:
        return None
    title, priority, why = _EVENT_GAPS[letter]
    return ObservabilityGap(
        letter=letter,
        title=title,
        priority=priority,
        missing=tuple(f"no line has the event {name}" for name in absent),
        why=why,
        files=files,
        change=change(letter, _languages(context)),
        schemas=tuple(f"events/{name}.schema.json" for name in absent),
    )


def _timeline(context: Context, logs: list[ServiceLog]) -> ObservabilityGap | None:
    without = [log.service for log in logs if not log.correlated_lines]
    if not without:
        return None
    return ObservabilityGap(
        letter="F",
        title="The timeline of one correlation id cannot be rebuilt from end to end",
        priority=Priority.P2_MEDIUM,
        missing=tuple(f"{service}: no line carries a correlation id" for service in without),
        why="a timeline (`streamgauge trace ID`) has no line of a service that drops the id; there it tells only "
        "what sampled entries and polls show",
        files=_streaming_files(context, set(without)),
        change=None,
        schemas=(),
    )


def _streaming_files(context: Context, services: set[str] | None = None) -> tuple[str, ...]:
    uses = [
        *_uses(context, CodeKind.XADD),
        *_uses(context, CodeKind.XREADGROUP),
        *_uses(context, CodeKind.XACK),
    ]
    return _files([use for use in uses if services is None or use.service in services])


def _uses(context: Context, kind: CodeKind) -> list[CodeUse]:
    index = context.data.index
    return [] if index is None else [use for use in index.uses if use.kind is kind]


def _stream(use: CodeUse) -> str | None:
    return None if use.stream is None else use.stream.value


def _files(uses: list[CodeUse]) -> tuple[str, ...]:
    return tuple(sorted({f"{use.path}:{use.line}" for use in uses})[:FILES_MAX])


def _languages(context: Context) -> Mapping[str, int]:
    return _EMPTY_LANGUAGES if context.data.index is None else context.data.index.languages
