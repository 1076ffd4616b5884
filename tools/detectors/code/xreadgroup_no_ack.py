"""Messages of a (stream, group) are read, and nothing in the repository acknowledges them.

They stay in the pending list for ever: it grows without end, and after a restart nobody can tell what was
handled. The pair counts, not the file: a file may hold an XACK and yet leave one of its two streams out.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent

from tools.detectors.code import known, snippets
from tools.detectors.contract import CodeView
from tools.findings.model import AgentId, Effort, Impact, Priority, ScoutCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind, CodeUse

RULE = Rule(
    id="code.xreadgroup-no-ack",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.STREAM_ANTI_PATTERN,
    condition="an XREADGROUP without NOACK of a (stream, group) that no XACK in the repository names or may name",
    priority=Priority.P1_HIGH,
    effort=Effort.HOURS_2_4,
    impact=Impact.HIGH,
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a pair of stream and group."""
    index = view.index
    pairs: dict[tuple[str, str], list[CodeUse]] = {}
    for use in known.of_kind(index, CodeKind.XREADGROUP):
        stream, group = known.value(use.stream), known.value(use.group)
        if stream is None or group is None or "noack" in use.options:
            continue
        if not known.acked(index, use, stream, group) and not known.silenced(index, RULE.id, use):
            pairs.setdefault((stream, group), []).append(use)
    for (stream, group), uses in pairs.items():
        yield _symptom(stream, group, uses)


def _symptom(stream: str, group: str, uses: list[CodeUse]) -> Symptom:
    use = uses[0]
    return Symptom(
        rule=RULE,
        title=f"Group {group!r} reads {stream!r} and nothing acknowledges it",
        entity=(stream, group),
        location=use.path,
        evidence=known.chain_quotes(use, use.stream, use.group),
        recommendation=(
            f"Call XACK {stream} {group} for each entry that {use.path}:{use.line} reads, once it is handled; if "
            "every entry may be lost, read with NOACK, or with XREAD and no group."
        ),
        confidence=known.confidence_of(use.stream, use.group),
        position=(use.path, 0),
        pattern="read, handled, never acknowledged",
        services=known.services_of(uses),
        streams=(stream,),
        files=known.places_of(uses),
        snippet_before=dedent(snippets.text_of(use)),
        snippet_after=f"{dedent(snippets.text_of(use))}\n{snippets.acknowledged(use)}",
    )
