"""Is the evidence true: every reference of every finding is read again, from its copy and from its origin.

A reference is *proven* where the masked copy has its hash, the finding holds the copy's text, and the origin, read
and masked again, still says the same. Where the origin is gone or has moved on (a rotated log, mended code), the
copy alone stands: "source gone, copy only". A file of the session's own that says something else is a failure. What the
report says of the pace of groups is counted again from the polls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import Struct
from pydantic import ValidationError

from tools.errors import StreamgaugeError
from tools.findings import journal
from tools.findings.evidence import read_copy
from tools.findings.model import FINDING, AgentId, EvidenceRef, Finding
from tools.report import origins, verify_paces
from tools.report.origins import Origins
from tools.workspace import Workspace


class Failure(Struct, frozen=True, kw_only=True, rename="camel"):
    """One reference, or journal line, that is not true: which finding, which file, which byte, and what is wrong."""

    finding_id: str | None
    file: str
    byte: int
    reason: str

    def __str__(self) -> str:
        return f"{self.finding_id or '-'}: {self.file} at byte {self.byte}: {self.reason}"


class CopyOnly(Struct, frozen=True, kw_only=True, rename="camel"):
    """One reference that only its copy proves, and why."""

    finding_id: str
    source: str
    reason: str


class Verification(Struct, frozen=True, kw_only=True, rename="camel"):
    """The result. `checked` = `proven` + `copy_only` + the references and paces among `failures`."""

    checked: int
    proven: int
    copy_only: int
    failures: tuple[Failure, ...]
    gone: tuple[CopyOnly, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is false."""
        return not self.failures


@dataclass
class _Tally:
    checked: int = 0
    proven: int = 0
    failures: list[Failure] = field(default_factory=list)
    gone: list[CopyOnly] = field(default_factory=list)


def verify(workspace: Workspace, project_root: Path) -> Verification:
    """Read every reference of every finding again, and count paces again. Raises nothing for damaged files: they are failures."""
    tally = _Tally()
    findings = list(_findings(workspace, tally))
    known = Origins(workspace, project_root, {finding.finding_id: finding for finding in findings})
    for finding in findings:
        for reference in finding.evidence_refs:
            tally.checked += 1
            _check(workspace, finding, reference, known, tally)
    for outcome in verify_paces.outcomes(workspace):
        tally.checked += 1
        if outcome.kind == "proven":
            tally.proven += 1
        elif outcome.kind == "gone":
            tally.gone.append(CopyOnly(finding_id="-", source=verify_paces.REPORT, reason=outcome.reason))
        else:
            tally.failures.append(
                Failure(finding_id=None, file=verify_paces.REPORT, byte=0, reason=outcome.reason)
            )
    return Verification(
        checked=tally.checked,
        proven=tally.proven,
        copy_only=len(tally.gone),
        failures=tuple(tally.failures),
        gone=tuple(tally.gone),
    )


def _findings(workspace: Workspace, tally: _Tally) -> Iterator[Finding]:
    for agent in AgentId:
        path = workspace.findings(agent)
        newest: dict[str, Finding] = {}
        for offset, line in journal.read(path):
            try:
                finding = FINDING.validate_json(line)
            except ValidationError as error:
                reason = f"not a valid finding ({error.errors()[0]['msg']})"
                tally.failures.append(
                    Failure(finding_id=None, file=f"findings/{path.name}", byte=offset, reason=reason)
                )
                continue
            newest[finding.finding_id] = finding
        yield from newest.values()


def _check(
    workspace: Workspace, finding: Finding, reference: EvidenceRef, known: Origins, tally: _Tally
) -> None:
    at = reference.copy_at

    def fail(file: str, byte: int, reason: str) -> None:
        tally.failures.append(Failure(finding_id=finding.finding_id, file=file, byte=byte, reason=reason))

    try:
        text = read_copy(workspace, reference)
    except (ValueError, StreamgaugeError) as error:
        fail(at.path, at.byte_offset, str(error).rsplit(": ", 1)[-1])
        return
    if text not in finding.evidence:
        fail(
            f"findings/{finding.agent_id.slug}.jsonl",
            0,
            "the finding's evidence does not hold the copy's text",
        )
        return
    outcome = known.compare(reference, text)
    if isinstance(outcome, origins.Same):
        tally.proven += 1
    elif isinstance(outcome, origins.Gone):
        tally.gone.append(
            CopyOnly(finding_id=finding.finding_id, source=reference.source, reason=outcome.reason)
        )
    else:
        fail(outcome.file, outcome.byte, outcome.reason)
