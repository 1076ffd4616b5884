"""COUNT 1 in a read loop: one round trip for each entry, where one would bring a whole batch.

A single read, a loop with an end and a COUNT that cannot be read are fine. So is a loop that says how much it
has in hand (a semaphore, a slot, a limit of what runs at a time): there the one is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import dedent

from tools.detectors.code import known, snippets
from tools.detectors.contract import CodeView
from tools.findings.model import AgentId, Effort, Impact, Priority, ScoutCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind, CodeUse

RULE = Rule(
    id="code.count-one",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.PERFORMANCE,
    condition="COUNT 1 in an XREAD or XREADGROUP that a loop without end repeats, with no limit of concurrency in it",
    priority=Priority.P3_LOW,
    effort=Effort.HOURS_2_4,
    impact=Impact.LOW,
)
RULES: tuple[Rule, ...] = (RULE,)
_LIMITS = re.compile(r"(?i)semaphore|acquire|slot|concurren|in_?flight|capacity|limiter|throttle|(?<!b)lock")


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a call."""
    told: set[tuple[str, int]] = set()
    for use in known.of_kind(view.index, CodeKind.XREAD, CodeKind.XREADGROUP):
        call = known.call_of(use)
        if not _one_by_one(use) or (call.path, call.line) in told:
            continue
        if known.for_people(use) or known.silenced(view.index, RULE.id, use):
            continue
        told.add((call.path, call.line))
        yield _symptom(use)


def _one_by_one(use: CodeUse) -> bool:
    loop = use.around.loop
    if use.options.get("count") != "1" or loop is None or known.value(use.stream) is None:
        return False
    return not any(_LIMITS.search(name) for name in (*loop.calls, *loop.tests, loop.header))


def _symptom(use: CodeUse) -> Symptom:
    call = known.call_of(use)
    before = dedent(snippets.text_of(use))
    return Symptom(
        rule=RULE,
        title=f"{use.path} reads {known.value(use.stream)!r} one entry at a time",
        entity=(call.path,),
        location=call.text,
        evidence=(*known.chain_quotes(use, use.stream), *known.loop_quotes(use)),
        recommendation=(
            f"Read up to 50 at a time at {call.path}:{call.line} and acknowledge each by itself; if one at a time is "
            "meant because each takes long, say so with a streamgauge-ignore comment."
        ),
        confidence=known.confidence_of(use.stream),
        position=(call.path, 0),
        pattern="one round trip for each entry",
        services=known.services_of((use,)),
        streams=known.streams_of((use,)),
        files=known.places_of((use,)),
        snippet_before=before,
        snippet_after=snippets.counted(before),
    )
