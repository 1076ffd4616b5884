"""An error is caught and nobody hears of it: no log, no rethrow, nothing done.

On the path of messages one finding a handler: around a stream command, or around the handling in a read loop.
Elsewhere in a file with such commands one low finding a service, for blocks only: `suppress` and `.catch()` say
what they mean. Waiting a moment is nothing done. A handler of one narrow error, one with a reason written beside it, one that closes, parses or reads
something optional, and one that does anything at all is fine. Around XGROUP CREATE the error must be tested:
"already exists" is only one of those that the server may answer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tools.detectors.code import known, snippets
from tools.detectors.contract import CodeView
from tools.findings.model import AgentId, Effort, Impact, Priority, ScoutCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeIndex, CodeKind, CodeUse, Handler

RULE = Rule(
    id="code.silent-catch",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.RESILIENCE,
    condition=(
        "an empty handler of every error around a stream command or around the handling in a read loop, without a "
        "written reason; P3_LOW around XGROUP CREATE (where the error is not tested), and for the other empty blocks in "
        "the files of a service that name streams, together"
    ),
    priority=Priority.P2_MEDIUM,
    effort=Effort.HOURS_2_4,
    impact=Impact.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)
QUOTES_MAX = 5
_BROAD = frozenset({"Exception", "BaseException", "RedisError"})
_OF_GROUPS = _BROAD | {"ResponseError"}
_CLEANING = re.compile(
    r"(?i)^_?(?:a?close|quit|disconnect|destroy|kill|unlink\w*|remove|rm\w*|abort|cancel|terminate|release|end|shutdown"
    r"|unref|stop|dispose|join|cleanup|teardown|wait_closed|unsubscribe|flush|xtrim|del(?:ete)?|clear\w*)$"
)
_READING = re.compile(
    r"(?i)^(?:parse\w*|loads?|decode|int|float|str|Number|BigInt|URL|Date|get\w*|require|stat\w*|exists)$"
)
_READS = frozenset({CodeKind.XREAD, CodeKind.XREADGROUP, CodeKind.XCLAIM})
_PAUSES = frozenset({"sleep", "delay", "wait", "pause", "setTimeout", "sleepMs"})
_SAYING = frozenset({"log", "info", "debug", "print", "warn", "warning"})
_REASON_WORDS_MIN = 3


@dataclass(frozen=True, slots=True)
class _Silent:
    use: CodeUse
    handler: Handler
    streams: tuple[CodeUse, ...]
    """The stream commands that it guards."""
    in_read_loop: bool


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a handler on the path of messages, one a service for the rest."""
    index = view.index
    with_streams = {use.path for use in index.uses if use.stream is not None}
    rest: dict[str, list[CodeUse]] = defaultdict(list)
    for found in _silent(index):
        use = found.use
        if known.for_people(use) or known.silenced(index, RULE.id, use):
            continue
        kinds = {guarded.kind for guarded in found.streams}
        if kinds == {CodeKind.XGROUP_CREATE}:
            if _hides_group(found):
                yield _on_path(found, "XGROUP CREATE", Priority.P3_LOW)
        elif found.handler.tested_only or not _is_empty(found):
            continue
        elif kinds - {CodeKind.XTRIM, CodeKind.XGROUP_CREATE}:
            yield _on_path(found, _names(found.streams), Priority.P2_MEDIUM)
        elif found.in_read_loop and not kinds:
            yield _on_path(found, "the handling of an entry", Priority.P2_MEDIUM)
        elif (
            not kinds
            and use.service is not None
            and found.handler.form == "block"
            and use.path in with_streams
        ):
            rest[use.service].append(use)
    for service, uses in sorted(rest.items()):
        yield _elsewhere(service, uses)


