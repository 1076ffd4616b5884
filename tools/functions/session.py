"""The session itself: what it could not see, what it did, its topology map, its coverage, its clusters of findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase

import msgspec
from pydantic import Field

from tools.clock import iso
from tools.errors import FunctionRefused, StreamgaugeError
from tools.findings import journal
from tools.findings.model import AgentId
from tools.functions import findings
from tools.functions.code_index import index_of, numbered
from tools.functions.contract import (
    EVERYBODY,
    SCOUT,
    TEXT_MAX,
    Arguments,
    Desk,
    Item,
    Page,
    PagedArguments,
    ToolFunction,
    bad_page,
)
from tools.sources import handed_in, session_facts
from tools.sources.gaps import newest
from tools.sources.records import CodeIndex, Gap
from tools.sources.session_facts import SessionFacts
from tools.synthesis import wiring
from tools.synthesis.clusters import clusters
from tools.synthesis.topology import Topology

_GAPS, _EVENTS, _STREAMS, _CLUSTERS = 30, 40, 25, 10


class GapsArguments(PagedArguments):
    """Which gaps."""

    blind_only: bool = Field(
        default=False, description="True: only sources that could not be looked at, not smaller limits."
    )


class EventsArguments(PagedArguments):
    """Which events."""

    type: str = Field(
        default="", max_length=60, description="Of this type, such as agent.restarted; * for any characters."
    )


class TopologyArguments(PagedArguments):
    """Which streams."""

    stream: str = Field(
        default="", max_length=TEXT_MAX, description="This stream; * for any characters; empty: all."
    )


def gaps(desk: Desk, arguments: GapsArguments) -> Page:
    """The newest record of every gap, in the order in which they were first told."""
    decoder = msgspec.json.Decoder(Gap)
    told = newest(decoder.decode(line) for _, line in journal.read(desk.workspace.gaps))
    with suppress(FunctionRefused):
        told = newest([*told, *index_of(desk).gaps])
    rows = [_gap(gap) for gap in told if gap.blind or not arguments.blind_only]
    return numbered(rows, arguments, _GAPS, {"gaps": len(rows)})


def _gap(gap: Gap) -> dict[str, object]:
    until = None if gap.until_ms is None else iso(gap.until_ms)
    return {
        "what": gap.what,
        "why": gap.why,
        "fix": gap.fix,
        "source": gap.source,
        "blind": gap.blind,
        "at": iso(gap.at_ms),
        "until": until,
        "lasts": gap.period and until is None,
    }


def events(desk: Desk, arguments: EventsArguments) -> Page:
    """Events in the order in which they were written; a mark is a byte offset in the journal."""
    size = arguments.size(_EVENTS)
    items: list[Item] = []
    for offset, line in _from(desk, arguments.number()):
        desk.check_time()
        event = msgspec.json.decode(line)
        if not isinstance(event, dict):
            continue
        kind = str(event.get("type", ""))
        if arguments.type and not fnmatchcase(kind, arguments.type):
            continue
        if len(items) == size:
            return Page(tuple(items), {"source": "events.jsonl"}, items[-1].cursor)
        items.append(Item(event, str(offset + len(line) + 1)))
    return Page(tuple(items), {"source": "events.jsonl"})


def _from(desk: Desk, start: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines from the one that begins at `start`. Raises FunctionRefused where none does."""
    path = desk.workspace.events
    if start:
        with path.open("rb") as file:
            file.seek(start - 1)
            if file.read(1) != b"\n":
                raise bad_page()
    yield from journal.read(path, start)


def topology(desk: Desk, arguments: TopologyArguments) -> Page:
    """The topology map's streams, by name."""
    path = desk.workspace.path("streams", "topology.json")
    try:
        made = desk.memory.of("topology", path, lambda: msgspec.json.decode(path.read_bytes(), type=Topology))
    except FileNotFoundError as error:
        raise FunctionRefused("There is no topology map yet: use redis_streams and code_streams.") from error
    named = [
        stream
        for stream in made.streams
        if not arguments.stream or fnmatchcase(stream.name, arguments.stream)
    ]
    rest = [stream for stream in named if stream.name > arguments.page]
    size = arguments.size(_STREAMS)
    items = tuple(Item(msgspec.to_builtins(stream), stream.name) for stream in rest[:size])
    facts = {"at": iso(made.at_ms), "poll": made.poll, "streams": len(named)}
    return Page(items, facts, items[-1].cursor if len(rest) > size else None)


