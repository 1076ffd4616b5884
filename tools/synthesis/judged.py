"""The limits and intent that a session was judged by, kept with it: a report or trace made later judges alike."""

from __future__ import annotations

from tools.detectors.thresholds import Judgement
from tools.workspace import Workspace

FILE = "recording/judgement.json"


def write(workspace: Workspace, judgement: Judgement) -> None:
    """Write what the session judges by. Raises OSError."""
    workspace.write_json(workspace.path(*FILE.split("/")), judgement.model_dump(mode="json"))


def read(workspace: Workspace) -> Judgement:
    """What was written; the defaults where there is no such file. Raises OSError, ValueError for a damaged one."""
    try:
        text = workspace.path(*FILE.split("/")).read_bytes()
    except FileNotFoundError:
        return Judgement()
    return Judgement.model_validate_json(text)
