"""Services log in different formats, or one changes its format while it runs.

No single parser, query or dashboard then sees the whole system.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tools.detectors.contract import LogView, ServiceActivity
from tools.findings.model import AgentId, LogCategory, Severity
from tools.findings.rule import Rule, Symptom

BETWEEN = Rule(
    id="log.format-mixed",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.DOC_DRIFT,
    severity=Severity.LOW,
    condition="Some services log JSON, others logfmt or printf lines (each judged on at least 20 lines).",
)
WITHIN = Rule(
    id="log.format-changes",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.DOC_DRIFT,
    severity=Severity.LOW,
    condition="One service writes at least 10 lines, and a tenth of its lines, in each of two formats.",
)
RULES: tuple[Rule, ...] = (BETWEEN, WITHIN)
LINES_MIN = 20
_MINORITY_LINES = 10
_MINORITY_SHARE = 0.1
_KIND = {"json": "JSON", "logfmt": "logfmt", "text": "printf", "klog": "printf", "syslog": "printf"}
"""Access lines have a format of their own by nature and are left out."""


def detect(view: LogView) -> Iterator[Symptom]:
    """At the end: at most one symptom between services, and one per service that changes.

    Earlier, counts are small and which format is a service's own may still turn.
    """
    if not view.final:
        return
    main: dict[str, ServiceActivity] = {}
    for activity in view.services:
        kinds = _kinds(activity.format_counts)
        lines = sum(kinds.values())
        if lines < LINES_MIN or activity.last_line is None:
            continue
        ranked = kinds.most_common(2)
        if len(ranked) > 1 and ranked[1][1] >= max(_MINORITY_LINES, lines * _MINORITY_SHARE):
            yield _within(activity, [kind for kind, _ in ranked])
        else:
            main.setdefault(ranked[0][0], activity)
    if len(main) > 1:
        yield _between(main)


def _kinds(formats: Mapping[str, int]) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for name, count in formats.items():
        if name in _KIND:
            kinds[_KIND[name]] += count
    return kinds


def _within(activity: ServiceActivity, kinds: list[str]) -> Symptom:
    assert activity.last_line is not None
    return Symptom(
        rule=WITHIN,
        title=f"{activity.service} logs in two formats: {' and '.join(sorted(kinds))}",
        entity=(activity.service,),
        evidence=(activity.last_line.quote(),),
        recommendation=f"Send all output of {activity.service} through one logger; print and console.log go round it.",
        service=activity.service,
        position=(WITHIN.id, 1),
        pattern=", ".join(f"{name} {count}" for name, count in sorted(activity.format_counts.items())),
        hypothesis="Some code paths or libraries write past the service's logger.",
    )


def _between(main: Mapping[str, ServiceActivity]) -> Symptom:
    named = ", ".join(f"{kind} ({main[kind].service})" for kind in sorted(main))
    return Symptom(
        rule=BETWEEN,
        title="Services log in different formats",
        entity=("cross-service",),
        evidence=tuple(line.quote() for kind in sorted(main) if (line := main[kind].last_line) is not None),
        recommendation="Agree on one format (JSON lines with time, level, service and correlation id) for all services.",
        service="cross-service",
        position=(BETWEEN.id, 1),
        pattern=named,
        hypothesis=f"No common logger: {named}.",
    )
