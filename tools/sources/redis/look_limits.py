"""What decides how closely a look looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _default_limit(_stream: str, _group: str) -> int:
    return 100


def _default_idle_limit_ms(_stream: str, _group: str) -> int:
    return 300_000


@dataclass(frozen=True)
class LookLimits:
    """What decides how closely a look looks; times in ms. Two of them per stream and group."""

    stuck_idle_ms: int = 30_000
    time_lag_ms: int = 500
    lag_recheck_ms: int = 5_000
    gap_ms: int = 120_000
    samples: bool = True
    """Whether entries are read to sample them."""
    lag_limit: Callable[[str, str], int] = _default_limit
    idle_limit_ms: Callable[[str, str], int] = _default_idle_limit_ms
    """For how long no consumer of a group may have been seen."""
