"""Report: what was written is read again; evidence that cannot be found is said."""

from __future__ import annotations

import asyncio

from orchestrator.session.context import Session
from orchestrator.session.state import SessionState
from orchestrator.session.uncut import uncut
from tools.report.verify import Verification, verify
from tools.report.write import write_report
from tools.sources.records import Gap

_NAMED_MAX = 10


async def run(session: Session, _state: SessionState) -> SessionState:
    """Verify every evidence reference of this session's findings. Raises StreamgaugeError, OSError."""
    verified = await asyncio.to_thread(verify, session.workspace, session.project_root)
    session.event("verified", checked=verified.checked, failed=len(verified.failures))
    if not verified.ok:
        session.gap(unproven(verified, session.clock.now_ms()))
        await uncut(lambda: write_report(session.workspace, session.project_root, session.clock))
    return {}


def unproven(verified: Verification, at_ms: int) -> Gap:
    """What the findings say and the session's own files do not."""
    named = list(dict.fromkeys(failure.finding_id or failure.file for failure in verified.failures))
    more = f" and {len(named) - _NAMED_MAX} more" if len(named) > _NAMED_MAX else ""
    return Gap(
        what=f"the evidence of {', '.join(named[:_NAMED_MAX])}{more}",
        why=str(verified.failures[0]),
        fix="Something else wrote into the workspace: run the session again, and see `streamgauge verify`.",
        source="report",
        at_ms=at_ms,
    )
