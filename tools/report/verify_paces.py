"""Are the paces of a report true: what a stream got and a group was given is counted again from the two polls that it names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Literal

import msgspec
from msgspec import Struct

from tools.errors import StreamgaugeError
from tools.report.streams_model import GroupPace
from tools.sources.records import StreamState
from tools.sources.redis.poll_steps import PollSteps
from tools.workspace import Workspace

REPORT = "report.json"


class _Group(Struct, rename="camel"):
    name: str
    pace: GroupPace | None = None


class _Row(Struct, rename="camel"):
    stream: str
    groups: tuple[_Group, ...] = ()


class _Report(Struct, rename="camel"):
    streams: tuple[_Row, ...] = ()


class Outcome(Struct, frozen=True):
    """Of one pace: what its polls say of it, and in words where they do not say the same."""

    kind: Literal["proven", "gone", "false"]
    reason: str = ""


class _Seen(Struct):
    """A stream at a poll, and when that was."""

    at_ms: int
    state: StreamState


def outcomes(workspace: Workspace) -> Iterator[Outcome]:
    """One for each pace that the report tells; none where there is no report. Raises nothing for damaged files."""
    told = _told(workspace)
    if not told:
        return
    seen: Mapping[tuple[int, str], Sequence[_Seen]] = {}
    reason = "is not in the journal any more"
    try:
        seen = _seen(workspace, told)
    except (StreamgaugeError, OSError) as error:
        reason = f"cannot be read: {error}"
    for stream, group, pace in told:
        before, after = (seen.get((poll, stream), ()) for poll in (pace.from_poll, pace.to_poll))
        what = f"the pace of {group} on {stream}"
        if not before or not after:
            yield Outcome("gone", f"{what}: poll {pace.to_poll if before else pace.from_poll} {reason}")
        elif any(_is_true(pace, *pair, group) for pair in product(before, after)):
            yield Outcome("proven")
        else:
            yield Outcome("false", f"{what} is not what polls {pace.from_poll} and {pace.to_poll} say")


def _told(workspace: Workspace) -> list[tuple[str, str, GroupPace]]:
    try:
        report = msgspec.json.decode(workspace.path(REPORT).read_bytes(), type=_Report)
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return []
    return [
        (row.stream, group.name, group.pace)
        for row in report.streams
        for group in row.groups
        if group.pace is not None
    ]


def _seen(
    workspace: Workspace, told: list[tuple[str, str, GroupPace]]
) -> Mapping[tuple[int, str], Sequence[_Seen]]:
    """Streams at polls; a poll after which a session was killed is made again under its number."""
    wanted: dict[int, set[str]] = {}
    for stream, _, pace in told:
        for poll in (pace.from_poll, pace.to_poll):
            wanted.setdefault(poll, set()).add(stream)
    found: dict[tuple[int, str], list[_Seen]] = defaultdict(list)
    steps = PollSteps(workspace.polls)
    for step in steps:
        for stream in wanted.get(step.poll.number, ()):
            state = steps.exact(stream)
            if state is not None:
                found[step.poll.number, stream].append(_Seen(step.poll.at_ms, state))
    return found


def _is_true(pace: GroupPace, before: _Seen, after: _Seen, group: str) -> bool:
    old, new = before.state.group(group), after.state.group(group)
    count, count_before = after.state.info.entries_added, before.state.info.entries_added
    if old is None or new is None or old.lag is None or new.lag is None:
        return False
    if count is None or count_before is None:
        return False
    added, span_ms = count - count_before, after.at_ms - before.at_ms
    given = added + old.lag.messages - new.lag.messages
    if (pace.added, pace.given, pace.span_ms) != (added, given, span_ms) or span_ms <= 0:
        return False
    a_minute = round(added * 60_000 / span_ms, 1), round(given * 60_000 / span_ms, 1)
    return (pace.added_per_minute, pace.given_per_minute) == a_minute
