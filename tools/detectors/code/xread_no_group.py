"""A loop of XREAD that handles entries as work: without a group nobody knows what was handled.

A restart begins at the newest entry (and loses) or at the first (and repeats), and a second instance does everything
twice. Readers that mean to see everything are fine: one that filters on an id of its own, hands entries on to
clients, keeps a copy in memory, or stores how far it came; so is whoever drains or copies a stream.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import dedent

from tools.detectors.code import known, snippets
from tools.detectors.contract import CodeView
from tools.findings.model import AgentId, Effort, Impact, Priority, ScoutCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeIndex, CodeKind, CodeUse, Loop

RULE = Rule(
    id="code.xread-no-group",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.STREAM_ANTI_PATTERN,
    condition=(
        "an XREAD of a resolved stream in a loop without end that does work with the entries (deletes, calls a "
        "handler, or what it calls writes rows, entries of other streams or requests), stores no position, filters on no id of its own and hands nothing on to clients"
    ),
    priority=Priority.P2_MEDIUM,
    effort=Effort.HOURS_4_8,
    impact=Impact.HIGH,
)
RULES: tuple[Rule, ...] = (RULE,)
_FAN_OUT = re.compile(
    r"(?i)emit|broadcast|publish|notify|websocket|^ws|socket|sse|^send(?:_(?:json|text|bytes|event|message))?$|^write$"
    r"|subscri|listener|callback|^resolve|^reject|reply|replies|respon|cache|invalidat|refresh|reload|update_?local"
    r"|^put(?:_nowait)?$|enqueue|tail"
)
_POSITION = re.compile(
    r"(?i)save|persist|checkpoint|offset|cursor|position|commit|^h?set$|^hset|^mset|last_?id|store"
)
_WORK = re.compile(
    r"(?i)^_?(?:xdel|(?:handle|process|execute|perform|dispatch|consume|run|do|work)(?:_?[a-z]*)?|on_?(?:message|event|entry)"
    r"|insert\w*|create\w*|charge\w*|ship\w*|book\w*)$"
)
_IDENTITY = re.compile(
    r"(?i)request_?id|correlation|reply|job_?id|task_?id|call_?id|session|client_?id|user_?id|instance|my_?id"
)
_FAN_OUT_PLACE = re.compile(
    r"(?i)websocket|socket|\bsse\b|stream_events|tail|subscribe|listen|watch|monitor|follow|await_|wait_for|waitfor"
)


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a call."""
    index = view.index
    told: set[tuple[str, int]] = set()
    for use in known.of_kind(index, CodeKind.XREAD):
        call = known.call_of(use)
        if (call.path, call.line) in told or not _is_work(index, use):
            continue
        if known.for_people(use) or known.silenced(index, RULE.id, use):
            continue
        told.add((call.path, call.line))
        yield _symptom(use)


def _is_work(index: CodeIndex, use: CodeUse) -> bool:
    loop, stream = use.around.loop, known.value(use.stream)
    if loop is None or stream is None or "replies" in use.around.policy or _means_to_see_all(loop, use):
        return False
    # A group on the same stream is how the work is shared; whoever reads beside it looks on.
    if any(known.may_be(read.stream, stream) for read in known.of_kind(index, CodeKind.XREADGROUP)):
        return False
    return "writes" in use.around.policy or any(_WORK.match(name) for name in loop.calls)


def _means_to_see_all(loop: Loop, use: CodeUse) -> bool:
    if _FAN_OUT_PLACE.search(use.function.rsplit(".", 1)[-1]):
        return True
    if any(
        _FAN_OUT.search(name) or _POSITION.search(name)
        for name in loop.calls
        if not name.lower().startswith("xread")
    ):
        return True
    return any(_IDENTITY.search(test) for test in loop.tests)


def _symptom(use: CodeUse) -> Symptom:
    call = known.call_of(use)
    stream = known.value(use.stream) or ""
    start = use.options.get("id")
    loses = start == "$"
    fate = (
        "entries that come while it is away, or between two reads, are lost"
        if loses
        else "after a restart nobody knows what was handled, and a second instance handles everything again"
    )
    before = dedent(snippets.text_of(use))
    return Symptom(
        rule=RULE,
        title=f"{use.path} works off {stream!r} without a consumer group",
        entity=(call.path,),
        location=call.text,
        evidence=(*known.chain_quotes(use, use.stream), *known.loop_quotes(use)),
        recommendation=(
            f"Read {stream!r} at {call.path}:{call.line} with XREADGROUP and acknowledge each entry once it is handled; "
            f"now {fate}. Where every instance is meant to see every entry, say so with a streamgauge-ignore comment."
        ),
        confidence=known.confidence_of(use.stream),
        position=(call.path, 0),
        pattern="work without a group",
        services=known.services_of((use,)),
        streams=known.streams_of((use,)),
        files=known.places_of((use,)),
        snippet_before=before,
        snippet_after=snippets.grouped(use, stream),
    )
