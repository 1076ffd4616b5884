"""Whether a source writes records: lines with a level, a time or a format of their own, and next to no bare ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tools.sources.logs.parse import Parsed
from tools.sources.records import LogLine

RECORDS_MIN = 20
RECORDS_SHARE = 0.95


class Lines(NamedTuple):
    """How many of a source's lines are records, and how many stand bare. Empty and indented lines are neither."""

    records: int = 0
    bare: int = 0

    def plus(self, other: Lines) -> Lines:
        """Both together."""
        return Lines(self.records + other.records, self.bare + other.bare)


class Written:
    """What a source wrote so far."""

    def __init__(self) -> None:
        self._known = Lines()
        self.before: Callable[[], Lines] | None = None
        """Lines before the newest one that were not counted yet; asked for where it matters."""

    def take(self, line: LogLine) -> None:
        """Count one line."""
        if is_record(line):
            self.add(Lines(records=1))
        elif not is_indented(line.text):
            self.add(Lines(bare=1))

    def add(self, lines: Lines) -> None:
        """Count lines."""
        self._known = self._known.plus(lines)

    def mostly_records(self) -> bool:
        """Whether what is bare is the exception."""
        known = self._known if self.before is None else self._known.plus(self.before())
        return known.records >= RECORDS_MIN and known.records >= RECORDS_SHARE * (known.records + known.bare)


def has_own_time(line: LogLine) -> bool:
    """Whether a line has a time that its keeper did not give it."""
    return line.event_ms is not None and not line.stamped


def own_level(line: LogLine) -> str | None:
    """The level that a line names itself."""
    return None if line.hinted else line.level


def is_indented(text: str) -> bool:
    """Whether a line is empty or begins with white space."""
    return text[:1] in {"", " ", "\t"}


def is_record(line: LogLine) -> bool:
    """Whether a line has a level, a time or a format of its own."""
    return own_level(line) is not None or has_own_time(line) or line.format != "text"


def is_parsed_record(parsed: Parsed) -> bool:
    """The same of a line that was parsed alone."""
    return parsed.level is not None or parsed.event_ms is not None or parsed.format != "text"
