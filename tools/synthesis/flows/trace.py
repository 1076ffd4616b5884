"""One id's timeline from a session's files: the recording of log lines, the polls and the samples. Nothing is asked.

Only what names the id is decoded, so that a trace is quick in a long session too. An id is a correlation id, a
message id, or a message id with its stream (`stream:id`). A running session is read as far as it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec
import re2
from msgspec import Struct, structs

from tools.sources.entry_samples import EntrySample, Full, LeftOut, Record
from tools.sources.records import LogLine
from tools.sources.redis.polls import encoded_streams
from tools.sources.session_facts import SessionFacts
from tools.synthesis import wiring
from tools.synthesis.flows.collect import Bounds, Collected, Message, Sampled, Streams, Trail, collect
from tools.synthesis.flows.judge import Blind, Judge, blind_times
from tools.synthesis.flows.lines import sighting
from tools.synthesis.flows.model import Flow
from tools.synthesis.flows.reconstruct import correlation_flow, message_flow
from tools.synthesis.flows.server import ServerStory
from tools.synthesis.flows.session_files import LINES_MAX, POLLS, Files, message_ids
from tools.synthesis.flows.story import tell
from tools.synthesis.health import pause_of
from tools.workspace import Workspace

SCHEMA_VERSION = 1
STEPS_MAX = 2_000
HINTS_MAX = 5
_HINT_PREFIX_MIN = 3
_KNOWN_IDS_MAX = 500_000
_MESSAGE_ID = re2.compile(r"\d{1,20}-\d{1,20}")


class Trace(Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything a session knows of one id.

    A message id that several streams hold gives a flow for each. Flags are judged as in the report. `not_seen` says what was left out of the sources, or could not be read.
    """

    schema_version: int = SCHEMA_VERSION
    session_id: str
    running: bool
    id: str
    kind: Literal["correlation", "message"]
    flows: tuple[Flow, ...]
    correlation_ids: tuple[str, ...] = ()
    """Of a message: the correlation ids that lines and samples name with it."""
    not_seen: tuple[str, ...] = ()


class Unknown(Struct, frozen=True):
    """No source of the session names the id; `hints` are known ones that begin alike, `not_seen` as of a `Trace`."""

    session_id: str
    hints: tuple[str, ...]
    not_seen: tuple[str, ...] = ()


def trace(workspace: Workspace, wanted: str) -> Trace | Unknown:
    """The timeline of an id. Raises nothing for damaged files: what they hold is missing, and said to be."""
    files = Files(workspace)
    facts = files.facts()
    files.running = running = facts is not None and facts.ended_by == "running"
    stream, entry_id = _split(wanted)
    found = _gather(files, wanted, entry_id)
    names, streams = _names_and_streams(files, found)
    polls = files.polls(streams)
    known = wiring.build(files.index(), (), names)
    session_id = facts.session_id if facts is not None else _session_id(workspace)
    end_ms = (facts.ended_ms if facts is not None else None) or (polls[-1].at_ms if polls else 0)
    story = ServerStory(polls, end_ms, pause_of(polls), files.judgement())
    known_streams = Streams(names, story.held)
    collected = collect(found.lines, found.samples, known_streams, known, Bounds(steps=STEPS_MAX))
    acking = files.ackers(_silent_takers(found.lines))
    judge = Judge(story, known, acking, end_ms, _blind(files, facts, found.lines, known))
    base = Trace(session_id=session_id, running=running, id=wanted, kind="message", flows=())
    if wanted in collected.correlations or wanted in collected.owned:
        flow = _correlation(wanted, collected, judge)
        base = structs.replace(base, kind="correlation", flows=(flow,))
    elif entry_id is not None:
        flows = [_message(message, collected, judge) for message in _messages(collected, stream, entry_id)]
        base = structs.replace(
            base,
            flows=tuple(flow for flow in flows if flow.steps),
            correlation_ids=_correlations_of(collected, flows),
        )
    if not base.flows:
        hints = _hints(files, wanted)
        return Unknown(session_id, hints, tuple(_not_seen(files, found, ())))
    return structs.replace(base, not_seen=tuple(_not_seen(files, found, base.flows)))


def _split(wanted: str) -> tuple[str | None, str | None]:
    """Stream and message id of `stream:id` or `id`; (None, None) for what can be a correlation id only."""
    stream, _, entry_id = wanted.rpartition(":")
    if not _MESSAGE_ID.fullmatch(entry_id):
        return None, None
    return stream or None, entry_id


@dataclass
class _Found:
    lines: list[LogLine]
    samples: list[Sampled]
    left: list[LeftOut]
    full: bool
    ids: set[str]
    """The message ids that are looked for."""


def _gather(files: Files, wanted: str, entry_id: str | None) -> _Found:
    """Lines and samples of the id, and of the messages that it owns."""
    needles = {wanted} if entry_id is None else {wanted, entry_id}
    lines = files.lines(needles)
    ids = {entry_id} if entry_id is not None else set()
    records = files.samples(lambda record: _names(record, wanted, ids))
    owned = ids | {record.id for _, record in records if isinstance(record, EntrySample)}
    for line in lines:
        if line.correlation_id == wanted:
            owned.update(message_ids(line.text))
    if owned - ids:
        more = files.lines(owned)
        known = {(line.source, line.line, line.byte_offset, line.arrived_ms) for line in lines}
        lines += [
            line for line in more if (line.source, line.line, line.byte_offset, line.arrived_ms) not in known
        ]
        records = files.samples(lambda record: _names(record, wanted, owned))
    samples = [Sampled(number, record) for number, record in records if isinstance(record, EntrySample)]
    left = [record for _, record in records if isinstance(record, LeftOut)]
    return _Found(lines, samples, left, any(isinstance(record, Full) for _, record in records), owned)


