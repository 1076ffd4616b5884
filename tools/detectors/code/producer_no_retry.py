"""A producer that gives up at the first failure: what it was about to write is lost when Redis is away for a moment.

The clients try again by themselves, so only one whose retries are switched off is told: ioredis, node-redis or
redis-py, by an option that stands in the code. A retry, backoff, breaker, outbox or fallback in the functions around
is enough; so is a service that reads groups, where an entry that was not handled is delivered again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from textwrap import dedent

from tools.detectors.code import known, snippets
from tools.detectors.contract import CodeView
from tools.findings.model import AgentId, Effort, EvidenceKind, Impact, Locator, Priority, ScoutCategory
from tools.findings.rule import Quote, Rule, Symptom
from tools.sources.records import CodeKind, CodeUse, Setting

RULE = Rule(
    id="code.producer-no-retry",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.RESILIENCE,
    condition=(
        "an XADD through a client whose retries or queue of unsent commands are switched off by an option in the code, "
        "in a service that reads no group, with no retry, backoff, breaker, outbox or fallback in the functions around"
    ),
    priority=Priority.P2_MEDIUM,
    effort=Effort.HOURS_4_8,
    impact=Impact.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a client, with the places that write through it."""
    index = view.index
    readers = {use.service for use in known.of_kind(index, CodeKind.XREADGROUP)}
    clients: dict[Setting, list[CodeUse]] = defaultdict(list)
    for use in known.of_kind(index, CodeKind.XADD):
        setting = use.around.gives_up
        if setting is None or use.around.retried or use.service in readers or known.value(use.stream) is None:
            continue
        if not known.for_people(use) and not known.silenced(index, RULE.id, use):
            clients[setting].append(use)
    for setting, uses in clients.items():
        yield _symptom(setting, uses)


def _symptom(setting: Setting, uses: list[CodeUse]) -> Symptom:
    use = uses[0]
    streams = known.streams_of(uses)
    shown = ", ".join(map(repr, streams[:4])) + (" and others" if len(streams) > 4 else "")
    option = Quote(EvidenceKind.FILE, setting.path, setting.text, Locator(line=setting.line))
    before = dedent(snippets.text_of(use))
    return Symptom(
        rule=RULE,
        title=f"The producer of {shown} gives up at the first failure",
        entity=(setting.path,),
        location=setting.text,
        evidence=(*known.chain_quotes(use, use.stream), option),
        recommendation=(
            f"Try again with a growing pause where {', '.join(known.files_of(uses)[:4])} writes, or let the client do it: "
            f"{setting.path}:{setting.line} switches that off, and what is written while Redis is away is lost."
        ),
        confidence=known.confidence_of(use.stream),
        position=(use.path, 0),
        pattern="one attempt",
        services=known.services_of(uses),
        streams=streams,
        files=tuple(dict.fromkeys((*known.files_of(uses), f"{setting.path}:{setting.line}"))),
        snippet_before=before,
        snippet_after=snippets.retried(before, use),
    )
