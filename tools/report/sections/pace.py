"""A group's pace in words: what its stream gets and what it is given, whether that drains, and by which polls."""

from __future__ import annotations

from tools.quantities import format_duration
from tools.report.streams_model import GroupPace
from tools.synthesis.pace import Pace

STILL = 0.5
"""Messages a minute by which a lag does not move."""
_HOUR = 60
_WHOLE = 10
"""Figures from here on are told as whole ones."""


def told(group: str, pace: Pace, loss: str | None) -> GroupPace:
    """The pace as the report has it. `loss` says when trimming reaches what is unread, where it does."""
    added, given = pace.added_a_minute, pace.given_a_minute
    lasted = format_duration(max(1, round(pace.span_ms / 1000)))
    idle = f"; nothing since poll {pace.idle_since}" if pace.given and pace.idle_since is not None else ""
    says = (
        f"{_figure(added)} a minute are added and {group} is given {_figure(given) if pace.given else 'nothing'}: "
        f"{_trend(pace, loss)} (over {lasted}, polls {pace.from_poll} to {pace.to_poll}{idle})"
    )
    return GroupPace(
        added_per_minute=round(added, 1),
        given_per_minute=round(given, 1),
        added=pace.added,
        given=pace.given,
        from_poll=pace.from_poll,
        to_poll=pace.to_poll,
        span_ms=pace.span_ms,
        gist=_gist(pace, loss),
        says=says,
    )


def _gist(pace: Pace, loss: str | None) -> str:
    added, given = (_figure(figure) for figure in (pace.added_a_minute, pace.given_a_minute))
    leads = _trend(pace, loss).partition(";")[0] if loss is None else f"at this rate {loss}"
    return f"{added} a minute are added and it is given {given if pace.given else 'nothing'}, {leads}"


def _trend(pace: Pace, loss: str | None) -> str:
    """Where this leads."""
    grows = pace.added_a_minute - pace.given_a_minute
    if grows >= STILL:
        shown = round(pace.added_a_minute) - round(pace.given_a_minute)  # as the two figures above it
        much = f"its lag grows by {_figure(shown if shown >= _WHOLE else grows)} a minute"
        leads = loss or f"about {_rounded(pace.lag + _HOUR * grows):,} wait in an hour"
        faster = pace.added / pace.given if pace.given and pace.idle_since is None else None
        needed = "" if faster is None else f", and it must be {faster:.1f} times as fast only to keep up"
        return f"{much}; at this rate {leads}{needed}"
    if grows <= -STILL:
        return f"it drains in about {max(1, round(pace.lag / -grows))} min at this rate"
    return "its lag stands still"


def _rounded(amount: float) -> int:
    """To three figures: more is not known of what is to come."""
    size: int = 10 ** max(0, len(f"{amount:.0f}") - 3)
    return round(amount / size) * size


def _figure(amount: float) -> str:
    """`672`, or `0.4` where little comes."""
    return f"{amount:,.0f}" if amount >= _WHOLE else f"{amount:.1f}".removesuffix(".0")
