"""What of a workspace goes into its archive, and what its archive says of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from orchestrator.archive import members
from orchestrator.archive.layout import BagInfo
from tools.errors import ArchiveRefused, JournalCorrupt
from tools.findings.journal import read_data
from tools.findings.model import AgentId, Severity
from tools.sources import session_facts
from tools.sources.session_facts import SessionFacts
from tools.synthesis.sessions import store
from tools.workspace import Workspace

_LEFT_OUT = (".lock", "*/.*.tmp.*", ".*.tmp.*", "recording/checkpoints.sqlite*", "recording/keeper/*")
"""Locks, halves of writes, and what only a session that goes on needs; the keeper's raw output holds secrets."""
_KEPT = ("recording/keeper/*.offsets",)
"""Where masked lines lay in the original output: evidence names it."""
_UNSEEN = "the session was ended before it could say what it saw"


class File(NamedTuple):
    """One file of a workspace: its name there, where it lies, and what tells that it was not changed since."""

    name: str
    path: Path
    mode: int
    mtime_ns: int
    size: int


class _Finding(Struct, frozen=True, rename="camel"):
    finding_id: str = ""
    severity: str | None = None
    ended_at: str | None = None


class _Dashboard(Struct, frozen=True, rename="camel"):
    health: str = "UNKNOWN"


class _Report(Struct, frozen=True, rename="camel"):
    dashboard: _Dashboard | None = None


def files_of(workspace: Workspace) -> tuple[list[File], list[str]]:
    """Its files, sorted by name, and the names of what is left out.

    Raises ArchiveRefused where something in it is no plain file, so that nothing is ever lost by being passed over;
    OSError.
    """
    kept: list[File] = []
    left_out: list[str] = []
    for name, path, status in _walk(workspace.root, ""):
        if any(fnmatchcase(name, glob) for glob in _LEFT_OUT) and not any(
            fnmatchcase(name, glob) for glob in _KEPT
        ):
            left_out.append(name)
            continue
        why = members.why_not(name) if stat.S_ISREG(status.st_mode) else "it is no plain file"
        if why is not None:
            raise ArchiveRefused(f"{path} cannot be archived: {why}. Move it elsewhere.")
        kept.append(File(name, path, stat.S_IMODE(status.st_mode), status.st_mtime_ns, status.st_size))
    return sorted(kept), sorted(left_out)


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, Path, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{name}/")
            else:
                yield name, Path(entry.path), entry.stat(follow_symlinks=False)


def unchanged(workspace: Workspace, before: list[File]) -> bool:
    """Whether the workspace still holds these files as they were. Raises OSError, ArchiveRefused."""
    return files_of(workspace)[0] == before


def described(workspace: Workspace, session_id: str) -> BagInfo:
    """What is known of a session, whole or killed: number, time and chain are filled in by who writes it."""
    facts = _facts(workspace)
    record = store.in_workspace(workspace)
    return BagInfo(
        run=session_id,
        number=0,
        archived_ms=0,
        started_ms=facts.started_ms if facts else workspace.session_id_file.stat().st_mtime_ns // 1_000_000,
        product=facts.version if facts else "",
        mode=facts.mode if facts else "",
        series=" ".join(record.series) if record else "",
        health=_health(workspace),
        incomplete=record.incomplete if record else _UNSEEN,
        open_criticals=_open_criticals(workspace),
    )


def _facts(workspace: Workspace) -> SessionFacts | None:
    try:
        return session_facts.read(workspace)
    except (OSError, msgspec.MsgspecError):
        return None


def _health(workspace: Workspace) -> str:
    try:
        report = msgspec.json.decode(workspace.path("report.json").read_bytes(), type=_Report)
    except (OSError, msgspec.MsgspecError):
        return "UNKNOWN"
    return report.dashboard.health if report.dashboard is not None else "UNKNOWN"


def _open_criticals(workspace: Workspace) -> int:
    return sum(
        1
        for finding in _findings(workspace)
        if finding.severity == Severity.CRITICAL and finding.ended_at is None
    )


def _findings(workspace: Workspace) -> list[_Finding]:
    """Of the merged file; where a session came to none, the last revision of each in the journals."""
    try:
        return msgspec.json.decode(workspace.all_findings.read_bytes(), type=list[_Finding])
    except (OSError, msgspec.MsgspecError):
        found: dict[str, _Finding] = {}
    for agent in AgentId:
        try:
            for item in read_data(workspace.findings(agent)):
                finding = msgspec.convert(item, _Finding)
                found[finding.finding_id] = finding
        except (OSError, JournalCorrupt, msgspec.MsgspecError):
            continue
    return list(found.values())
