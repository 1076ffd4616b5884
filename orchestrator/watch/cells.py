"""Values of another orchestrator's rows: whatever SQLite holds, as text, number or time, and never an error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tools.clock import from_iso
from tools.masking import beginning

_CELL_CHARS_MAX = 4_000
_SECONDS_BELOW = 100_000_000_000
"""A number below it is a time in seconds, else in milliseconds."""
_LATEST_MS = 253_402_300_800_000
"""The year 10000: what is later is no time."""


def text(value: object) -> str:
    """As it stands there, cut."""
    return "" if value is None else str(value).strip()[:_CELL_CHARS_MAX]


def shown(value: object) -> str:
    """A text for people, masked before it is cut."""
    return "" if value is None else beginning(str(value).strip(), _CELL_CHARS_MAX)


def number(value: object) -> float | None:
    """None for what is no number, or no finite one."""
    try:
        found = float(value)  # type: ignore[arg-type]  # whatever SQLite holds
    except (TypeError, ValueError):
        return None
    return found if abs(found) < 1e15 else None


def whole(value: object) -> int | None:
    """Its whole part."""
    found = number(value)
    return None if found is None else int(found)


def moment(value: object) -> int | None:
    """A time in ms since the epoch, from ISO 8601, seconds or milliseconds; None for what is no time."""
    found = number(value)
    if found is not None:
        at_ms = round(found * 1000) if abs(found) < _SECONDS_BELOW else round(found)
    else:
        try:
            at_ms = from_iso(str(value))
        except (ValueError, OverflowError):
            return None
    return at_ms if 0 <= at_ms < _LATEST_MS else None


def sign(value: object) -> object:
    """What changes with a value: of a long text its length too, so that one that grows moves."""
    if isinstance(value, str) and len(value) > _CELL_CHARS_MAX:
        return [len(value), value[:_CELL_CHARS_MAX]]
    return cell(value)


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row that JSON takes: blobs by their size, long texts cut."""
    return {key: cell(value) for key, value in row.items()}


def cell(value: object) -> object:
    """What JSON takes of a value."""
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, str) and len(value) > _CELL_CHARS_MAX:
        return beginning(value, _CELL_CHARS_MAX)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def decoded(text: bytes) -> str:
    """Text of a column, whatever its bytes."""
    return text.decode("utf-8", "replace")
