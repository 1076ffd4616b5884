"""The drift registry: where what is declared, what the code does and what runs are not the same."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from tools.findings.model import (
    ConfigCategory,
    ConfigFinding,
    EvidenceKind,
    EvidenceRef,
    Finding,
    LogCategory,
    LogFinding,
    Severity,
    StreamCategory,
    StreamFinding,
)

_TYPES = {ConfigCategory.GROUP_NAME_MISMATCH.value: ConfigCategory.CONFIG_DRIFT.value}
"""A differing group name is drift of configuration in this registry (specification 2)."""
_RISKS = {
    ConfigCategory.CONFIG_DRIFT.value: "what runs is not what was reviewed",
    ConfigCategory.DOC_DRIFT.value: "people and tools act on a description that is wrong",
    ConfigCategory.SCHEMA_DRIFT.value: "readers meet entries that they cannot handle",
    ConfigCategory.NAMING_INCONSISTENCY.value: "the next change is made to the wrong name",
    ConfigCategory.MISSING_SCHEMA.value: "a change of the payload breaks readers unnoticed",
    ConfigCategory.ENV_MISMATCH.value: "environments behave differently from one another",
    ConfigCategory.PORT_CONFLICT.value: "only one of the services can start",
    ConfigCategory.VERSION_MISMATCH.value: "a command or behaviour is missing where it runs",
    ConfigCategory.ROGUE_STREAM.value: "messages go where nobody reads or bounds them",
    ConfigCategory.MISSING_ENV_VAR.value: "the service runs on a default or fails when the value is needed",
    ConfigCategory.GROUP_NAME_MISMATCH.value: "messages are delivered to a group that nobody reads",
}


class DriftRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """One difference. `source_of_truth` is `path:line`, or the journal where the server said it."""

    type: str
    service: str
    expected: str
    actual: str
    source_of_truth: str
    risk: str
    severity: Severity
    finding_id: str


def registry(findings: Iterable[Finding]) -> tuple[DriftRow, ...]:
    """All drift, the worst first, then by type and service."""
    rows = [row for finding in findings if (row := _row(finding)) is not None]
    return tuple(sorted(rows, key=lambda row: (row.severity.rank, row.type, row.service, row.finding_id)))


def _row(finding: Finding) -> DriftRow | None:
    if isinstance(finding, ConfigFinding):
        return DriftRow(
            type=_TYPES.get(finding.category, str(finding.category)),
            service=finding.service,
            expected=finding.expected,
            actual=finding.actual
            if finding.ended_at is None
            else f"{finding.actual} (until {finding.ended_at})",
            source_of_truth=place_of(finding),
            risk=_RISKS[finding.category],
            severity=finding.severity,
            finding_id=finding.finding_id,
        )
    if isinstance(finding, LogFinding) and finding.category is LogCategory.DOC_DRIFT:
        return DriftRow(
            type=str(finding.category),
            service=finding.service,
            expected="one log format for all services",
            actual=finding.title,
            source_of_truth=place_of(finding),
            risk="tools that read one format miss the lines in the other",
            severity=finding.severity,
            finding_id=finding.finding_id,
        )
    if isinstance(finding, StreamFinding) and finding.category is StreamCategory.SCHEMA_INCONSISTENCY:
        return DriftRow(
            type=ConfigCategory.SCHEMA_DRIFT.value,
            service="unknown",
            expected=f"one set of fields and types on {finding.stream}",
            actual=finding.title,
            source_of_truth=place_of(finding),
            risk=_RISKS[ConfigCategory.SCHEMA_DRIFT.value],
            severity=finding.severity,
            finding_id=finding.finding_id,
        )
    return None


def place_of(finding: Finding) -> str:
    """`path:line` of a finding's first piece of evidence in a file, else where its first piece was seen."""
    in_files = [ref for ref in finding.evidence_refs if ref.kind is EvidenceKind.FILE]
    return _place((in_files or list(finding.evidence_refs))[0])


def _place(reference: EvidenceRef) -> str:
    at = reference.locator
    if at.line is not None:
        return f"{reference.source}:{at.line}"
    if at.poll is not None:
        return f"{reference.source} poll {at.poll}"
    return reference.source
