"""An XADD without MAXLEN or MINID on a stream that nothing trims.

Such a stream grows until the server's memory is gone; acknowledged entries stay in it too. An XTRIM of the
stream anywhere in the code, or `unbounded_ok` in `[[expect]]`, silences the rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from textwrap import dedent

from tools.detectors.code import known, snippets
from tools.detectors.contract import CodeView
from tools.findings.model import AgentId, Effort, Impact, Priority, ScoutCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind, CodeUse

RULE = Rule(
    id="code.xadd-no-maxlen",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.STREAM_ANTI_PATTERN,
    condition="an XADD without MAXLEN or MINID, its stream resolved, and no XTRIM of that stream in the code",
    priority=Priority.P2_MEDIUM,
    effort=Effort.HOURS_2_4,
    impact=Impact.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)
_CAPS = ("maxlen", "minid", "spread")


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a place of the Redis call, with every stream that it writes to without a cap."""
    index = view.index
    trimmed = [use.stream for use in known.of_kind(index, CodeKind.XTRIM)]
    places: dict[tuple[str, int], list[CodeUse]] = defaultdict(list)
    for use in known.of_kind(index, CodeKind.XADD):
        name = known.value(use.stream)
        if name is None or any(cap in use.options for cap in _CAPS):
            continue
        if any(known.value(trim) == name or known.may_be(trim, name) for trim in trimmed):
            continue
        if view.judgement.allows("unbounded_ok", stream=name) or known.silenced(index, RULE.id, use):
            continue
        call = known.call_of(use)
        places[call.path, call.line].append(use)
    for uses in places.values():
        yield _symptom(uses)


def _symptom(uses: list[CodeUse]) -> Symptom:
    use, call = uses[0], known.call_of(uses[0])
    names = tuple(dict.fromkeys(name for found in uses if (name := known.value(found.stream))))
    shown = ", ".join(map(repr, names[:4])) + (" and others" if len(names) > 4 else "")
    before = dedent(snippets.text_of(use))
    return Symptom(
        rule=RULE,
        title=f"XADD without a cap on {shown} in {call.path}",
        entity=(call.path,),
        location=call.text,
        evidence=known.chain_quotes(use, use.stream),
        recommendation=(
            f"Give the XADD at {call.path}:{call.line} a MAXLEN (approximate) that holds the longest outage of its "
            "consumers, or trim the stream elsewhere; if it is meant to grow, set unbounded_ok in [[expect]]."
        ),
        confidence=known.confidence_of(use.stream),
        position=(call.path, 0),
        pattern="an entry is added and never removed",
        services=known.services_of(uses),
        streams=names,
        files=known.places_of(uses),
        snippet_before=before,
        snippet_after=snippets.capped(before, use),
    )
