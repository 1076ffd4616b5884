"""`recording/gaps.jsonl`: what could not be seen, told by every process of the session.

The journal is append-only. A gap that ends, or that turns out to be worse, is written again under its key, and
the last record of a key counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from tools.errors import JournalCorrupt
from tools.findings import journal
from tools.sources.records import Gap

Key = tuple[str, str, int]
_FINDINGS_OF = "findings of "
ENTRIES = ": entries"
"""How what a gap is about ends where the entries of a server's streams are not read."""

CLIENTS = ": clients"
"""The same where its clients cannot be listed."""
_LOGS_WHOLE = ("log source ", "log file ", "log files ", "the services' logs", "the newest log lines")
_LOGS_PART = ("lines of ", "the other pods of ", "the other containers of ", "other users' entries of ")
"""How gaps begin that are about logs which were not read, and about parts of logs."""


class GapBook:
    """What is told already, and what of a gap is new. `write` appends one record and may raise OSError."""

    def __init__(self, write: Callable[[Gap], object], told: Iterable[Gap] = ()) -> None:
        self._write = write
        self._told = {gap.key: gap for gap in told}

    def tell(self, gap: Gap) -> bool:
        """Write a gap unless its key is told and this record adds nothing; returns whether it was written."""
        known = self._told.get(gap.key)
        if known is not None and not _adds(gap, known):
            return False
        self._told[gap.key] = gap
        self._write(gap)
        return True

    def lasting(self, source: str) -> tuple[Gap, ...]:
        """The periods of a source that have not ended."""
        return tuple(gap for gap in self._told.values() if gap.source == source and lasts(gap))


def lasts(gap: Gap) -> bool:
    """Whether a gap is a period without an end."""
    return gap.period and gap.until_ms is None


def newest(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Of each gap its last record, in the order in which they were first told."""
    found: dict[Key, Gap] = {}
    for gap in gaps:
        found[gap.key] = gap
    return tuple(found.values())


def untold(rules: Iterable[str], most: int, source: str, at_ms: int) -> Gap:
    """That rules found more than the `most` that are told."""
    return Gap(
        what=f"{_FINDINGS_OF}{', '.join(rules)}",
        why=f"there are more than the {most} that are told",
        fix="repair or exclude what the first ones are about, and run again",
        source=source,
        at_ms=at_ms,
        blind=False,
    )


def untold_rules(gaps: Iterable[Gap]) -> Iterator[str]:
    """The rules that `untold` gaps are about."""
    for gap in gaps:
        if gap.what.startswith(_FINDINGS_OF):
            yield from gap.what.removeprefix(_FINDINGS_OF).split(", ")


def entries_unread(gaps: Iterable[Gap]) -> Iterator[Gap]:
    """The gaps that tell of a server whose entries are not read."""
    return (gap for gap in gaps if gap.what.endswith(ENTRIES))


def clients_unseen(gaps: Iterable[Gap]) -> bool:
    """Whether a server did not tell who its clients are."""
    return any(gap.what.endswith(CLIENTS) for gap in gaps)


def logs_unread(gaps: Iterable[Gap]) -> Iterator[str]:
    """What gaps say of logs of which not all, or nothing, was read."""
    for gap in gaps:
        if gap.what.startswith(_LOGS_PART) or (gap.blind and gap.what.startswith(_LOGS_WHOLE)):
            yield gap.what


def read(path: Path) -> tuple[Gap, ...]:
    """Every gap of a journal once; none where there is no file. Raises JournalCorrupt."""
    found: list[Gap] = []
    for offset, line in journal.read(path):
        try:
            found.append(msgspec.json.decode(line, type=Gap))
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise JournalCorrupt(f"{path}: byte {offset}: not a gap ({error})") from error
    return newest(found)


def told(path: Path) -> tuple[Gap, ...]:
    """The same for who goes on with a journal; a damaged one has told nothing. Raises nothing."""
    try:
        return read(path)
    except JournalCorrupt:
        return ()


def _adds(gap: Gap, known: Gap) -> bool:
    ended = gap.period and known.until_ms is None and gap.until_ms is not None
    return ended or (gap.blind and not known.blind)
