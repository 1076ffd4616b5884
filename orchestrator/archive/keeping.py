"""A session that is over is archived: its workspace, or a folder that was moved beside it without being archived."""

from __future__ import annotations

from pathlib import Path

from orchestrator.archive.form import Form
from orchestrator.archive.shelf import Shelf
from orchestrator.archive.writing import Archived, archive, make_room
from orchestrator.session.lock import hold_file
from orchestrator.session.opening import existing_session_id
from tools.clock import Clock
from tools.errors import UsageError
from tools.workspace import Workspace, workspace_at


def keep(folder: Path, clock: Clock, form: Form | None = None) -> Archived:
    """Archive the session of a workspace; the workspace stays as it is. Without a form, one archive of any will do.

    Raises LockHeld where a session is at work in it, UsageError where it holds none or cannot be archived.
    """
    workspace = workspace_at(folder)
    return _archived(workspace, Shelf.beside(workspace.root, form), clock)


def pack(workspace: Workspace, shelf: Shelf, clock: Clock) -> Archived:
    """Archive a folder that lies unpacked on the shelf, and remove it then. Raises as `keep`."""
    archived = _archived(workspace, shelf, clock)
    try:
        with shelf.locked(archived.info.run, clock):
            make_room(workspace, archived, shelf)
    except OSError as error:
        raise _refused(shelf, error) from error
    return archived


def _archived(workspace: Workspace, shelf: Shelf, clock: Clock) -> Archived:
    session_id = existing_session_id(workspace)
    if session_id is None:
        raise UsageError(f"{workspace.root} holds no session. Name one with --workspace.")
    try:
        shelf.create()
        with hold_file(workspace.path(".lock"), "workspace", session_id), shelf.locked(session_id, clock):
            return archive(workspace, session_id, shelf, clock)
    except OSError as error:
        raise _refused(shelf, error) from error


def _refused(shelf: Shelf, error: OSError) -> UsageError:
    return UsageError(
        f"No archive can be written to {shelf.folder}: {error.strerror or error}. Make room there, or the folder writable."
    )
