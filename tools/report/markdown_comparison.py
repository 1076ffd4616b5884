"""The comparison with earlier sessions as Markdown, below the figures of section 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.clock import iso
from tools.findings.model import Severity
from tools.report.markdown_places import links
from tools.report.markdown_text import code, inline, table
from tools.report.model import Dashboard
from tools.synthesis.sessions.comparison import (
    PRESENT,
    AcceptedView,
    Compared,
    SessionComparison,
    State,
    TrendPoint,
)

ROWS_MAX = 50
"""Rows of one table; `report.json` has all."""
TREND_MAX = 10
LAPSED = "accepted before, and not any more"


def figure(board: Dashboard, found: SessionComparison | None) -> str:
    """The row of the dashboard."""
    last = board.comparison
    if last is None:
        return "not compared" if found is None else inline(f"not compared: {found.why_none}")
    parts = [f"{last.new} new", f"{last.persisting} persisting"]
    parts += [f"{last.updated} updated"] if last.updated else []
    parts += [f"{last.resolved} resolved"]
    parts += [f"{last.not_observed} not observed"] if last.not_observed else []
    parts += [f"{last.flapping} flapping"] if last.flapping else []
    return f"{', '.join(parts)} (against {code(last.last_session_id)})"


def render(found: SessionComparison | None) -> str:
    """The tables of what changed, of the trend and of what is accepted; "" where there is nothing to tell."""
    if found is None:
        return ""
    parts: list[str] = []
    if found.earlier:
        parts += _against(found)
    if len(found.trend) > 1:
        parts.append(_trend(found.trend))
    if found.acceptances:
        parts.append(_acceptances(found.acceptances))
    return "\n\n".join(parts)


def _against(found: SessionComparison) -> list[str]:
    parts = [f"### Against session {code(found.earlier)}"]
    if found.notes:
        parts.append("Not like the earlier session: " + "; ".join(inline(note) for note in found.notes) + ".")
    changed = [
        row for row in found.findings if row.state is not State.PERSISTING or row.is_flapping or row.lapsed
    ]
    if changed:
        head = ("what", "finding", "level", "title", "why")
        parts.append(table(head, [_row(row, found.later) for row in changed[:ROWS_MAX]]))
        if len(changed) > ROWS_MAX:
            parts.append(f"{len(changed) - ROWS_MAX} more are in `report.json`.")
    else:
        parts.append("Nothing changed.")
    return parts


def _row(row: Compared, later: str) -> tuple[str, ...]:
    here = row.state in PRESENT and row.session_id == later
    name = links((row.finding_id,)) if here else f"{inline(row.finding_id, 20)} of {code(row.session_id)}"
    return (row.state.value, name, inline(row.level, 20), inline(row.title, 120), "; ".join(_why(row)))


def _why(row: Compared) -> Iterator[str]:
    if row.change:
        yield inline(row.change)
    if row.is_flapping:
        yield f"flapping: it came back {row.returned} time{'' if row.returned == 1 else 's'}"
    if row.accepted:
        yield f"accepted: {inline(row.accepted)}"
    if row.lapsed:
        yield LAPSED


def _trend(points: Sequence[TrendPoint]) -> str:
    levels = [level.value for level in Severity]
    rows = [
        (
            code(point.session_id),
            "?" if point.ended_ms is None else iso(point.ended_ms),
            *(str(point.by_severity.get(level, 0)) for level in levels),
            str(point.enhancements),
        )
        for point in points[-TREND_MAX:]
    ]
    return "### Trend\n\n" + table(("session", "ended", *levels, "enhancements"), rows)


def _acceptances(entries: Sequence[AcceptedView]) -> str:
    # What has to be looked at first: entries that do nothing any more.
    order = ("worse", "expired", "unused", "not looked for", "in force")
    shown = sorted(entries, key=lambda entry: (order.index(entry.state), not entry.now))
    rows = [
        (_entry_state(entry), code(entry.fingerprint), inline(entry.reason), entry.expires, code(entry.place))
        for entry in shown[:ROWS_MAX]
    ]
    more = f"\n\n{len(shown) - ROWS_MAX} more are in `report.json`." if len(shown) > ROWS_MAX else ""
    return (
        "### Accepted findings\n\n" + table(("entry", "fingerprint", "reason", "until", "place"), rows) + more
    )


def _entry_state(entry: AcceptedView) -> str:
    if entry.level:
        level = inline(entry.level, 20)
        return f'worse: its finding is {level} now, which nobody accepted; level = "{level}" does'
    if not entry.now:
        return entry.state
    do = ", write that" if entry.state == "in force" else ""
    return f"{entry.state}: its finding is {code(entry.now)} now{do}"
