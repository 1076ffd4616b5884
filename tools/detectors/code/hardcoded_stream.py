"""A stream name as a literal at the Redis call: the two sides of a stream agree by spelling alone.

One finding a stream. A constant, a central map, a default of the environment, an option or a parameter is fine,
and so is a name that is computed.
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
from tools.sources.records import CodeIndex, CodeUse

RULE = Rule(
    id="code.hardcoded-stream",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.DX_IMPROVEMENT,
    condition="a stream name written as a literal in a Redis call of a service; one finding a stream",
    priority=Priority.P3_LOW,
    effort=Effort.HOURS_2_4,
    impact=Impact.LOW,
)
RULES: tuple[Rule, ...] = (RULE,)
QUOTES_MAX = 5


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a stream, with its places."""
    places: dict[str, dict[tuple[str, int], CodeUse]] = defaultdict(dict)
    for use in known.of_kind(view.index, *known.STREAM_KINDS):
        if not _is_literal(use) or known.for_people(use) or known.silenced(view.index, RULE.id, use):
            continue
        call = known.call_of(use)
        places[known.value(use.stream) or ""].setdefault((call.path, call.line), use)
    for stream, uses in sorted(places.items()):
        yield _symptom(view.index, stream, list(uses.values()))


def _is_literal(use: CodeUse) -> bool:
    """Whether the name stands in the call itself."""
    name = use.stream
    if not known.known(name) or name.confidence != "literal" or use.language == known.SCRIPT:
        return False
    form = snippets.quoted(use, name.value or "")
    # Behind an `or` it is the default of something that can be set.
    return form is not None and not re.search(
        rf"(?:\?\?|\|\||\?|\bor|\belse)\s*{re.escape(form)}", snippets.text_of(use)
    )


def _symptom(index: CodeIndex, stream: str, uses: list[CodeUse]) -> Symptom:
    first = uses[0]
    count = len(uses)
    constant = _constant_of(index, stream)
    fix = (
        f"Use the constant of {constant} there too."
        if constant is not None
        else "Put the name into one constant that its producers and consumers share."
    )
    before = dedent(snippets.text_of(first))
    return Symptom(
        rule=RULE,
        title=f"The name {stream!r} is written out in {count} Redis call{'s' if count > 1 else ''}",
        entity=(stream,),
        evidence=tuple(use.quote() for use in uses[:QUOTES_MAX]),
        recommendation=f"{', '.join(known.files_of(uses)[:QUOTES_MAX])}: {fix}",
        position=(first.path, 0),
        pattern="a literal at the call",
        services=known.services_of(uses),
        streams=(stream,),
        files=known.files_of(uses),
        snippet_before=before,
        snippet_after=snippets.named(before, first, stream),
    )


def _constant_of(index: CodeIndex, stream: str) -> str | None:
    """Where a constant of this name is, as another use resolved it."""
    for use in known.of_kind(index, *known.STREAM_KINDS):
        if use.stream is not None and use.stream.value == stream and use.stream.confidence == "constant":
            last = use.stream.chain[-1]
            return f"{last.path}:{last.line}"
    return None