def _silent(index: CodeIndex) -> Iterator[_Silent]:
    """Every handler that neither raises nor reads its error, with what it guards."""
    by_path: dict[str, list[CodeUse]] = defaultdict(list)
    loops: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for use in known.of_kind(index, *known.STREAM_KINDS):
        call = known.call_of(use)
        by_path[use.path].append(use)
        if call.path != use.path:
            by_path[call.path].append(use)
        loop = use.around.loop
        if loop is not None and use.kind in _READS:
            loops[loop.path].add((loop.line, loop.end_line))
    for use in known.of_kind(index, CodeKind.CATCH):
        handler = use.around.handler
        if handler is None:
            continue
        first, last = handler.guarded_line, handler.guarded_end_line
        guarded = tuple(
            found
            for found in by_path[use.path]
            if any(first <= line <= last for line in _lines(found, use.path))
        )
        inside = any(start < handler.line and handler.end_line <= end for start, end in loops[use.path])
        yield _Silent(use, handler, guarded, inside)


def _lines(use: CodeUse, path: str) -> tuple[int, ...]:
    call = known.call_of(use)
    return tuple(place.line for place in (use, call) if place.path == path)


def _hides_group(found: _Silent) -> bool:
    handler = found.handler
    if handler.tested_only:
        return "BUSYGROUP" in found.use.text and set(handler.catches) <= _OF_GROUPS
    if not set(handler.catches) <= _OF_GROUPS or handler.returns or handler.assigns:
        return False
    if "BUSYGROUP" in found.use.text or "exc_info" in found.use.text:
        return False
    return handler.empty or set(handler.calls) <= _SAYING


def _is_empty(found: _Silent) -> bool:
    """Whether a handler of every error does nothing and nobody wrote down why."""
    handler = found.handler
    pauses = handler.calls and set(handler.calls) <= _PAUSES and not handler.assigns and not handler.returns
    if not (handler.empty or pauses) or not set(handler.catches) <= _BROAD or not handler.guards:
        return False
    if _has_reason(found.use):
        return False
    return bool(found.streams) or not all(_CLEANING.match(n) or _READING.match(n) for n in handler.guards)


def _has_reason(use: CodeUse) -> bool:
    comments = re.findall(r"(?://|#|/\*)([^\n]*)", use.text)
    return any(len(re.findall(r"[^\W\d_]{2,}", comment)) >= _REASON_WORDS_MIN for comment in comments)


def _names(uses: tuple[CodeUse, ...]) -> str:
    return " and ".join(sorted({use.kind.value.upper() for use in uses}))


def _on_path(found: _Silent, what: str, priority: Priority) -> Symptom:
    use, handler = found.use, found.handler
    of_group = what == "XGROUP CREATE"
    lost = "it did not exist yet" if of_group else "nothing failed"
    fix = (
        "Test for BUSYGROUP and raise every other error (no rights, another type, no memory)"
        if of_group
        else "Log the error with the stream and the message id, and raise it or hand the entry on"
    )
    return Symptom(
        rule=RULE,
        priority=priority,
        title=f"Errors of {what} are swallowed in {use.path}",
        entity=(use.path,),
        location=f"{use.function} {use.text}",
        evidence=(
            use.quote(),
            *(guarded.quote() for guarded in found.streams[:2] if guarded.path == use.path),
        ),
        recommendation=f"{fix} at {use.path}:{use.line}; as it is, the service goes on as if {lost}.",
        position=(use.path, 0),
        pattern="caught, and nothing is said",
        services=known.services_of((use,)),
        streams=known.streams_of(found.streams),
        files=known.files_of((use,)),
        snippet_before=snippets.outdented(use.text),
        snippet_after=snippets.told(use, handler, of_group=of_group),
    )


def _elsewhere(service: str, uses: list[CodeUse]) -> Symptom:
    first, count = uses[0], len(uses)
    handler = first.around.handler
    return Symptom(
        rule=RULE,
        priority=Priority.P3_LOW,
        title=f"{service} swallows errors ({count} empty handler{'s' if count > 1 else ''})",
        entity=(service,),
        evidence=tuple(use.quote() for use in uses[:QUOTES_MAX]),
        recommendation=(
            f"Log, raise, narrow the type or write down why not: {', '.join(known.files_of(uses)[:QUOTES_MAX])}."
        ),
        position=(first.path, 0),
        pattern="caught, and nothing is said",
        services=(service,),
        files=known.files_of(uses),
        snippet_before=snippets.outdented(first.text),
        snippet_after=None if handler is None else snippets.told(first, handler, of_group=False),
    )
