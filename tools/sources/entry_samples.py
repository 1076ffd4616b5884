"""`streams/samples.jsonl`: of sampled stream entries their ids and field names, never a value but the correlation id.

Append-only, one object a line. An `entry` line is one entry; a `left` line says how many entries of a stream were
added and not sampled: beyond the bounds of a poll, or trimmed before it. Beyond the quota a `full` line ends the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from tools.errors import JournalCorrupt
from tools.findings.journal import Journal, read

FILE = "streams/samples.jsonl"
QUOTA_BYTES = 32 * 1024 * 1024
"""Some 200,000 entries: as many as log lines are kept for flows."""


class EntrySample(Struct, frozen=True, kw_only=True, rename="camel", tag_field="line", tag="entry"):
    """One entry that was seen at a poll. Names and the correlation id are masked; `correlation_id` None: it has none."""

    poll: int = -1
    stream: str
    id: str
    correlation_id: str | None = None
    fields: tuple[str, ...] = ()


class LeftOut(Struct, frozen=True, kw_only=True, rename="camel", tag_field="line", tag="left"):
    """Entries of a stream after `after`, up to `to`, that were not sampled; `entries` None: the server does not tell."""

    poll: int = -1
    stream: str
    after: str
    to: str
    entries: int | None


class Full(Struct, frozen=True, kw_only=True, rename="camel", tag_field="line", tag="full"):
    """The quota is used up: what was added from this poll on is not here."""

    poll: int


Record = EntrySample | LeftOut | Full
_LINE = msgspec.json.Decoder(Record)


class SampleJournal:
    """Appends what was sampled at a poll, in one write. Raises OSError where the disk refuses."""

    def __init__(self, path: Path, quota_bytes: int = QUOTA_BYTES) -> None:
        self._journal = Journal(path)
        self._path, self._quota_bytes = path, quota_bytes
        self.full = False

    def append(self, poll: int, records: Iterable[EntrySample | LeftOut]) -> None:
        """Write the records of one poll; they are masked already."""
        lines = [msgspec.json.encode(msgspec.structs.replace(record, poll=poll)) for record in records]
        if self.full or not lines:
            return
        size = sum(len(line) + 1 for line in lines)
        if self._path.stat().st_size + size > self._quota_bytes:
            self.full = True
            lines = [msgspec.json.encode(Full(poll=poll))]
        self._journal.append_encoded(b"\n".join(lines))

    def close(self) -> None:
        """Flush to disk and close."""
        self._journal.close()


def read_samples(path: Path) -> Iterator[tuple[int, Record]]:
    """Line number (from 1) and record of every whole line; none where there is no file. Raises JournalCorrupt."""
    for number, (offset, line) in enumerate(read(path), start=1):
        try:
            yield number, _LINE.decode(line)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise JournalCorrupt(f"{path}: byte {offset}: not a sample ({error})") from error


def cursors(path: Path) -> Mapping[str, str]:
    """How far each stream was sampled: the id after which a new attempt goes on. A damaged file tells what it can."""
    found: dict[str, str] = {}
    try:
        for _, record in read_samples(path):
            if isinstance(record, EntrySample):
                found[record.stream] = record.id
            elif isinstance(record, LeftOut):
                found[record.stream] = record.to
    except (JournalCorrupt, OSError):
        return found
    return found
