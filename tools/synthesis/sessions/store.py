"""Records of past sessions: one compressed file each, beside the state, the oldest going first."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tools import masking
from tools.errors import UsageError
from tools.findings.model import FINDING, Finding
from tools.synthesis import session_data
from tools.synthesis.sessions import making
from tools.synthesis.sessions.comparison import SESSIONS_MAX, Past, past_of
from tools.synthesis.sessions.record import VERSION, SessionRecord
from tools.workspace import Workspace, safe_name, workspace_at, write_atomically

FILE = ("recording", "session-record.json.gz")
"""A session's own record in its workspace."""
KEPT_MAX = 100
"""Records kept of all series together: a night each for three months. One of 1,000 findings takes some 100 KB."""
_ENDING = ".json.gz"
_DECODER = msgspec.json.Decoder(SessionRecord)
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError)


class SessionStore:
    """The folder of records. What in it cannot be read is passed over: it is no measure for anything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, record: SessionRecord) -> Path:
        """Write a record, and drop the oldest beyond `KEPT_MAX`. Raises OSError."""
        path = self._folder / f"{safe_name(record.session_id)}{_ENDING}"
        write(path, record)
        for old in self._paths()[:-KEPT_MAX]:
            old.unlink(missing_ok=True)
        return path

    def records(self) -> Iterator[SessionRecord]:
        """The newest first."""
        for path in reversed(self._paths()):
            record = _read(path)
            if record is not None:
                yield record

    def find(self, session_id: str) -> SessionRecord | None:
        """The record of that session."""
        return _read(self._folder / f"{safe_name(session_id)}{_ENDING}")

    def series(self, now: SessionRecord) -> tuple[SessionRecord | None, tuple[Past, ...]]:
        """Of earlier sessions of the same kind on the same project: the last complete one, and those before it."""
        earlier: SessionRecord | None = None
        past: list[Past] = []
        for record in self.records():
            if record.session_id == now.session_id or record.series != now.series or record.incomplete:
                continue
            if record.started_ms > now.started_ms:
                continue
            if earlier is None:
                earlier = record
            else:
                past.append(past_of(record))
            if len(past) >= SESSIONS_MAX:
                break
        return earlier, tuple(reversed(past))

    def _paths(self) -> list[Path]:
        # Ids are times: their order is that of the sessions.
        try:
            return sorted(path for path in self._folder.iterdir() if path.name.endswith(_ENDING))
        except OSError:
            return []


def write(path: Path, record: SessionRecord) -> None:
    """Write one record, masked. Raises OSError."""
    plain = masking.mask_data(msgspec.to_builtins(record))
    write_atomically(path, gzip.compress(msgspec.json.encode(plain), compresslevel=6, mtime=0))


def load(where: str, store: SessionStore, workspace: Path, now_ms: int) -> SessionRecord:
    """The session that a user names: a workspace, an all-findings.json, a record, or the id of a kept one.

    `workspace` is where sessions of that id may lie too, archived beside it. Raises UsageError.
    """
    path = Path(where)
    if path.is_dir():
        return _of_workspace(path, now_ms)
    if path.is_file():
        return _of_file(path, now_ms)
    name = safe_name(where)
    archived = workspace_at(workspace).root.parent / ".archive" / name
    record = store.find(where) if name == where else None
    if record is not None:
        return record
    if name == where and archived.is_dir():
        return _of_workspace(archived, now_ms)
    raise UsageError(
        f"There is no session {where!r}. Name a workspace, an all-findings.json, or the id of a session that is kept."
    )


def in_workspace(workspace: Workspace) -> SessionRecord | None:
    """The record that a session left in its workspace; None where it left none that this version reads."""
    return _read(workspace.path(*FILE))


def _of_workspace(folder: Path, now_ms: int) -> SessionRecord:
    workspace = workspace_at(folder)
    if not workspace.session_id_file.exists():
        raise UsageError(f"{folder} holds no session. Name the folder of one.")
    record = in_workspace(workspace)
    return record if record is not None else making.record_of(workspace, session_data.load(workspace, now_ms))


def _of_file(path: Path, now_ms: int) -> SessionRecord:
    """A record, or findings; findings in their workspace are that session's."""
    if path.name.endswith(_ENDING):
        record = _read(path)
        if record is None:
            raise UsageError(f"{path} is no record of a session that this version reads. Name another.")
        return record
    beside = Workspace(path.absolute().parent)
    if path.name == beside.all_findings.name and beside.session_id_file.exists():
        return _of_workspace(beside.root, now_ms)
    findings = _findings(path)
    return SessionRecord(
        session_id=path.name,
        product="",
        mode="",
        project="",
        redis=None,
        started_ms=0,
        ended_ms=None,
        incomplete="",
        findings=making.known_findings(findings, path.name, 0),
        scope=None,
    )


def _findings(path: Path) -> list[Finding]:
    try:
        items = msgspec.json.decode(path.read_bytes(), type=list[msgspec.Raw])
        return [FINDING.validate_json(bytes(item)) for item in items]
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(
            f"{path} holds no findings of a session ({reason}). Name a workspace or its all-findings.json."
        ) from error


def _read(path: Path) -> SessionRecord | None:
    try:
        record = _DECODER.decode(gzip.decompress(path.read_bytes()))
    except _UNREADABLE:
        return None
    return record if record.version == VERSION else None
