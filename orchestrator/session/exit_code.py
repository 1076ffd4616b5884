"""The exit code of `run`, as specification 1 lists it."""

from __future__ import annotations

from tools.errors import JournalCorrupt
from tools.findings.model import AgentId, ConfigFinding, Enhancement, Finding, Origin, Severity
from tools.findings.recorder import load
from tools.sources import gaps
from tools.synthesis.sessions import against
from tools.synthesis.sessions.comparison import PRESENT, Compared
from tools.workspace import Workspace

OK, FOUND, NOT_SEEN = 0, 1, 3
_SIGNALLED = 128


def exit_code(
    workspace: Workspace, *, fail_on: str, failed: bool, signal: int | None, blind: bool = False
) -> int:
    """130 or 143 by a signal; 3 after a failure; 1 for findings; 3 for blindness; else 0.

    `blind` says that something is known not to have been seen, whatever the gap journal holds. `fail_on` is `[new:]SEVERITY` or `never`; with no earlier session to compare with, everything is new, and worse than before counts as new. What the ignore file accepts never counts.
    """
    if signal is not None:
        return _SIGNALLED + signal
    if failed:
        return NOT_SEEN
    try:
        found = measured(workspace)
    except JournalCorrupt:
        return NOT_SEEN
    compared = against.result(workspace)
    rows = {} if compared is None else {row.fingerprint: row for row in compared.of(*PRESENT)}
    if any(
        counts(finding, fail_on) and _is_told(rows.get(finding.fingerprint), fail_on) for finding in found
    ):
        return FOUND
    return NOT_SEEN if blind or is_blind(workspace) else OK


def counts(finding: Finding, fail_on: str) -> bool:
    """Whether this finding is at or above the limit; the Scout's priorities and the model's never are.

    Neither is what was put right within the window.
    """
    name = fail_on.removeprefix("new:").upper()
    if isinstance(finding, ConfigFinding) and finding.ended_at is not None:
        return False
    if name == "NEVER" or isinstance(finding, Enhancement) or finding.origin is not Origin.MEASURED:
        return False
    return finding.severity.rank <= Severity(name).rank


def _is_told(row: Compared | None, fail_on: str) -> bool:
    if row is None:
        return True
    return not row.accepted and (row.is_news or not fail_on.startswith("new:"))


def measured(workspace: Workspace) -> list[Finding]:
    """The findings of the three agents that measure. Raises JournalCorrupt."""
    agents = [agent for agent in AgentId if agent is not AgentId.ENHANCEMENT_SCOUT]
    return [finding for agent in agents for finding in load(workspace.findings(agent))]


def is_blind(workspace: Workspace) -> bool:
    """Whether something configured or detected could not be looked at; a broken gap journal counts as that."""
    try:
        return any(gap.blind for gap in gaps.read(workspace.gaps))
    except JournalCorrupt:
        return True
