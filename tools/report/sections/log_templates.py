"""Section 7, what the logs said: the templates that findings are about, each with an example, and what was expected."""

from __future__ import annotations

import re

from tools.findings.model import LogFinding
from tools.report.context import Context
from tools.report.model import LogTemplate

_EXPECTED = "log.expected"
_REASON = "The owners expect these lines: "
_COUNTED = re.compile(r"(\d+) × ?")


def build(context: Context) -> tuple[LogTemplate, ...]:
    """One row for each service and template: several rules may speak of one."""
    rows: dict[tuple[str, str, bool], list[LogFinding]] = {}
    for finding in context.findings:
        if isinstance(finding, LogFinding) and finding.template is not None:
            key = (finding.service, finding.template, finding.rule_id == _EXPECTED)
            rows.setdefault(key, []).append(finding)
    built = [_row(found) for found in rows.values()]
    return tuple(
        sorted(built, key=lambda row: (row.expected is not None, -row.lines, row.service, row.template))
    )


def _row(findings: list[LogFinding]) -> LogTemplate:
    most = max(findings, key=_lines)
    expected = most.hypothesis.removeprefix(_REASON) if most.rule_id == _EXPECTED else None
    return LogTemplate(
        service=most.service,
        template=most.template or "",
        lines=_lines(most),
        pattern=_COUNTED.sub("", most.pattern, count=1) or "more than once",
        example=most.evidence,
        finding_ids=tuple(finding.finding_id for finding in findings),
        expected=expected,
    )


def _lines(finding: LogFinding) -> int:
    """How many lines there were: a rule counts those that it is about, its pattern all of the template."""
    counted = _COUNTED.match(finding.pattern)
    return max(finding.occurrences, int(counted.group(1)) if counted else 0)
