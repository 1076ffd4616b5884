"""A read loop that asks again and again instead of waiting in the server.

Without BLOCK (or with one of a few milliseconds) each round is a request that mostly brings nothing, and an
entry waits for the next round. Draining what is there, reading one's own pending entries, a loop that waits in
another blocking command and pauses after errors are fine; so are options that cannot be read.
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

BLOCK_MS_MIN = 100
"""A BLOCK below this is ten requests a second and more."""
SCHEDULE_S_MIN = 10
"""A pause of this length makes a job by the clock, not a poll for what is new."""

RULE = Rule(
    id="code.polling-read",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.PERFORMANCE,
    condition=(
        f"an XREAD or XREADGROUP of new entries without BLOCK, or with one below {BLOCK_MS_MIN} ms, that a timer or a "
        "loop without end repeats; the loop pauses or never leaves, and waits in no other command"
    ),
    priority=Priority.P2_MEDIUM,
    effort=Effort.HOURS_2_4,
    impact=Impact.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)
_NUMBER = re.compile(r"\b\d[\d_]{0,12}(?:\.\d{1,9})?\b")
_BLOCKING = frozenset(
    {
        "blpop", "brpop", "blmove", "brpoplpush", "bzpopmin", "bzpopmax", "blmpop", "get_message", "listen",
        "receive", "recv", "receive_text", "receive_json", "accept", "readline", "prompt", "input",
    }
)  # fmt: skip
"""Calls that wait for something else: the loop goes at their pace."""


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a call."""
    reads = list(known.of_kind(view.index, CodeKind.XREAD, CodeKind.XREADGROUP))
    told: set[tuple[str, int]] = set()
    for use in reads:
        call = known.call_of(use)
        if not _polls(use) or (call.path, call.line) in told or _waits_elsewhere(use, reads):
            continue
        if known.for_people(use) or known.silenced(view.index, RULE.id, use):
            continue
        told.add((call.path, call.line))
        yield _symptom(use)


def _polls(use: CodeUse) -> bool:
    loop = use.around.loop
    if loop is None or known.value(use.stream) is None or "spread" in use.options:
        return False
    if use.kind is CodeKind.XREADGROUP and use.options.get("id", ">") != ">":
        return False
    if use.options.get("block") is not None:
        block_ms = known.number(use.options["block"])
        return block_ms is not None and 0 < block_ms < BLOCK_MS_MIN
    if _pause_s(use) >= SCHEDULE_S_MIN:
        return False
    return loop.kind == "timer" or bool(loop.waits) or not loop.leaves


def _pause_s(use: CodeUse) -> float:
    """The pause between two rounds where it is written as a number; 0 where it is not."""
    numbers = _NUMBER.findall(use.around.loop.waits) if use.around.loop is not None else []
    if not numbers:
        return 0.0
    pause = float(numbers[-1].replace("_", ""))
    return pause if use.language == "python" else pause / 1000


def _waits_elsewhere(use: CodeUse, reads: list[CodeUse]) -> bool:
    loop = use.around.loop
    if loop is None:
        return False
    if _BLOCKING & {name.lower() for name in loop.calls}:
        return True
    return any(
        read.around.loop == loop and "block" in read.options and not _polls(read)
        for read in reads
        if read is not use
    )


def _symptom(use: CodeUse) -> Symptom:
    call, loop = known.call_of(use), use.around.loop
    block = use.options.get("block")
    how = "without BLOCK" if block is None else f"with BLOCK {block}"
    pause = f", then {loop.waits}" if loop is not None and loop.waits else ""
    before = dedent(snippets.text_of(use))
    return Symptom(
        rule=RULE,
        title=f"{use.path} polls {known.value(use.stream)!r} {how}",
        entity=(call.path,),
        location=call.text,
        evidence=(*known.chain_quotes(use, use.stream), *known.loop_quotes(use)),
        recommendation=(
            f"Let the server wait: BLOCK 5000 at {call.path}:{call.line}, on a connection of its own, and no pause "
            "of the loop; an entry is then delivered at once, and an idle stream costs one request in 5 s."
        ),
        confidence=known.confidence_of(use.stream),
        position=(call.path, 0),
        pattern=f"a read {how} in a loop{pause}",
        services=known.services_of((use,)),
        streams=known.streams_of((use,)),
        files=known.places_of((use,)),
        snippet_before=before,
        snippet_after=snippets.blocking(before, use),
    )
