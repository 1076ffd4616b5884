"""The session that a workspace still holds when another begins: archived and verified, and only then out of the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from orchestrator.archive.shelf import Shelf
from orchestrator.archive.writing import archive, make_room
from tools.clock import Clock
from tools.errors import StreamgaugeError
from tools.workspace import Workspace, safe_name


class Previous(NamedTuple):
    """Where the earlier session went. `why_whole` says why it lies there as a folder, "" for an archive."""

    path: Path
    why_whole: str = ""


def put_away(workspace: Workspace, session_id: str, clock: Clock) -> Previous:
    """Archive the session and free its workspace; where no archive can be made, move the folder there as it is.

    The caller holds the workspace's lock. Raises OSError where not even that can be done.
    """
    shelf = Shelf.beside(workspace.root)
    shelf.create()
    try:
        with shelf.locked(session_id, clock):
            archived = archive(workspace, session_id, shelf, clock)
            if make_room(workspace, archived, shelf):
                return Previous(archived.path)
        why = "it changed while it was archived"
    except (StreamgaugeError, OSError) as error:
        why = str(error)
    return Previous(_move(workspace, session_id, shelf.folder), why)


def _move(workspace: Workspace, session_id: str, folder: Path) -> Path:
    name = safe_name(session_id)
    target, number = folder / name, 1
    while target.exists():
        number += 1
        target = folder / f"{name}-{number}"
    os.rename(workspace.root, target)  # noqa: PTH104 - Path.rename returns what is not needed
    return target
