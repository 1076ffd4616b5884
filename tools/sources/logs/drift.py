"""How far a service's clock is ahead of ours or behind, from when its lines say they were written and when they came.

A line comes after it was written, never before: buffers, pollers and slow disks add to its delay. So the quickest lines
tell the clock, and one line with an odd time tells nothing: the 5th percentile of the delays is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

AHEAD_MIN = 20
"""Lines with a time, at least."""
BEHIND_MIN = 60
"""To call a clock behind takes more: a line may come late without it."""
_QUICKEST_SHARE = 0.05
_STEADY_SHARE = 0.3
_STEADY_MS = 1000
"""A clock that is behind delays all lines alike; a queue or a buffer does not."""


def ahead_of(samples_ms: Sequence[int]) -> int | None:
    """The clock's lead in ms (negative: behind) from the lines' own times less their arrivals; None where it cannot be told."""
    count = len(samples_ms)
    if count < AHEAD_MIN:
        return None
    ordered = sorted(samples_ms, reverse=True)
    ahead = ordered[int(count * _QUICKEST_SHARE)]
    if ahead >= 0:
        return ahead
    steady = ahead - ordered[int(count * _STEADY_SHARE)] <= _STEADY_MS
    return ahead if ahead > -_STEADY_MS or (steady and count >= BEHIND_MIN) else None
