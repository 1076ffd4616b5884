"""Section 7, what the logs said: the templates that findings are about, each with an example, and what was expected."""

from __future__ import annotations

from tools.findings.model import LogFinding
from tools.report.context import Context
from tools.report.model import LogTemplate

_EXPECTED = "log.expected"
_REASON = "The owners expect these lines: "


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
    most = max(findings, key=lambda finding: finding.occurrences)
    expected = most.hypothesis.removeprefix(_REASON) if most.rule_id == _EXPECTED else None
    return LogTemplate(
        service=most.service,
        template=most.template or "",
        lines=most.occurrences,
        pattern=most.pattern,
        example=most.evidence,
        finding_ids=tuple(finding.finding_id for finding in findings),
        expected=expected,
    )