def coverage(desk: Desk, arguments: Arguments) -> Mapping[str, object]:  # noqa: ARG001 - it takes none
    """What the session is and how far it sees."""
    made: dict[str, object] = {}
    with suppress(FileNotFoundError):
        facts = session_facts.read(desk.workspace)
        made["session"] = {
            "id": facts.session_id,
            "mode": facts.mode,
            "redis": facts.redis,
            "startedAt": iso(facts.started_ms),
            "deadline": iso(facts.deadline_ms),
            "endedBy": facts.ended_by,
            "secondsLeft": seconds_left(facts, desk.clock.now_ms()),
            "takesFindings": handed_in.is_open(desk.workspace, facts),
            "services": list(facts.services),
            "phases": [{"name": phase.name, "status": phase.status} for phase in facts.phases],
            "agents": [
                {"agent": run.agent, "attempts": run.attempts, "reasons": list(run.reasons)}
                for run in facts.agents
            ],
        }
    made["heartbeats"] = {agent.slug: _heartbeat(desk, agent) for agent in AgentId}
    try:
        index = index_of(desk)
        made["code"] = {
            "filesRead": index.files_read,
            "languages": dict(index.languages),
            "gaps": len(index.gaps),
        }
    except (FunctionRefused, StreamgaugeError) as error:
        made["code"] = {"missing": str(error)}
    told = newest(msgspec.json.decode(line, type=Gap) for _, line in journal.read(desk.workspace.gaps))
    made["gaps"] = {"all": len(told), "blind": [gap.what for gap in told if gap.blind][:50]}
    return made


def seconds_left(facts: SessionFacts, now_ms: int) -> int:
    """Of the window; 0 once it is over."""
    if facts.ended_by != "running":
        return 0
    return max(0, (facts.deadline_ms - now_ms) // 1000)


def _heartbeat(desk: Desk, agent: AgentId) -> Mapping[str, object] | None:
    """The last one."""
    last = None
    with suppress(OSError):
        for _, line in journal.read(desk.workspace.agent_dir(agent) / "heartbeat.jsonl"):
            last = line
    return None if last is None else msgspec.json.decode(last, type=dict)


def clustered(desk: Desk, arguments: PagedArguments) -> Page:
    """The findings so far as clusters, the weightiest first."""
    found = list(findings.read(desk))
    index: CodeIndex | None = None
    with suppress(FunctionRefused, StreamgaugeError):
        index = index_of(desk)
    made = clusters(found, wiring.build(index, found))
    rows: list[dict[str, object]] = [msgspec.to_builtins(cluster) for cluster in made]
    return numbered(rows, arguments, _CLUSTERS, {"clusters": len(rows), "findings": len(found)})


FUNCTIONS: tuple[ToolFunction, ...] = (
    ToolFunction(
        "findings_clusters",
        "Findings that tell of one trouble, as the causal rules join them: root, chain from cause to effect, blast radius. "
        "Made anew from the findings so far. Costs nothing on the audited system.",
        PagedArguments,
        frozenset({SCOUT}),
        clustered,
    ),
    ToolFunction(
        "session_gaps",
        "What this session could not see, why, and how to close it. Where something is missing in another answer, the "
        "reason is often here. Costs nothing on the audited system.",
        GapsArguments,
        EVERYBODY,
        gaps,
    ),
    ToolFunction(
        "session_events",
        "What the session did: phases, starts and restarts of agents, errors, in order. Costs nothing on the audited system.",
        EventsArguments,
        frozenset(),
        events,
    ),
    ToolFunction(
        "session_topology",
        "The topology map: of each stream producers and consumers with how that is known, rate, length, cap, groups with lag "
        "and pending, what lies downstream, status. Made every minute. Costs nothing on the audited system.",
        TopologyArguments,
        EVERYBODY,
        topology,
    ),
    ToolFunction(
        "session_coverage",
        "What the session audits and how far it sees: how much of its window is left, services, agents and their last heartbeats (lines, polls, services "
        "active and silent), indexed files, blind gaps. Costs nothing on the audited system.",
        Arguments,
        frozenset({SCOUT}),
        coverage,
    ),
)
