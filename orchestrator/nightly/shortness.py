"""Whether a session was suspiciously short: a night that ends at once mostly looked at nothing."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from orchestrator.config.model import Mode
from tools.quantities import format_duration
from tools.sources.session_facts import SessionFacts
from tools.synthesis.sessions.record import SessionRecord

_EARLIER_MIN, EARLIER_MAX = 3, 7
"""Fewer say little of what is usual; older ones are of another system."""
_LESS_S = 10.0
"""What a static one must have been shorter by: a few seconds are how busy the machine is."""


def why_short(facts: SessionFacts, earlier: Sequence[SessionRecord], duration_s: float, share: float) -> str:
    """What was short about it, "" where nothing was. `share` of the usual length is enough, 0 switches it off.

    The window is held against `duration_s`, what it was meant to last. A static session has none: it is held against
    complete ones like it, the newest first, of which there must be three, and must be shorter by some seconds.
    """
    if share <= 0:
        return ""
    if facts.mode != Mode.STATIC:
        window_s = _window_s(facts)
        if window_s >= share * duration_s:
            return ""
        return f"its window lasted {_told(window_s)} of {_told(duration_s)}"
    before = [length for record in earlier if (length := length_s(record)) is not None][:EARLIER_MAX]
    took_s = ((facts.ended_ms or facts.started_ms) - facts.started_ms) / 1000
    if len(before) < _EARLIER_MIN:
        return ""
    usual_s = median(before)
    if took_s >= share * usual_s or usual_s - took_s < _LESS_S:
        return ""
    return f"it took {_told(took_s)}, and the {len(before)} before it {_told(usual_s)} (median)"


def _window_s(facts: SessionFacts) -> float:
    """How long it looked; 0 where the window never opened."""
    window = next((phase for phase in facts.phases if phase.name == "observe"), None)
    if window is None or window.ended_ms is None:
        return 0.0
    return (window.ended_ms - window.started_ms) / 1000


def length_s(record: SessionRecord) -> float | None:
    """How long a complete session took, s; None for any other."""
    if record.incomplete or record.ended_ms is None:
        return None
    return (record.ended_ms - record.started_ms) / 1000


def _told(seconds: float) -> str:
    return format_duration(round(seconds)) if seconds >= 1 else f"{seconds:.1f}s"
