"""How fast a figure grows, whatever single samples say: the median of the slopes between all pairs (Theil-Sen)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median

Point = tuple[int, float]
"""Time in ms, figure."""
_POINTS_MAX = 64


def slope_of(points: Sequence[Point]) -> float:
    """Growth for each ms; 0 with fewer than two times. Of more than 64 points every nth counts."""
    step = max(1, -(-len(points) // _POINTS_MAX))
    slopes = [
        (after - before) / (after_ms - before_ms)
        for (before_ms, before), (after_ms, after) in combinations(points[::step], 2)
        if after_ms > before_ms
    ]
    return median(slopes) if slopes else 0.0


def floors_of(points: Sequence[Point], parts: int) -> list[Point]:
    """The lowest point of each of `parts` equal spans of time, those that have one; points are in order of time."""
    begin_ms, end_ms = points[0][0], points[-1][0]
    lowest: dict[int, Point] = {}
    for point in points:
        part = min(parts - 1, (point[0] - begin_ms) * parts // max(1, end_ms - begin_ms))
        if part not in lowest or point[1] < lowest[part][1]:
            lowest[part] = point
    return [lowest[part] for part in sorted(lowest)]
