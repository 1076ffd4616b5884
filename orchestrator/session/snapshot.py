"""The streams at one moment as text and as small data: for the supervisor, the baseline and the drift."""

from __future__ import annotations

import difflib
from itertools import chain
from typing import Any

from tools.sources.records import GroupState, Poll, StreamState
from tools.sources.redis.polls import read_costs
from tools.workspace import Workspace

_STREAMS_MAX = 100


def stream_lines(poll: Poll | None) -> list[dict[str, Any]]:
    """Length, lag and pending per stream: the 100 with the most lag, then the longest."""
    if poll is None:
        return []
    rows: list[dict[str, Any]] = [
        {
            "stream": stream.name,
            "length": stream.info.length,
            "lag": max(
                (group.lag.messages for group in stream.groups if group.lag is not None), default=None
            ),
            "pending": sum(group.info.pending for group in stream.groups),
        }
        for stream in poll.streams
    ]
    return sorted(rows, key=lambda row: (-(row["lag"] or 0), -row["length"], row["stream"]))[:_STREAMS_MAX]


def names(poll: Poll) -> str:
    """One stream a line, for `discovered_streams.txt`."""
    return "".join(f"{stream.name}\n" for stream in poll.streams)


def text(poll: Poll) -> list[str]:
    """What a difference is made of: one line a stream, a group and a consumer; no times, so that quiet is equal."""
    lines: list[str] = []
    for stream in sorted(poll.streams, key=lambda state: state.name):
        lines.append(_stream_line(stream))
        lines += [
            _group_line(stream, group) for group in sorted(stream.groups, key=lambda item: item.info.name)
        ]
    return lines


def drift(before: Poll, after: Poll) -> str:
    """The unified difference of two polls; empty where nothing changed."""
    diff = difflib.unified_diff(
        text(before), text(after), "streams/baseline.json", "streams/final_state.json", n=0, lineterm=""
    )
    return "".join(f"{line}\n" for line in diff)


def own_cost(workspace: Workspace, others: tuple[Poll, ...], window_ms: int) -> dict[str, float]:
    """What the polls cost the server: those of the journal and `others`. Raises JournalCorrupt, OSError."""
    cpu_us, trips, count = 0, 0, 0
    for cost in chain(read_costs(workspace.polls), (poll.cost for poll in others)):
        cpu_us, trips, count = cpu_us + cost.server_us, trips + cost.round_trips, count + 1
    share = cpu_us / 1000 / window_ms if window_ms > 0 else 0.0
    return {"server_cpu_ms": cpu_us / 1000, "round_trips": trips, "polls": count, "server_cpu_share": share}


def _stream_line(stream: StreamState) -> str:
    info = stream.info
    return (
        f"stream {stream.name} length={info.length} groups={len(stream.groups)} "
        f"last={info.last_generated_id} added={'?' if info.entries_added is None else info.entries_added}"
    )


def _group_line(stream: StreamState, group: GroupState) -> str:
    lag = "?" if group.lag is None else str(group.lag.messages)
    info = group.info
    return (
        f"group {stream.name} {info.name} consumers={info.consumers} pending={info.pending} "
        f"lag={lag} last={info.last_delivered_id}"
    )
