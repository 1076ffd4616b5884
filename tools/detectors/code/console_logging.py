"""A service prints instead of using a logger: no level, no time, no service name, no correlation id.

One finding a service. It speaks only of services that use streams, and not of command line tools, scripts and
examples, whose output is meant for a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from textwrap import dedent

from tools.detectors.code import known
from tools.detectors.contract import CodeView
from tools.findings.model import AgentId, Effort, Impact, Priority, ScoutCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind, CodeUse

RULE = Rule(
    id="code.console-logging",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.OBSERVABILITY_GAP,
    condition="print, console.* or fmt.Print* in the code of a service that uses streams; one finding a service",
    priority=Priority.P3_LOW,
    effort=Effort.HOURS_2_4,
    impact=Impact.LOW,
)
RULES: tuple[Rule, ...] = (RULE,)
QUOTES_MAX = 5
_LOGGERS = {
    "python": "(logging.getLogger, one handler per process)",
    "go": "(log/slog, or the project's own)",
}


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a service, with its first places."""
    index = view.index
    with_streams = {use.service for use in index.uses if use.stream is not None}
    found: dict[str, list[CodeUse]] = defaultdict(list)
    for use in known.of_kind(index, CodeKind.CONSOLE_LOG):
        if use.service is None or use.service not in with_streams:
            continue
        if not known.for_people(use) and not known.silenced(index, RULE.id, use):
            found[use.service].append(use)
    for service, uses in sorted(found.items()):
        yield _symptom(service, uses)


def _symptom(service: str, uses: list[CodeUse]) -> Symptom:
    first, callee = uses[0], uses[0].name or "print"
    before = dedent(first.text)
    after = before if first.language == "go" else before.replace(f"{callee}(", "logger.info(", 1)
    return Symptom(
        rule=RULE,
        title=f"{service} writes its log with {callee} ({len(uses)} places)",
        entity=(service,),
        evidence=tuple(use.quote() for use in uses[:QUOTES_MAX]),
        recommendation=(
            f"Use a logger in {', '.join(dict.fromkeys(use.path for use in uses[:QUOTES_MAX]))} "
            + _LOGGERS.get(first.language, "(pino, winston or the project's own)")
            + ", so that each line has a level, a time, the service and the correlation id."
        ),
        position=(first.path, 0),
        pattern=f"{len(uses)} calls of {callee}",
        services=(service,),
        files=known.files_of(uses),
        snippet_before=before,
        snippet_after=after if after != before else None,
    )
