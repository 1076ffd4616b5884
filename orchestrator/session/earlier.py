"""Earlier sessions: what this one is compared with, and its own record for later ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.model import Config
from orchestrator.session.context import Session
from tools.sources.session_facts import SessionFacts
from tools.synthesis.sessions import against, store
from tools.synthesis.sessions.accepting import Acceptance
from tools.synthesis.sessions.against import Against
from tools.synthesis.sessions.record import SessionRecord, begun
from tools.synthesis.sessions.store import SessionStore
from tools.workspace import Workspace

FOLDER = "sessions"
"""In the state's folder."""
_OF_CHANGE = "a session about a change is compared with its base only"


@dataclass(frozen=True, slots=True)
class Beside:
    """What the caller gives: the session that was named, None for the last complete one; and what is accepted."""

    baseline: SessionRecord | None = None
    acceptances: tuple[Acceptance, ...] = ()


NOTHING_BESIDE = Beside()


def store_of(state_folder: Path) -> SessionStore:
    """Where records of sessions are kept."""
    return SessionStore(state_folder / FOLDER)


def prepare(
    workspace: Workspace,
    config: Config,
    facts: SessionFacts,
    beside: Beside,
) -> None:
    """Leave in the workspace of a session that begins what it is compared with. Raises OSError."""
    now = begun(facts)
    against.write(workspace, _against(now, facts, beside, store_of(config.output.state_folder)))


def _against(now: SessionRecord, facts: SessionFacts, beside: Beside, kept: SessionStore) -> Against:
    if facts.change is not None:
        return Against(acceptances=beside.acceptances, why_none=_OF_CHANGE)
    last, past = kept.series(now)
    named = beside.baseline
    if named is not None and (last is None or named.session_id != last.session_id):
        # One of another series, or further back: what lies between would be told as its past.
        return Against(record=named, last=last, acceptances=beside.acceptances)
    return Against(record=last, past=past, acceptances=beside.acceptances)


def keep(session: Session) -> None:
    """Keep the session's record for later ones; where that is refused, an event says so."""
    record = store.in_workspace(session.workspace)
    if record is None:
        return
    try:
        store_of(session.config.output.state_folder).keep(record)
    except OSError as error:
        session.event("error", reason=f"the session's record could not be kept: {error}")
