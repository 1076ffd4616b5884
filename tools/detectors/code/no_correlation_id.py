"""A payload without a correlation or trace id: nobody can tell which action an entry belongs to.

It speaks of payloads that could be read whole, names inside of JSON too. Where other producers of the project
carry such an id, each place that does not breaks the chain. Where none does, it is one low finding a service, and
only for payloads without any id at all: an id of an order or job follows an action as well. Streams of figures,
heartbeats and caches carry no action.
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
from tools.sources.records import ChainStep, CodeKind, CodeUse

RULE = Rule(
    id="code.no-correlation-id",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.OBSERVABILITY_GAP,
    condition=(
        "an XADD whose payload is known whole and holds no correlation, trace or request id, where other producers of "
        "the project carry one; P3_LOW, one a service, where none does and the payload holds no id of any kind"
    ),
    priority=Priority.P2_MEDIUM,
    effort=Effort.HOURS_4_8,
    impact=Impact.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)
QUOTES_MAX = 5
_TRACING = re.compile(r"(?i)corr|trace|span|request_?id|req_?id|causation|cid$|conversation_?id|saga")
_ANY_ID = re.compile(
    r"(?:^|_|-|\.)(?:id|uuid|guid|key|ref)s?$|[a-z](?:Id|ID|Uuid|UUID|Key|Ref)s?$|^(?:id|uuid)|(?i:session|^ur[il]$)"
)
_CARRIERS = re.compile(
    r"(?i)^(?:data|payload|body|event|message|msg|json|value|content|envelope|meta(?:data)?|headers?|context|ctx|attributes|raw)$"
)
_NO_ACTION = re.compile(
    r"(?i)heart|metric|telemetr|(?<![a-z])(?:stats|logs?|levels?)(?![a-z])|tick(?!et)|price|quote|health|cache|position|sensor"
)


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a place of the Redis call, or one a service where no producer carries an id."""
    index = view.index
    # The run-time part of a name may be the id.
    writes = [use for use in known.of_kind(index, CodeKind.XADD) if known.known(use.stream)]
    carried = any(_traced(use) for use in writes)
    places: dict[ChainStep, list[CodeUse]] = defaultdict(list)
    services: dict[str, list[CodeUse]] = defaultdict(list)
    for use in writes:
        if not _is_whole(use) or _traced(use) or known.for_people(use):
            continue
        if _NO_ACTION.search(known.value(use.stream) or "") or known.silenced(index, RULE.id, use):
            continue
        if carried:
            places[ChainStep(path=use.path, line=use.line, text=use.text)].append(use)
        elif use.service is not None and not any(_ANY_ID.search(name) for name in _names(use)):
            services[use.service].append(use)
    for uses in places.values():
        yield _symptom(uses, (uses[0].path,), Priority.P2_MEDIUM, "where other producers of the project do")
    for service, found in sorted(services.items()):
        yield _symptom(found, (service,), Priority.P3_LOW, "and no other producer of the project does")


def _names(use: CodeUse) -> tuple[str, ...]:
    return (*use.fields, *use.around.inner_fields)


def _traced(use: CodeUse) -> bool:
    return any(_TRACING.search(name) for name in _names(use))


def _is_whole(use: CodeUse) -> bool:
    """Whether every name of a payload is known: no spread, and no field that may hold anything."""
    if use.around.fields_open or not use.fields:
        return False
    return bool(use.around.inner_fields) or not any(_CARRIERS.search(name) for name in use.fields)


def _symptom(uses: list[CodeUse], entity: tuple[str, ...], priority: Priority, where: str) -> Symptom:
    use = uses[0]
    streams = known.streams_of(uses)
    shown = ", ".join(map(repr, streams[:4])) + (" and others" if len(streams) > 4 else "")
    names = ", ".join(_names(use)[:8])
    before = dedent(snippets.text_of(use))
    return Symptom(
        rule=RULE,
        priority=priority,
        title=f"Entries of {shown} carry no correlation id",
        entity=entity,
        location=use.text if priority is Priority.P2_MEDIUM else "",
        evidence=tuple(
            quote for found in uses[:QUOTES_MAX] for quote in known.chain_quotes(found, found.stream)
        ),
        recommendation=(
            f"Add the correlation id of the action to the payload at {', '.join(known.files_of(uses)[:QUOTES_MAX])} "
            f"(now: {names}), and log it where the entry is handled; it carries none, {where}."
        ),
        confidence=known.confidence_of(use.stream),
        position=(use.path, 0),
        pattern="a payload without a correlation id",
        services=known.services_of(uses),
        streams=streams,
        files=known.files_of(uses),
        snippet_before=before,
        snippet_after=snippets.correlated(before, use),
    )
