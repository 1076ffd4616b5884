"""Streams as the session's polls had them: nothing is asked of the server."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from pydantic import Field

from tools.clock import iso
from tools.errors import FunctionRefused
from tools.functions.contract import (
    EVERYBODY,
    LOGS,
    SCOUT,
    STREAMS,
    TEXT_MAX,
    Desk,
    Item,
    Page,
    PagedArguments,
    ToolFunction,
)
from tools.sources.records import GroupState, Poll, StreamState
from tools.sources.redis.poll_steps import PollSteps
from tools.sources.redis.polls import read_baseline
from tools.synthesis.flows.session_files import Files

_STREAMS, _POLLS = 50, 60
_SOURCE = "streams/polls.jsonl"


class StreamsArguments(PagedArguments):
    """Which streams."""

    name: str = Field(
        default="", max_length=TEXT_MAX, description="Only streams of this name; * stands for any characters."
    )


class HistoryArguments(PagedArguments):
    """Which stream or group."""

    stream: str = Field(
        min_length=1, max_length=TEXT_MAX, description="The stream's name, as redis_streams shows it."
    )
    group: str = Field(
        default="",
        max_length=TEXT_MAX,
        description="Only this consumer group; empty: the stream and all groups.",
    )
    from_poll: int = Field(
        default=0, ge=0, description="The first poll number to show; 0: the first there is."
    )
    every: int = Field(
        default=1, ge=1, le=1000, description="Every n-th poll only: 10 gives a long window in few items."
    )


def streams(desk: Desk, arguments: StreamsArguments) -> Page:
    """The streams of the newest poll, by name."""
    poll = _newest(desk)
    found = [state for state in poll.streams if not arguments.name or fnmatchcase(state.name, arguments.name)]
    rest = [state for state in found if state.name > arguments.page]
    size = arguments.size(_STREAMS)
    items = tuple(Item(_overview(state), state.name) for state in rest[:size])
    facts = {
        "source": _SOURCE,
        "poll": poll.number,
        "at": iso(poll.at_ms),
        "whole": poll.whole,
        "streams": len(found),
    }
    return Page(items, facts, items[-1].cursor if len(rest) > size else None)


def history(desk: Desk, arguments: HistoryArguments) -> Page:
    """One stream over the polls, oldest first."""
    polls = Files(desk.workspace, running=True).polls({arguments.stream})
    first = max(arguments.from_poll, arguments.number() + 1 if arguments.page else 0)
    rows = [
        (poll, state)
        for poll in polls
        if poll.number >= first
        and poll.number % arguments.every == 0
        and (state := poll.stream(arguments.stream)) is not None
    ]
    if not any(poll.stream(arguments.stream) for poll in polls):
        raise FunctionRefused(
            f"No poll has a stream {arguments.stream!r}: redis_streams lists those there are."
        )
    size = arguments.size(_POLLS)
    items = tuple(Item(_look(poll, state, arguments.group), str(poll.number)) for poll, state in rows[:size])
    facts = {"source": _SOURCE, "stream": arguments.stream, "polls": len(polls)}
    return Page(items, facts, items[-1].cursor if len(rows) > size else None)


def _newest(desk: Desk) -> Poll:
    path = desk.workspace.polls

    def read() -> Poll | None:
        steps = PollSteps(path)
        for _ in steps:
            desk.check_time()
        return steps.whole()

    poll = desk.memory.of("newest poll", path, read) if path.exists() else None
    poll = poll or read_baseline(desk.workspace.path("streams", "baseline.json"))
    if poll is None:
        raise FunctionRefused(
            "No poll of Redis is recorded yet: call again later, or ask the server (redis_stream)."
        )
    return poll


def _overview(state: StreamState) -> dict[str, object]:
    return {
        "name": state.name,
        "database": state.database,
        "length": state.info.length,
        "lastEntryId": state.info.last_entry_id,
        "groups": [_group(group) for group in state.groups],
        "fields": [name for name, _ in state.sample[-1].fields] if state.sample else [],
    }


def _look(poll: Poll, state: StreamState, group: str) -> Mapping[str, object]:
    groups = [_group(one) for one in state.groups if not group or one.info.name == group]
    return {
        "poll": poll.number,
        "at": iso(poll.at_ms),
        "afterGap": poll.after_gap,
        "length": state.info.length,
        "lastGeneratedId": state.info.last_generated_id,
        "groups": groups,
    }


def _group(group: GroupState) -> dict[str, object]:
    lag = group.lag
    return {
        "name": group.info.name,
        "consumers": group.info.consumers,
        "pending": group.info.pending,
        "lastDeliveredId": group.info.last_delivered_id,
        "lag": None if lag is None else lag.messages,
        "lagSource": None if lag is None else lag.source,
        "oldestPending": None if not group.pending else group.pending[0].id,
        "mostDeliveries": max((entry.deliveries for entry in group.pending), default=None),
    }


FUNCTIONS: tuple[ToolFunction, ...] = (
    ToolFunction(
        "redis_streams",
        "Every stream at the session's newest poll: length, last entry, field names of the newest sampled entry, and of "
        "each group consumers, pending, lag (with its source: server, derived, counted, or bound: at least so much). "
        "Costs nothing on the server. Not told: what happened since that poll (redis_stream).",
        StreamsArguments,
        EVERYBODY,
        streams,
    ),
    ToolFunction(
        "redis_history",
        "One stream, or one of its groups, over the session's polls, oldest first: length, pending, lag, last ids. "
        "Costs nothing on the server. Polls are recorded: what it says can be quoted as evidence by poll number. Not "
        "told: what happened between two polls.",
        HistoryArguments,
        frozenset({LOGS, STREAMS, SCOUT}),
        history,
    ),
)
