"""`journalctl`: one unit of systemd, read as JSON and gone on with by cursor.

A name is a unit's (`orders`, `orders@1.service`), or `user/orders` for one of the user's own. A message of several
lines is delivered as several lines. A priority counts as a level where it says more than the default that services
which only print get (info, notice). Tried with systemd 252.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import re2
from msgspec import Struct, field

from tools.sources.logs.command import Start
from tools.sources.logs.feed import LINE_BYTES_MAX, CommandCheckpoint, Note, Piece
from tools.sources.logs.stamps import Entry

_NAME = re2.compile(r"(?:user/)?[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,254}")
_USER = "user/"
_RECORD_BYTES_MAX = 4 * 1024 * 1024
"""A message that is no UTF-8 comes as numbers, four times its size."""
_LEVELS = {"0": "FATAL", "1": "FATAL", "2": "FATAL", "3": "ERROR", "4": "WARN", "7": "DEBUG"}
_REMEDIES = (
    (
        "insufficient permissions",
        "Let the user that runs streamgauge read the journal (group systemd-journal).",
    ),
    ("Failed to seek to cursor", "Start a new session: the journal of the last one is gone."),
)


class _Record(Struct):
    message: object = field(name="MESSAGE", default=None)
    priority: object = field(name="PRIORITY", default=None)
    cursor: str | None = field(name="__CURSOR", default=None)
    time_us: str = field(name="__REALTIME_TIMESTAMP", default="")


class JournaldLogs:
    """Reads one unit's entries; a dialect of `command`. `where` are options that name another journal."""

    program = "journalctl"
    merged = False
    record_bytes_max = _RECORD_BYTES_MAX
    silent = "the journal has no entry of that unit, or none that this user may read"

    def __init__(self, name: str, checkpoint: CommandCheckpoint, where: Sequence[str] = ()) -> None:
        self._name = name
        self._where = tuple(where)
        self._cursor = checkpoint.cursor
        self.notes: list[Note] = []

    @property
    def again(self) -> bool:
        """Never: it gives all that it is asked for."""
        return False

    def arguments(self, start: Start) -> list[str]:
        """Its options; called before each start."""
        options = ["--no-pager", "--output=json", "--all", "--output-fields=MESSAGE,PRIORITY", *self._where]
        if self._name.startswith(_USER):
            options.append(f"--user-unit={self._name.removeprefix(_USER)}")
        else:
            options.append(f"--unit={self._name}")
        if start.lines is not None:
            return [*options, f"--lines={start.lines}"]
        options += ["--follow", "--no-tail"]
        if self._cursor is not None:
            options.append(f"--after-cursor={self._cursor}")
        elif start.since_ms is not None:
            options.append(f"--since=@{start.since_ms // 1000}.{start.since_ms % 1000:03d}")
        return options

    def read(self, piece: Piece, *, complete: bool) -> list[Entry] | None:
        """The lines of one entry; None where journalctl speaks of itself."""
        if not piece.data.startswith(b"{"):
            return None
        if not complete:
            return []
        if piece.length > len(piece.data):
            why = f"an entry is longer than {_RECORD_BYTES_MAX} bytes"
            self.notes.append(Note("whole entries", why, "Log large payloads elsewhere."))
            return []
        try:
            record = msgspec.json.decode(piece.data, type=_Record)
        except msgspec.DecodeError:
            return None
        self._cursor = record.cursor or self._cursor
        level = _LEVELS.get(str(record.priority))
        at_ms = int(record.time_us) // 1000 if record.time_us.isdigit() else None
        lines = _bytes_of(record.message).removesuffix(b"\n").split(b"\n") if record.message else []
        entries = [Entry(line[:LINE_BYTES_MAX], len(line), at_ms) for line in lines]
        return [entry._replace(level=level) for entry in entries[:1]] + entries[1:]

    def remark(self, words: str) -> Note | None:
        """That the user sees a part of the journal only."""
        if words.startswith("Hint: You are currently not seeing messages"):
            fix = "Let the user that runs streamgauge read the journal (group systemd-journal)."
            return Note("other users' entries", words, fix)
        return None

    def remedy(self, words: str) -> str:
        """What to do about journalctl's last message, or about a unit without entries."""
        found = (fix for needle, fix in _REMEDIES if needle in words)
        default = "Give the unit that `systemctl list-units` prints, and let the user read the journal (group systemd-journal)."
        return next(found, default)

    def save(self, checkpoint: CommandCheckpoint) -> CommandCheckpoint:
        """The checkpoint with the newest entry's cursor."""
        checkpoint.cursor = self._cursor
        return checkpoint


def problem(name: str) -> str | None:
    """Why a name cannot be a unit's; None where it can."""
    return None if _NAME.fullmatch(name) else "it is no unit's name (unit, or user/unit)"


def service(name: str) -> str:
    """The service that a source named `*` stands for."""
    return name.removeprefix(_USER).removesuffix(".service")


def _bytes_of(message: object) -> bytes:
    # Text; bytes as numbers; or a list of these where an entry has the field more than once.
    if isinstance(message, str):
        return message.encode("utf-8", "surrogatepass")
    if isinstance(message, list):
        if all(isinstance(item, int) and 0 <= item <= 255 for item in message):
            return bytes(message)
        return b"\n".join(_bytes_of(item) for item in message if isinstance(item, str | list))
    return b""
