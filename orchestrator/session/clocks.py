"""The session's clocks: a window shorter than ten minutes scales all of them, never the poll interval."""

from __future__ import annotations

from dataclasses import dataclass

from agents.job import Window
from agents.node import Pace
from orchestrator.config.model import SessionSection

FULL_WINDOW_S = 600.0
"""The window for which specification 1 states its clocks."""
_RESTART_AFTER_S = 180.0
_CROSS_AGENT_S = 60.0
_SUPERVISE_S = 120.0
_METRICS_S = 30.0
_TICK_S = 15.0
_HEARTBEAT_MIN_S = 2.0
_LOOK_MAX_S = 15.0
"""A watcher beats between looks; the longest look that is no hang counts a lag twice, 5 s apart, on a slow server."""
_CROSS_AGENT_MIN_S = 5.0
_SUPERVISE_MIN_S = 2.0
_METRICS_MIN_S = 1.0
_TICK_MIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """All clocks of one session. Seconds, but `window`, whose moments are ms since the epoch."""

    window: Window
    pace: Pace
    supervise_s: float
    metrics_s: float


def clocks(section: SessionSection, started_ms: int) -> Clocks:
    """The clocks of a window of `section.duration` that begins at `started_ms`."""
    factor = min(1.0, section.duration / FULL_WINDOW_S)
    heartbeat_s = max(_HEARTBEAT_MIN_S, section.heartbeat * factor)
    restart_s = max(_RESTART_AFTER_S * factor, heartbeat_s + _LOOK_MAX_S)
    length_ms = round(section.duration * 1000)
    window = Window(
        started_ms=started_ms,
        deadline_ms=started_ms + length_ms,
        middle_ms=started_ms + length_ms // 2,
        poll_interval_s=section.poll_interval,
        heartbeat_s=heartbeat_s,
        restart_after_s=restart_s,
        cross_agent_s=max(_CROSS_AGENT_MIN_S, _CROSS_AGENT_S * factor),
    )
    pace = Pace(
        tick_s=max(_TICK_MIN_S, _TICK_S * factor),
        restart_after_s=restart_s,
        flush_grace_s=section.flush_grace,
        backoff_s=max(0.2, factor),
    )
    return Clocks(
        window=window,
        pace=pace,
        supervise_s=max(_SUPERVISE_MIN_S, _SUPERVISE_S * factor),
        metrics_s=max(_METRICS_MIN_S, _METRICS_S * factor),
    )
