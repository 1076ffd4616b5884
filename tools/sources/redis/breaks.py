"""What makes growth between two polls mean nothing: another server, a server that began anew, a pause, a set clock."""

from __future__ import annotations

from msgspec import Struct

from tools.sources.records import Poll, ServerState

_CLOCK_SLACK_MS = 5_000
"""Wall and steady clock of one machine that are further apart between two polls: the wall clock was set."""


class Break(Struct, frozen=True):
    """Why the newest poll begins anew. `blind`: polls that should have been made in between were not made."""

    why: str
    fix: str
    blind: bool = False


def between(
    previous: Poll, state: ServerState, now_ms: int, elapsed_ms: int | None, gap_ms: int
) -> Break | None:
    """The break between a poll and the server now; None where the two can be compared.

    `elapsed_ms` is the time between them by a clock that nobody sets, None where another process made the first.
    """
    return _other_server(previous.server, state) or _pause(previous, now_ms, elapsed_ms, gap_ms)


def _other_server(known: ServerState, state: ServerState) -> Break | None:
    if known.role != state.role:
        return Break(
            f"the role of the server at this address changed from {known.role} to {state.role}: a failover",
            "Find what made the failover necessary, and point redis.url at the primary.",
        )
    if known.run_id != state.run_id or (not state.run_id and _younger(known, state)):
        return Break(
            "another server process answers than before: it was restarted or replaced",
            "Find what restarted the server (its log, the kernel's for the OOM killer, a deployment).",
        )
    return None


def _younger(known: ServerState, state: ServerState) -> bool:
    """For a server that hides its run id. The age follows the wall clock of its machine, so it decides nothing else."""
    return known.uptime_s is not None and state.uptime_s is not None and state.uptime_s < known.uptime_s


def _pause(previous: Poll, now_ms: int, elapsed_ms: int | None, gap_ms: int) -> Break | None:
    by_wall = now_ms - previous.at_ms
    steady = by_wall if elapsed_ms is None else elapsed_ms
    if abs(by_wall - steady) > max(_CLOCK_SLACK_MS, steady // 100) or by_wall < 0:
        return _set_clock(by_wall - steady, blind=by_wall > gap_ms)
    if by_wall <= gap_ms:
        return None
    return Break(
        f"no poll was made for {round(steady / 1000)} s: streamgauge itself was held up",
        "Give the machine that runs streamgauge more room, or keep it from sleeping.",
        blind=True,
    )


def _set_clock(by_ms: int, *, blind: bool) -> Break:
    seconds = round(abs(by_ms) / 1000)
    why = (
        f"the clock of this machine was set forward by {seconds} s, or the machine slept"
        if by_ms > 0
        else "the clock of this machine was set back"
    )
    return Break(why, "Let a time service slew the clock instead of setting it.", blind)
