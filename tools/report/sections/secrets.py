"""Secrets that lie open in logs: who can read a log comes first, then the call that prints, then the rotation.

All secrets of one log are one thing to do: whoever closes it or mends its calls does so once.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.findings.model import Finding, LogCategory, LogFinding, Severity, rank_of
from tools.report.context import Context
from tools.sources.logs import commands

KINDS_MAX = 6
_MARK = ": "
"""What stands before the kind of secret in a finding's title."""


def of(context: Context) -> list[Finding]:
    """Measured CRITICAL findings of secrets, outside of any cluster."""
    return [
        finding
        for finding in context.serious
        if is_one(finding) and finding.finding_id not in context.cluster_ids
    ]


def is_one(finding: Finding) -> bool:
    """Whether a finding tells of a secret in a log."""
    return finding.category is LogCategory.SECURITY and rank_of(finding) == Severity.CRITICAL.rank


def log_of(finding: Finding) -> str:
    """The log in which it was seen first."""
    return finding.evidence_refs[0].source


def title(group: Sequence[Finding]) -> str:
    """What they are, in one line."""
    if len(group) == 1:
        return group[0].title
    return f"{_who(group)} logs {len(group)} kinds of secrets in plain text: {_kinds(group)}"


def action(group: Sequence[Finding]) -> str:
    """What takes them out of the log for good."""
    if len(group) == 1:
        return group[0].recommendation
    return (
        f"Remove what is secret ({_kinds(group)}) from the log calls in {_who(group)} that wrote the quoted lines, redact the fields "
        "in its logger, and rotate each of them once that runs: the same calls would print the new ones. The fingerprints and lines "
        "of each stand at its finding."
    )


def now(finding: Finding) -> str:
    """What limits the harm until then."""
    return (
        f"See who can read {_where(finding)}, and close it to all who need not. Rotate last: while the call prints, it would "
        "print the new one too."
    )


def _where(finding: Finding) -> str:
    reference = finding.evidence_refs[0]
    service = finding.service if isinstance(finding, LogFinding) else "the service"
    if reference.locator.origin_offset is not None:  # what the session captured itself holds no secret
        return f"what {service} prints, wherever that is collected"
    if commands.is_source(reference.source):
        keeper = reference.source.partition(":")[0]
        return f"the log of {service} that {keeper} keeps, and wherever it is shipped to"
    return f"{reference.source}, its rotated copies, and wherever they are shipped to"


def _who(group: Sequence[Finding]) -> str:
    names = dict.fromkeys(finding.service for finding in group if isinstance(finding, LogFinding))
    return ", ".join(names) or "a service"


def _kinds(group: Sequence[Finding]) -> str:
    kinds = list(dict.fromkeys(finding.title.rpartition(_MARK)[2] for finding in group))
    more = f" and {len(kinds) - KINDS_MAX} more" if len(kinds) > KINDS_MAX else ""
    return ", ".join(kinds[:KINDS_MAX]) + more
