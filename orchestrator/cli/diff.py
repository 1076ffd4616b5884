"""`diff`: two sessions compared, as a table or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from orchestrator.archive.restoring import opened
from orchestrator.cli.session_place import archive_of
from orchestrator.cli.terminal_text import clean
from orchestrator.config.model import OutputSection
from orchestrator.session.earlier import store_of
from tools.clock import SystemClock, iso
from tools.errors import UsageError
from tools.findings.model import Severity
from tools.synthesis.sessions import store
from tools.synthesis.sessions.comparison import Compared, SessionComparison, State, compare
from tools.synthesis.sessions.record import SessionRecord
from tools.synthesis.sessions.store import SessionStore

_TITLE_WIDTH = 90
_NEVER = "never"


def compared(earlier: str, later: str, workspace: Path, state_db: Path) -> SessionComparison:
    """The later session against the earlier. Raises UsageError where either is none."""
    kept = store_of(OutputSection(state_db=state_db.absolute()).state_folder)
    now_ms = SystemClock().now_ms()
    try:
        then, now = (record_of(name, kept, workspace, now_ms) for name in (earlier, later))
    except (OSError, RecursionError) as error:
        # A name that is too long for any file, or a file that is nested too deeply.
        reason = getattr(error, "strerror", None) or "nested too deeply"
        raise UsageError(f"A session cannot be read ({reason}). Name a workspace or an id.") from error
    return compare(then, now)


def record_of(name: str, kept: SessionStore, workspace: Path, now_ms: int) -> SessionRecord:
    """The session that a user names, archived ones too. Raises UsageError, ArchiveRefused."""
    archived = None if kept.find(name) is not None else archive_of(workspace, name)
    if archived is None:
        return store.load(name, kept, workspace, now_ms)
    with opened(archived) as folder:
        return store.load(str(folder), kept, workspace, now_ms)


def level(fail_on: str) -> Severity | None:
    """The severity that is meant; None for never. Raises UsageError."""
    name = fail_on.removeprefix("new:")
    if name == _NEVER:
        return None
    try:
        return Severity(name.upper())
    except ValueError as error:
        names = ", ".join(item.value.lower() for item in Severity)
        raise UsageError(f"There is no severity {clean(fail_on)!r}. Use one of {names}, {_NEVER}.") from error


def has_news(found: SessionComparison, at: Severity | None) -> bool:
    """Whether a measured finding of this severity or a worse one is new, or worse than before.

    Priorities of enhancements are none.
    """
    severities = {severity.value: severity.rank for severity in Severity}
    return at is not None and any(
        row.is_news and severities.get(row.level, len(severities)) <= at.rank for row in found.findings
    )


def as_json(found: SessionComparison) -> str:
    """The comparison as one JSON text; what is not ASCII is escaped, so that no terminal acts on it."""
    return json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=True) + "\n"


def table(found: SessionComparison, *, everything: bool = False) -> str:
    """For people; what persists is counted, and listed with `everything` or where it comes and goes."""
    return "".join(f"{line}\n" for line in _lines(found, everything=everything))


def _lines(found: SessionComparison, *, everything: bool) -> Iterator[str]:
    ended = "" if found.earlier_ended_ms is None else f" of {iso(found.earlier_ended_ms)}"
    yield f"{clean(found.later)} against {clean(found.earlier)}{ended}"
    for note in found.notes:
        yield f"note       {clean(note)}"
    yield ", ".join(f"{count} {state}" for state, count in found.counts.items())
    for row in found.findings:
        if everything or row.state is not State.PERSISTING or row.is_flapping:
            yield _line(row)
            for text in _why(row):
                yield f"{'':<13}{clean(text)}"


def _line(row: Compared) -> str:
    # A record may be another's file: nothing in it is known to be an id or a level.
    name, level, category = clean(row.finding_id, 20), clean(row.level, 20), clean(row.category, 40)
    return f"{row.state:<12} {name:<8} {level:<11} {category:<22} {clean(row.title, _TITLE_WIDTH)}"


def _why(row: Compared) -> Iterator[str]:
    if row.change:
        yield row.change
    if row.is_flapping:
        yield f"flapping: it came back {row.returned} time{'' if row.returned == 1 else 's'}"
    if row.accepted:
        yield f"accepted: {row.accepted}"
