"""Entries that cannot be handled have no way out: no limit of deliveries, no dead-letter stream.

One such entry stays pending for ever, is claimed again and again, or is acknowledged and lost. The code that a
read leads to counts: its loop, what that calls, the functions around it, and whatever claims entries of the pair.
A pair that is never acknowledged is the matter of code.xreadgroup-no-ack.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from textwrap import dedent

from tools.detectors.code import known, snippets
from tools.detectors.contract import CodeView
from tools.findings.model import AgentId, Effort, Impact, Priority, ScoutCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import ChainStep, CodeIndex, CodeKind, CodeUse

RULE = Rule(
    id="code.no-dead-letter",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.RESILIENCE,
    condition=(
        "an XREADGROUP without NOACK of a resolved stream, in a loop, that is acknowledged, and neither the "
        "code that it leads to nor what claims its entries counts deliveries or knows dead letters"
    ),
    priority=Priority.P2_MEDIUM,
    effort=Effort.HOURS_4_8,
    impact=Impact.HIGH,
)
RULES: tuple[Rule, ...] = (RULE,)
_DEAD = re.compile(r"(?i)dead|dlq|poison|parked|failed|quarantine|reject|error")
_POLICIES = frozenset({"dead-letter", "deliveries"})


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a place of the Redis call, with every stream read there."""
    index = view.index
    places: dict[ChainStep, list[CodeUse]] = defaultdict(list)
    for use in known.of_kind(index, CodeKind.XREADGROUP):
        stream, group = known.value(use.stream), known.value(use.group)
        if stream is None or "noack" in use.options or use.around.loop is None:
            continue
        if _DEAD.search(stream) or _has_policy(index, use, stream, group):
            continue
        if not known.acked(index, use, stream, group) or known.for_people(use):
            continue
        if not known.silenced(index, RULE.id, use):
            places[known.call_of(use)].append(use)
    for call, uses in places.items():
        yield _symptom(call, uses)


def _has_policy(index: CodeIndex, read: CodeUse, stream: str, group: str | None) -> bool:
    if _POLICIES & set(read.around.policy):
        return True
    for use in known.of_kind(index, CodeKind.XCLAIM, CodeKind.XREADGROUP):
        near = use.service in {None, read.service}
        same = known.may_be(use.stream, stream) and (group is None or known.may_be(use.group, group))
        if near and same and _POLICIES & set(use.around.policy):
            return True
    return any(
        use.service == read.service and _DEAD.search(known.value(use.stream) or "") is not None
        for use in known.of_kind(index, CodeKind.XADD)
    )


def _symptom(call: ChainStep, uses: list[CodeUse]) -> Symptom:
    use = uses[0]
    stream, group = known.value(use.stream) or "", known.value(use.group) or "<group>"
    claims = any("claims" in found.around.policy for found in uses)
    fate = (
        "is claimed again and again, without a limit"
        if claims
        else "stays pending, or is lost where it is acknowledged all the same"
    )
    streams = known.streams_of(uses)
    shown = ", ".join(map(repr, streams[:4])) + (" and others" if len(streams) > 4 else "")
    return Symptom(
        rule=RULE,
        title=f"No way out for entries of {shown} that cannot be handled",
        entity=(call.path,),
        location=call.text,
        evidence=known.chain_quotes(use, use.stream, use.group),
        recommendation=(
            f"After the read at {call.path}:{call.line}, compare the delivery count (XPENDING {stream} {group}) with a "
            f"limit; behind it, add the entry to a dead-letter stream and acknowledge it. Now one that fails {fate}."
        ),
        confidence=known.confidence_of(use.stream, use.group),
        position=(call.path, 0),
        pattern="no limit of deliveries, no dead letters",
        services=known.services_of(uses),
        streams=streams,
        files=known.places_of(uses),
        snippet_before=dedent(snippets.text_of(use)),
        snippet_after=f"{dedent(snippets.text_of(use))}\n{snippets.dead_lettered(use)}",
    )
