"""What a session's journals hold, as rows of the store. Each reads on from a position and says where it came to."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
from msgspec import Struct

from tools.clock import iso
from tools.findings import journal
from tools.findings.model import AgentId
from tools.sources.metrics import MetricsTail
from tools.sources.records import StreamState
from tools.sources.redis.poll_steps import PollSteps
from tools.workspace import Workspace

SAMPLES_MAX = 200_000
"""Rows of a run's streams; what moved least often is what is left out: the rest of the window, all streams alike."""
_MEGABYTE = 1 << 20
_MESSAGE_MAX = 2000
NO_LINE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What decoding raises for a line that is none of a journal."""

Row = tuple[object, ...]
Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
"""What SQLite can hold."""


class Read(NamedTuple):
    """Rows, and the position behind the last whole line that was read."""

    rows: list[Row]
    position: int
    bad: int = 0
    """Whole lines that are none of this journal."""


class _Finding(Struct, frozen=True, rename="camel"):
    finding_id: str
    fingerprint: str
    rule_id: str
    category: str
    title: str
    timestamp: str
    last_seen: str
    severity: str | None = None
    priority: str | None = None
    origin: str = "measured"
    service: str | None = None
    stream: str | None = None
    affected_services: tuple[str, ...] = ()
    affected_streams: tuple[str, ...] = ()
    consumer_group: str | None = None
    occurrences: Count = 1
    revision: Count = 1
    ended_at: str | None = None


class _Event(Struct, frozen=True, rename="camel"):
    type: str
    at: str
    agent: str = ""
    reason: str = ""
    title: str = ""
    what: str = ""
    task_id: str = ""
    question: str = ""


_FINDING, _EVENT = msgspec.json.Decoder(_Finding), msgspec.json.Decoder(_Event)
_SAID = ("reason", "title", "what", "question")


def findings(workspace: Workspace, agent: AgentId, run_id: str, position: int) -> Read:
    """Rows of `findings`: every revision, in order."""
    rows: list[Row] = []
    bad = 0
    for offset, line in journal.read(workspace.findings(agent), position):
        position = offset + len(line) + 1
        try:
            item = _FINDING.decode(line)
        except NO_LINE:
            bad += 1
            continue
        rows.append(
            (
                run_id,
                item.finding_id,
                item.fingerprint,
                agent.value,
                item.rule_id,
                item.category,
                item.severity or item.priority or "",
                item.origin,
                item.title,
                item.service or next(iter(item.affected_services), None),
                item.stream or next(iter(item.affected_streams), None),
                item.consumer_group,
                item.occurrences,
                item.revision,
                item.timestamp,
                item.last_seen,
                item.ended_at,
            )
        )
    return Read(rows, position, bad)


def metrics(workspace: Workspace, run_id: str, position: int) -> Read:
    """Rows of `agent_metrics`: services, agents, the session and its server, as `kind` tells."""
    tail = MetricsTail(workspace, position)
    rows: list[Row] = [
        (
            run_id,
            sample.name,
            sample.kind,
            sample.at,
            sample.cpu_percent,
            None if sample.rss_bytes is None else round(sample.rss_bytes / _MEGABYTE, 1),
            sample.status,
            sample.errors or 0,
            sample.findings or 0,
        )
        for sample in (line.sample for line in tail.new())
    ]
    return Read(rows, tail.position)


class Events(NamedTuple):
    """Rows of `agent_events`, `error_logs` and `tasks`."""

    events: list[Row]
    errors: list[Row]
    tasks: list[Row]
    position: int
    bad: int = 0


def events(workspace: Workspace, run_id: str, position: int) -> Events:
    """What the session did, in order; its errors and focus tasks beside."""
    found = Events([], [], [], position)
    bad = 0
    for offset, line in journal.read(workspace.events, position):
        position = offset + len(line) + 1
        try:
            event = _EVENT.decode(line)
        except NO_LINE:
            bad += 1
            continue
        said = next((text for name in _SAID if (text := getattr(event, name))), "")[:_MESSAGE_MAX]
        found.events.append(
            (run_id, event.agent, event.type, said, line.decode("utf-8", "replace"), event.at)
        )
        if event.type == "error":
            found.errors.append((run_id, event.agent, event.type, said, None, event.at))
        if event.type == "focus-task":
            found.tasks.append((run_id, event.task_id, event.agent, said, "given", event.at))
    return found._replace(position=position, bad=bad)


def samples(workspace: Workspace, run_id: str, after_poll: int) -> Read:
    """Rows of `stream_samples` from polls after one: each stream where its figures moved. Raises JournalCorrupt.

    The position is the number of the last poll, -1 for none.
    """
    rows: list[Row] = []
    known: dict[str, Row] = {}
    last = after_poll
    for step in PollSteps(workspace.polls):
        at = iso(step.poll.at_ms)
        for state in step.changed:
            figures = _figures(state)
            if known.get(state.name) == figures:
                continue
            known[state.name] = figures
            if step.poll.number > after_poll and len(rows) < SAMPLES_MAX:
                rows.append((run_id, state.name, at, *figures))
        last = max(last, step.poll.number)
    return Read(rows, last)


def _figures(state: StreamState) -> Row:
    """Length, pending entries, the largest lag (None where none is known), groups."""
    lags = [group.lag.messages for group in state.groups if group.lag is not None]
    pending = sum(group.info.pending for group in state.groups)
    return state.info.length, pending, max(lags, default=None), len(state.groups)
