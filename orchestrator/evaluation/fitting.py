"""Whether a finding is one that a label means. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from orchestrator.evaluation.scenarios import Label
from tools.findings.model import (
    ConfigFinding,
    Enhancement,
    Finding,
    Severity,
    StreamFinding,
    rank_of,
    services_of,
    streams_of,
)

ABOVE_LOW = Severity.LOW.rank
"""Findings of a smaller rank are judged; what is LOW or INFO only where a label forbids it."""


class Alarm(Struct, frozen=True, kw_only=True, rename="camel"):
    """A finding that ought not to be there."""

    category: str
    rule: str
    severity: str
    title: str


def fits(label: Label, finding: Finding) -> bool:
    """Whether a finding is one of those that a label means, whatever its severity."""
    if label.agent is not None and finding.agent_id is not label.agent:
        return False
    if label.rule is not None and finding.rule_id != label.rule:
        return False
    if label.categories and str(finding.category) not in label.categories:
        return False
    group = None if not isinstance(finding, StreamFinding | ConfigFinding) else finding.consumer_group
    return (
        (label.stream is None or label.stream in streams_of(finding))
        and (label.group is None or label.group == group)
        and (label.service is None or label.service in services_of(finding))
        and (label.file is None or any(_ends(path, label.file) for path in _files(finding)))
    )


def _files(finding: Finding) -> Iterator[str]:
    if isinstance(finding, ConfigFinding | Enhancement):
        yield from finding.affected_files


def _ends(path: str, file: str) -> bool:
    bare, _, line = path.rpartition(":")
    plain = bare if bare and line.isdecimal() else path
    return f"/{plain}".endswith(f"/{file}")


def is_forbidden(labels: Iterable[Label], finding: Finding) -> bool:
    """Whether a label forbids it at its severity."""
    return any(fits(label, finding) and rank_of(finding) <= label.severity.rank for label in labels)


def alarm_of(finding: Finding) -> Alarm:
    """A finding as an alarm."""
    return Alarm(
        category=str(finding.category),
        rule=finding.rule_id,
        severity=level_of(finding),
        title=finding.title,
    )


def level_of(finding: Finding) -> str:
    """Severity or priority."""
    return str(finding.priority if isinstance(finding, Enhancement) else finding.severity)
