"""Report: what was written is read again; evidence that cannot be found is said."""

from __future__ import annotations

import asyncio

from tools.report.verify import verify

from orchestrator.session.context import Session
from orchestrator.session.state import SessionState


async def run(session: Session, _state: SessionState) -> SessionState:
    """Verify every evidence reference of this session's findings. Raises OSError."""
    verified = await asyncio.to_thread(verify, session.workspace, session.project_root)
    session.event("verified", checked=verified.checked, failed=len(verified.failures))
    return {}
