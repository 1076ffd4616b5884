"""Records of past sessions: one compressed file each, beside the state, the oldest going first."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
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
"""Records kept of each series: a night each for three months. One of 1,000 findings takes some 100 KB."""
ALL_KEPT_MAX = 1_000
"""Of all series together; the oldest of those with the most go first, the newest of each last."""
UNPACKED_BYTES_MAX = 256 << 20
_ENDING = ".json.gz"
_NAME = re.compile(r"(?P<id>.+?)(?:\.(?P<series>[0-9a-f]{8}))?\.json\.gz")
_DECODER = msgspec.json.Decoder(SessionRecord)
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, RecursionError)


class SessionStore:
    """The folder of records. What in it cannot be read is passed over: it is no measure for anything."""

    def __init__(self, folder: Path, kept_max: int = ALL_KEPT_MAX) -> None:
        self._folder, self._kept_max = folder, kept_max

    def keep(self, record: SessionRecord) -> Path:
        """Write a record, and drop the oldest of its series beyond `KEPT_MAX`, of all beyond `kept_max`.

        Raises OSError.
        """
        path = self._folder / f"{safe_name(record.session_id)}.{_digest(record.series)}{_ENDING}"
        write(path, record)
        for old in self._too_many():
            # After the clock went back, the one just written is not the newest by its name.
            if old != path:
                old.unlink(missing_ok=True)
        return path

    def records(self) -> Iterator[SessionRecord]:
        """The newest first."""
        return self._of(self._paths())

    def find(self, session_id: str) -> SessionRecord | None:
        """The record of that session. Raises UsageError where several that began in the same second have the id."""
        paths = [path for path in self._paths() if _parts(path)[0] == safe_name(session_id)]
        if len(paths) > 1:
            raise UsageError(f"{len(paths)} sessions have the id {session_id}. Name the workspace of one.")
        return _read(paths[0]) if paths else None

    def series(self, now: SessionRecord) -> tuple[SessionRecord | None, tuple[Past, ...]]:
        """Of earlier sessions of the same kind on the same project: the last complete one, and those before it."""
        earlier: SessionRecord | None = None
        past: list[Past] = []
        mine = _digest(now.series)
        for record in self._of(path for path in self._paths() if _parts(path)[1] in {mine, ""}):
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
        """The newest first. Ids are times: their order is that of the sessions."""
        try:
            return sorted((it for it in self._folder.iterdir() if _NAME.fullmatch(it.name)), reverse=True)
        except OSError:
            return []

    def _of(self, paths: Iterable[Path]) -> Iterator[SessionRecord]:
        return (record for record in map(_read, paths) if record is not None)

    def _too_many(self) -> Iterator[Path]:
        """A record is dispensable by how many newer ones its series has."""
        places: dict[str, int] = defaultdict(int)
        ranked: list[tuple[int, int, Path]] = []
        for number, path in enumerate(self._paths()):
            series = _parts(path)[1]
            ranked.append((places[series], number, path))
            places[series] += 1
        for count, (place, _, path) in enumerate(sorted(ranked)):
            if place >= KEPT_MAX or count >= self._kept_max:
                yield path


def write(path: Path, record: SessionRecord) -> None:
    """Write one record, masked. Raises OSError."""
    plain = masking.mask_data(msgspec.to_builtins(record))
    write_atomically(path, gzip.compress(msgspec.json.encode(plain), compresslevel=6, mtime=0))


def unpacked(data: bytes, bytes_max: int = UNPACKED_BYTES_MAX) -> bytes:
    """What a gzip file holds. Raises ValueError for more than `bytes_max`, EOFError, zlib.error."""
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    plain = unpacking.decompress(data, bytes_max)
    if unpacking.unconsumed_tail:
        raise ValueError(f"it unpacks to more than {bytes_max:,} bytes")
    if not unpacking.eof:
        raise EOFError("it is cut off")
    return plain


def load(where: str, store: SessionStore, workspace: Path, now_ms: int) -> SessionRecord:
    """The session that a user names: a workspace, an all-findings.json, a record, or the id of a kept one.

    `workspace` is where sessions of that id may lie too, archived beside it. Raises UsageError.
    """
    path = Path(where)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError):  # too long for any file, or no name at all
        is_folder = is_file = False
    if is_folder:
        return _of_workspace(path, now_ms)
    if is_file:
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


def _digest(series: tuple[str, ...]) -> str:
    return hashlib.sha256(msgspec.json.encode(series)).hexdigest()[:8]


def _parts(path: Path) -> tuple[str, str]:
    """Session id and digest of the series of a record's file; the digest is "" in names of before there were any."""
    found = _NAME.fullmatch(path.name)
    return ("", "") if found is None else (found["id"], found["series"] or "")


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
        session_id=safe_name(path.name),
        product="",
        mode="",
        project="",
        redis=None,
        started_ms=0,
        ended_ms=None,
        incomplete="",
        findings=making.known_findings(findings, safe_name(path.name), 0),
        scope=None,
    )


def _findings(path: Path) -> list[Finding]:
    try:
        items = msgspec.json.decode(path.read_bytes(), type=list[msgspec.Raw])
        return [FINDING.validate_json(bytes(item)) for item in items]
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(
            f"{path} holds no findings of a session ({reason}). Name a workspace or its all-findings.json."
        ) from error


def _read(path: Path) -> SessionRecord | None:
    try:
        record = _DECODER.decode(unpacked(path.read_bytes()))
    except _UNREADABLE:
        return None
    return record if record.version == VERSION else None
