"""Log lines and sampled entries, read once: which message belongs to which stream and to which correlation id.

A message id is unique within its stream only, so a message is (stream, id); the stream is "" where nothing tells it.
A line's message is of the stream that the line names; else of the one stream that is known to hold such an id and
that the line's service may be at; of two such streams that whose entry carries the line's correlation id; else of none
that is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec import structs

from tools.sources.entry_samples import FILE, EntrySample
from tools.sources.records import LogLine
from tools.synthesis.flows.lines import Sighting, sighting
from tools.synthesis.flows.model import FLOWS_MAX, STEPS_MAX, Step
from tools.synthesis.wiring import Wiring

_Key = TypeVar("_Key")
Message = tuple[str, str]
"""Stream ("" = not known) and id."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A sampled entry and its line in the journal."""

    line: int
    entry: EntrySample

    @property
    def source(self) -> str:
        """Where it can be read again."""
        return f"{FILE}:{self.line}"


@dataclass(slots=True)
class Trail:
    """The steps of one id; `full` where some were left out, so that nothing can be said to be missing."""

    steps: list[Step] = field(default_factory=list)
    full: bool = False

    def add(self, step: Step, steps_max: int) -> None:
        """Keep a step, up to `steps_max` of them."""
        if len(self.steps) < steps_max:
            self.steps.append(step)
        else:
            self.full = True


@dataclass(slots=True)
class Collected:
    """Everything that lines and samples tell, by id."""

    correlations: dict[str, Trail] = field(default_factory=dict)
    messages: dict[Message, Trail] = field(default_factory=dict)
    owned: dict[str, dict[Message, None]] = field(default_factory=dict)
    """Correlation id → its messages."""
    samples: dict[Message, Sampled] = field(default_factory=dict)
    streams_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Message id → the streams that are known to hold it."""
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept."""

    flows: int = FLOWS_MAX
    steps: int = STEPS_MAX


@dataclass(frozen=True, slots=True)
class Streams:
    """What is known of streams: the `names` that a line may name, and the entries that pending lists `held`, by id."""

    names: Iterable[str] = ()
    held: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def collect(
    lines: Iterable[LogLine],
    samples: Iterable[Sampled],
    streams: Streams,
    wiring: Wiring,
    bounds: Bounds | None = None,
) -> Collected:
    """Read everything once. Memory is bounded by `bounds` and by what is handed in."""
    found, limits = Collected(), bounds or Bounds()
    _take_samples(found, samples)
    for entry_id, at in streams.held.items():
        for stream in at:
            _hold(found, (stream, entry_id))
    names = {*streams.names, *(stream for stream, _ in found.samples)}
    for line in lines:
        _take_line(found, sighting(line, names), wiring, limits)
    for message, sampled in found.samples.items():
        correlation = sampled.entry.correlation_id
        if correlation is not None:
            _own(found, correlation, message, limits)
    return found


def _take_samples(found: Collected, samples: Iterable[Sampled]) -> None:
    for sampled in samples:
        message = sampled.entry.stream, sampled.entry.id
        if message not in found.samples:  # a new attempt samples the newest entries once more
            found.samples[message] = sampled
            _hold(found, message)


def _hold(found: Collected, message: Message) -> None:
    stream, entry_id = message
    known = found.streams_of.get(entry_id, ())
    if stream not in known:
        found.streams_of[entry_id] = (*known, stream)


def _take_line(found: Collected, seen: Sighting, wiring: Wiring, bounds: Bounds) -> None:
    messages = [(_stream_of(found, entry_id, seen, wiring), entry_id) for entry_id in seen.ids]
    steps = [
        structs.replace(seen.step, message_id=entry_id, stream=stream or None)
        for stream, entry_id in messages
    ]
    for message, step in zip(messages, steps, strict=True):
        found.left_out += _add(found.messages, message, step, bounds)
    if seen.correlation_id is not None:
        step = steps[0] if steps else structs.replace(seen.step, stream=seen.stream)
        found.left_out += _add(found.correlations, seen.correlation_id, step, bounds)
        for message in messages:
            _own(found, seen.correlation_id, message, bounds)


def _stream_of(found: Collected, entry_id: str, seen: Sighting, wiring: Wiring) -> str:
    if seen.stream is not None:
        return seen.stream
    known = found.streams_of.get(entry_id, ())
    fitting = [stream for stream in known if may_be_of(seen.step, stream, wiring)]
    if len(fitting) > 1 and seen.correlation_id is not None:
        samples = {stream: found.samples.get((stream, entry_id)) for stream in fitting}
        fitting = [
            stream
            for stream, sampled in samples.items()
            if sampled is not None and sampled.entry.correlation_id == seen.correlation_id
        ]
    return fitting[0] if len(fitting) == 1 else ""


def may_be_of(step: Step, stream: str, wiring: Wiring) -> bool:
    """Whether a line may speak of an entry of this stream. Where nothing tells who writes or reads it, any may."""
    producers, consumers = wiring.producers.get(stream, ()), wiring.consumers.get(stream, ())
    if step.action == "published":
        return not producers or step.service in producers
    if not consumers or step.service in consumers:
        return True
    return step.action != "consumed" and step.service in producers


def _own(found: Collected, correlation: str, message: Message, bounds: Bounds) -> None:
    if correlation not in found.owned and len(found.owned) >= bounds.flows:
        return
    owned = found.owned.setdefault(correlation, {})
    if len(owned) < bounds.steps:
        owned[message] = None
    elif correlation in found.correlations:
        found.correlations[correlation].full = True


def _add(trails: dict[_Key, Trail], key: _Key, step: Step, bounds: Bounds) -> int:
    if key not in trails and len(trails) >= bounds.flows:
        return 1
    trails.setdefault(key, Trail()).add(step, bounds.steps)
    return 0
