"""A notification in words: few lines, masked, without anything that a terminal or a chat would act on."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from orchestrator.alerts.episodes import Episode
from orchestrator.alerts.rules import Kind
from orchestrator.alerts.state import Notification
from orchestrator.cli.terminal_text import clean
from tools.clock import iso
from tools.findings.model import Severity
from tools.masking import mask

ITEMS_MAX = 5
"""Specification 4; the rest is counted."""
_TITLE_CHARS, _LINE_CHARS = 150, 300
_NOTES_MAX = 3


class Level(StrEnum):
    """How a message is marked, by a word and never by a colour alone."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    SUCCESS = "SUCCESS"


_LEVELS = {
    Severity.CRITICAL: Level.CRITICAL,
    Severity.HIGH: Level.WARNING,
    Severity.MEDIUM: Level.WARNING,
    Severity.LOW: Level.INFO,
    Severity.INFO: Level.INFO,
}


class Message(Struct, frozen=True, kw_only=True):
    """What a channel sends. Every text is one line, masked and cut. `over` says that nothing fires any more.

    `id` is the same however often it is tried, `dedup_key` that of all messages of one group. `escalated` is whether
    something got worse. `severity` is the worst, in our words.
    """

    id: str
    dedup_key: str
    level: Level
    severity: Severity
    title: str
    lines: tuple[str, ...] = ()
    more: int = 0
    labels: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    report: str = ""
    over: bool = False
    escalated: bool = False

    @property
    def text(self) -> str:
        """All of it as plain text, a line each."""
        return "\n".join((f"{self.level}: {self.title}", *self.body))

    @property
    def body(self) -> tuple[str, ...]:
        """What stands below the title."""
        rest = (f"and {self.more} more",) if self.more else ()
        where = (f"report: {self.report}",) if self.report else ()
        return (*self.lines, *rest, *self.notes, *where)


def message_of(item: Notification) -> Message:
    """The message of a notification."""
    if item.waiting:
        return Message(
            id=item.id,
            dedup_key=item.dedup_key,
            level=Level.WARNING,
            severity=item.severity,
            title=f"{item.waiting} groups of alerts wait: the budget of this hour is used up",
        )
    told: list[tuple[Kind | None, Episode]] = [(one.kind, one.episode) for one in item.items]
    told = told or [(None, one) for one in item.lasting]
    episodes = [episode for _, episode in told]
    notes = [*item.notes[:_NOTES_MAX]]
    if item.items and item.lasting:
        notes.append(f"{len(item.lasting)} others of this group last")
    if item.next_ms is not None:
        notes.append(f"while it lasts, next told at {iso(item.next_ms)[:16]}Z")
    return Message(
        id=item.id,
        dedup_key=item.dedup_key,
        level=Level.SUCCESS if item.over else _LEVELS[item.severity],
        severity=item.severity,
        title=_title(item, episodes),
        lines=tuple(_line(kind, episode) for kind, episode in told[:ITEMS_MAX]),
        more=max(0, len(told) - ITEMS_MAX),
        labels=tuple((name, flat(value, _TITLE_CHARS)) for name, value in item.values if value),
        notes=tuple(flat(note, _LINE_CHARS) for note in notes),
        report=flat(next((one.report for one in episodes if one.report), ""), _LINE_CHARS),
        over=item.over,
        escalated=any(one.kind is Kind.ESCALATED for one in item.items),
    )


def _title(item: Notification, episodes: list[Episode]) -> str:
    first = flat(episodes[0].title, _TITLE_CHARS) if episodes else "nothing"
    rest = f" and {len(episodes) - 1} more" if len(episodes) > 1 else ""
    if item.over:
        return f"over: {first}{rest}"
    return f"still: {first}{rest}" if item.reminder else f"{first}{rest}"


def _line(kind: Kind | None, episode: Episode) -> str:
    labels = episode.labels
    where = ", ".join(part for part in (labels.service, labels.stream) if part)
    begun = (
        f"since {iso(episode.started_ms)[:16]}Z"
        if not episode.momentary
        else f"at {iso(episode.started_ms)[:16]}Z"
    )
    state = f"{kind}, " if kind is not None else ""
    at = f" [{where}]" if where else ""
    return flat(f"{labels.severity} {episode.title}{at} ({state}{begun})", _LINE_CHARS)


def flat(text: str, width: int = _LINE_CHARS) -> str:
    """A text as one line of a message: masked, cut, nothing that a terminal or a mail's header acts on."""
    return clean(mask(text), width)