def _names_and_streams(files: Files, found: _Found) -> tuple[list[str], set[str]]:
    """Every stream's name; and those that hold one of the messages, by a sample, a line or a pending list."""
    needles = [b'"id":' + msgspec.json.encode(entry_id) for entry_id in found.ids]
    names: set[bytes] = set()
    holding: set[bytes] = set()
    known: set[str] = set()

    def search() -> None:
        for name, line in encoded_streams(files.workspace.polls):
            if name not in names:
                names.add(name)
                known.add(_decoded(name))
            if name not in holding and any(needle in line for needle in needles):
                holding.add(name)

    files.read(POLLS, search, None)
    streams = {_decoded(name) for name in holding}
    streams |= {sampled.entry.stream for sampled in found.samples}
    streams |= {name for line in found.lines if (name := sighting(line, known).stream) is not None}
    return sorted(known), streams


def _decoded(name: bytes) -> str:
    return msgspec.json.decode(b'"' + name + b'"', type=str)


def _names(record: Record, correlation: str, ids: set[str]) -> bool:
    if isinstance(record, EntrySample):
        return record.correlation_id == correlation or record.id in ids
    return True


def _messages(collected: Collected, stream: str | None, entry_id: str) -> list[Message]:
    """The messages of that id: one for each stream that holds it, and the lines that nothing tells a stream of."""
    streams = [
        *collected.streams_of.get(entry_id, ()),
        *(name for name, key in collected.messages if key == entry_id),
    ]
    named = dict.fromkeys(streams)
    return [(name, entry_id) for name in named if stream is None or name == stream]


def _message(message: Message, collected: Collected, judge: Judge) -> Flow:
    told = tell(message, collected, judge.story, judge.wiring)
    flags, pending_in = judge.message(told)
    return message_flow(told, tuple(flags), pending_in, STEPS_MAX)


def _correlation(key: str, collected: Collected, judge: Judge) -> Flow:
    messages = collected.owned.get(key, {})
    stories = {message: tell(message, collected, judge.story, judge.wiring) for message in messages}
    return correlation_flow(key, collected.correlations.get(key, Trail()), stories, judge, STEPS_MAX)


def _silent_takers(lines: Iterable[LogLine]) -> set[str]:
    """Services whose lines here tell that they took something, but of no ack."""
    steps = [sighting(line, ()).step for line in lines]
    acked = {step.service for step in steps if step.action == "acked"}
    return {step.service for step in steps if step.action == "consumed" and step.service} - acked


def _blind(
    files: Files, facts: SessionFacts | None, lines: Iterable[LogLine], known: wiring.Wiring
) -> tuple[Blind, ...]:
    services = {*known.services, *(line.service for line in lines)}
    if facts is None:
        return blind_times(files.gaps(), (), services)
    return blind_times(files.gaps(), facts.dead_times, services | set(facts.services))


def _correlations_of(collected: Collected, flows: Iterable[Flow]) -> tuple[str, ...]:
    messages = {(flow.stream or "", flow.key) for flow in flows}
    return tuple(key for key, owned in collected.owned.items() if messages & owned.keys())


def _not_seen(files: Files, found: _Found, flows: Iterable[Flow]) -> Iterator[str]:
    streams = {step.stream for flow in flows for step in flow.steps if step.stream}
    counts: dict[str, int] = {}
    for left in found.left:
        if left.stream in streams:
            counts[left.stream] = counts.get(left.stream, 0) + (left.entries or 1)
    for stream, count in counts.items():
        yield f"at least {count} entries of {stream} were not sampled; what they carry is not known"
    if found.full:
        yield "the quota of samples was used up before the window ended"
    if len(found.lines) >= LINES_MAX:
        yield f"more than {LINES_MAX} log lines name these ids; the first are shown"
    yield from files.unread


def _hints(files: Files, wanted: str) -> tuple[str, ...]:
    """Known ids that share the longest beginning with one that is not known."""
    prefix = wanted[:_HINT_PREFIX_MIN]
    known: dict[str, None] = {}
    for name in _known_ids(files, prefix):
        known[name] = None
        if len(known) >= _KNOWN_IDS_MAX:
            break
    alike = sorted(known, key=lambda name: (-_common(name, wanted), name))
    return tuple(name for name in alike if _common(name, wanted) >= min(_HINT_PREFIX_MIN, len(wanted)))[
        :HINTS_MAX
    ]


def _known_ids(files: Files, prefix: str) -> Iterator[str]:
    for _, record in files.samples(lambda record: isinstance(record, EntrySample)):
        assert isinstance(record, EntrySample)
        if record.correlation_id is not None:
            yield record.correlation_id
        yield record.id
        yield f"{record.stream}:{record.id}"
    for line in files.lines([prefix], whole=False):
        if line.correlation_id is not None:
            yield line.correlation_id
        yield from message_ids(line.text)


def _common(name: str, wanted: str) -> int:
    count = 0
    for one, other in zip(name, wanted, strict=False):
        if one != other:
            break
        count += 1
    return count


def _session_id(workspace: Workspace) -> str:
    try:
        return workspace.session_id_file.read_text(encoding="utf-8").strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"
