"""An answer that leaves the service (an HTTP body, an API error) shows its paths or its stack.

Whoever attacks learns from it which files, frameworks and versions there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import LogView
from tools.detectors.logs.frequency import shortened, template_symptom
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.outward_text import exposed

RULE = Rule(
    id="log.path-exposure",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.SECURITY,
    severity=Severity.MEDIUM,
    condition="A line shows an answer of the service (an HTTP body, an API error) that holds a path of its host or stack frames.",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: LogView) -> Iterator[Symptom]:
    """One symptom for each template whose newest line shows such an answer."""
    for stats in view.unexpected:
        inside = exposed(stats.example.text)
        if inside is not None:
            yield template_symptom(
                RULE,
                stats,
                evidence=(stats.example.quote(),),
                title=f"{stats.service} shows its inside in an answer: {shortened(inside, 80)}",
                recommendation=(
                    f"Answer errors of {stats.service} with a code and a correlation id alone, and keep message, path and stack in"
                    " its log (in production mode of the framework this is the default)."
                ),
                hypothesis="An error handler sends the error itself to the caller.",
            )
