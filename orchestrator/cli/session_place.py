"""Where a session lies that a user names: its folder, or a copy of its archive for as long as it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.archive.form import form_of
from orchestrator.archive.restoring import opened
from orchestrator.archive.shelf import Shelf
from orchestrator.cli.trace import folder_of
from orchestrator.session.opening import existing_session_id
from tools.errors import UsageError
from tools.workspace import safe_name, workspace_at


@contextmanager
def session_at(workspace: Path, session: str | None) -> Iterator[Path]:
    """The folder to read. Raises UsageError, ArchiveRefused."""
    archived = archive_of(workspace, session)
    if archived is None:
        yield folder_of(workspace, session)
        return
    with opened(archived) as folder:
        yield folder


def archive_of(workspace: Path, session: str | None) -> Path | None:
    """The archive that is meant; None where a folder is, or nothing is known by that name."""
    if session is None or Path(session).is_dir():
        return None
    if form_of(Path(session)) is not None and Path(session).is_file():
        return Path(session)
    at, shelf = workspace_at(workspace), Shelf.beside(workspace)
    if (shelf.folder / safe_name(session)).is_dir() or existing_session_id(at) == session:
        return None
    archives = shelf.of_session(session)
    by_name = shelf.path_of(safe_name(session))
    return archives[-1] if archives else by_name if by_name.is_file() else None


def writable(workspace: Path, session: str | None) -> Path:
    """The folder of a session that is written to. Raises UsageError for an archived one: archives do not change."""
    if archive_of(workspace, session) is not None:
        raise UsageError(
            f"{session} is an archive, and archives do not change. "
            f"Unpack it: streamgauge archive restore {session} --to DIR; then name DIR."
        )
    return folder_of(workspace, session)
