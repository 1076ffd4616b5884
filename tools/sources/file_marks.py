"""Which files of a project changed since they were read: a mark of each, that costs no reading.

Only files that are read for what they say have one: a log that grows in the project is no change of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tools import masking
from tools.sources.code.syntax import LANGUAGES
from tools.sources.code.walk import ProjectFile, walk
from tools.sources.project import may_say
from tools.workspace import Workspace, write_atomically

Marks = Mapping[str, str]
"""Path, masked → what changes whenever the file does."""
_FILE = ("agents", "indexer", "files.json")
_EMPTY = "0 "


def marks_of(root: Path, include: Sequence[str], exclude: Sequence[str]) -> Marks:
    """The marks of the files that an index of these settings reads; none where the root is no folder."""
    try:
        files = list(walk(root, include, exclude))
    except OSError:
        return {}
    return {masking.mask(file.path): _mark(file) for file in files if _is_read(file)}


def changed(before: Marks, now: Marks) -> tuple[str, ...]:
    """The files that are not as they were, came, or went, in order."""
    return tuple(sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path)))


def emptied(before: Marks, now: Marks) -> tuple[str, ...]:
    """The files that held something and are empty: perhaps about to be written."""
    return tuple(
        path
        for path in before
        if now.get(path, "").startswith(_EMPTY) and not before[path].startswith(_EMPTY)
    )


def write(workspace: Workspace, marks: Marks) -> None:
    """Keep the marks of the files as they were before the index was made. Raises OSError."""
    write_atomically(workspace.path(*_FILE), msgspec.json.encode(marks))


def read(workspace: Workspace) -> Marks | None:
    """What was kept; None where nothing was, or it is damaged."""
    try:
        return msgspec.json.decode(workspace.path(*_FILE).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return None


def _is_read(file: ProjectFile) -> bool:
    return file.ending in LANGUAGES or may_say(file.name)


def _mark(file: ProjectFile) -> str:
    """Size, times and place on the disk: a file that is replaced by one as long and as old is another file."""
    try:
        stat = os.stat(file.at)  # noqa: PTH116 - a Path of each costs more than the call
    except OSError:
        return "unreadable"
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"
