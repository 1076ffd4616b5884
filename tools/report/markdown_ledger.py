"""The conservation ledger as a table: whether every message that came went somewhere."""

from __future__ import annotations

from tools.detectors.ledger.records import Ledger, LedgerRow, Term
from tools.report.markdown_text import code, fold, inline, table

ROWS_MAX = 50
_HEAD = (
    "stream, group",
    "waited",
    "was pending",
    "added",
    "acknowledged",
    "pending",
    "waits",
    "removed unread",
    "balance",
)


def render(ledger: Ledger | None) -> str:
    """The sub-section; "" where there is no group."""
    if ledger is None or not ledger.rows:
        return ""
    shown = ledger.rows[:ROWS_MAX]
    notes = tuple(dict.fromkeys(text for row in shown for text in row.unknown))
    more = len(ledger.rows) + ledger.left_out - len(shown)
    parts = [
        "### Conservation ledger",
        (
            "What waited and was pending when the window began, and what was added since, is acknowledged, pending, "
            "waits, or was trimmed or deleted before the group was given it. “Acknowledged” is what left the pending "
            "list. `≥ n` and `n–m` are bounds; a number behind the balance says below what cannot be known."
        ),
        fold(f"The {len(shown)} groups", table(_HEAD, [_row(row, notes) for row in shown])),
    ]
    if more:
        parts.append(f"{more} more groups are in `report.json`, the uncertain ones first.")
    if notes:
        parts.append("\n".join(f"{number}. {inline(text)}" for number, text in enumerate(notes, start=1)))
    return "\n\n".join(parts)


def _row(row: LedgerRow, notes: tuple[str, ...]) -> tuple[str, ...]:
    lost = _figure(row.removed_unread)
    return (
        f"{code(row.stream)}, {code(row.group)}",
        _figure(row.waiting_at_start),
        _figure(row.pending_at_start),
        _figure(row.added),
        _figure(row.acknowledged),
        _figure(row.pending),
        _figure(row.waiting),
        f"**{lost}**" if row.removed_unread.least else lost,
        _balance(row, notes),
    )


def _balance(row: LedgerRow, notes: tuple[str, ...]) -> str:
    marks = ", ".join(str(notes.index(text) + 1) for text in row.unknown)
    if row.off_by is not None:
        word = f"off by {-row.off_by:,}"
    elif row.exact:
        word = "exact"
    else:
        word = "within bounds"
    return f"{word} ({marks})" if marks else word


def _figure(term: Term) -> str:
    if term.most is None:
        return f"≥ {term.least:,}" if term.least else "?"
    return f"{term.least:,}" if term.exact else f"{term.least:,}–{term.most:,}"
