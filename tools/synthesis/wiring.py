"""Who writes and who reads which stream, from the code; where the code does not say, from what was seen and from names.

A name with parts known only at run time (`orders:{}`) counts for every known stream that fits it: a part that is a
word of its own is anything, one beside letters (`jobs{}`) a number. A template without a word fits none (`{}s`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

import re2

from tools.findings.model import Finding, StreamFinding, all_streams_of, services_of, stream_shown
from tools.sources.records import CodeIndex, CodeKind, CodeUse, FactKind, plain_name

UNNAMED = "{}"
"""Stands in a resolved name for a part that only the running system knows."""
_READS = (CodeKind.XREADGROUP, CodeKind.XREAD)
_BOUNDARY = "-_.:/"
_PARTS = re2.compile(r"([-_.:/|#@ ])")
_WORD_MIN = 2
"""Letters of a template's fixed word; `db:{}` names its streams, `{}s` does not."""


By = Literal["code", "seen", "name", "unknown"]
"""Where a relation is known from: the code; log lines that name the stream's messages; a group's name; nowhere."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Services that were seen to write and to read a stream, by stream, each sorted."""

    producers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    consumers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Beyond:
    """What lies downstream of a stream: the first names of each kind, sorted, and how many there are."""

    services: tuple[str, ...]
    streams: tuple[str, ...]
    services_count: int
    streams_count: int


@dataclass(frozen=True, slots=True)
class Wiring:
    """The topology as plain maps from name to names, each sorted."""

    producers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Stream → services that add to it."""
    consumers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Stream → services that read it."""
    owners: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """(stream, group) → services that read it with this group."""
    services: tuple[str, ...] = ()
    listeners: Mapping[str, str] = field(default_factory=dict)
    """Port → the one service whose code listens on it."""
    plain_readers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Stream → services whose code reads it without a group (XREAD), whatever else they do."""
    plain_unnamed: bool = False
    """Whether code reads some stream without a group of which it does not say which."""
    producers_seen: frozenset[str] = frozenset()
    """Streams whose producers no code names: they were seen at work."""
    consumers_seen: frozenset[str] = frozenset()
    holders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Message id → streams of which a finding names an entry with this id."""
    _written: Mapping[str, tuple[str, ...]] = field(init=False, default_factory=dict)
    _touched: Mapping[str, frozenset[str]] = field(init=False, default_factory=dict)
    _groups: Mapping[tuple[str, str], tuple[str, ...]] = field(init=False, default_factory=dict)
    _next: Mapping[str, frozenset[str]] = field(init=False, default_factory=dict)
    """Service → services that read what it writes."""
    _named: dict[str, tuple[str, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_written", _inverse(self.producers))
        read = _inverse(self.consumers)
        touched = {
            name: frozenset((*read.get(name, ()), *self._written.get(name, ())))
            for name in {*read, *self._written}
        }
        object.__setattr__(self, "_touched", touched)
        reached = {
            service: frozenset(reader for stream in written for reader in self.consumers.get(stream, ()))
            for service, written in self._written.items()
        }
        object.__setattr__(self, "_next", reached)
        groups: dict[tuple[str, str], tuple[str, ...]] = {}
        for (stream, group), services in self.owners.items():
            for service in services:
                groups[service, stream] = (*groups.get((service, stream), ()), group)
        object.__setattr__(self, "_groups", groups)

    def owners_of(self, stream: str, group: str | None) -> tuple[str, ...]:
        """The services behind a group: from code, else by the group's name; without a group all readers."""
        if group is None:
            return self.consumers.get(stream, ())
        return self.owners.get((stream, group)) or self.named_after(group)

    def readers_of(self, finding: StreamFinding) -> tuple[str, ...]:
        """The services behind the group of a finding; of one about a family those of every member that it lists."""
        found = (self.owners_of(name, finding.consumer_group) for name in all_streams_of(finding))
        return tuple(dict.fromkeys(chain.from_iterable(found)))

    def groups_alone(self, stream: str) -> bool:
        """Whether the code names all readers of a stream, each with a group, and none by plain XREAD."""
        readers = self.consumers.get(stream, ())
        named = bool(readers) and self.consumers_by(stream) == "code"
        return (
            named and stream not in self.plain_readers and all(self.groups_of(it, stream) for it in readers)
        )

    def producers_by(self, stream: str) -> By:
        """Where the producers of a stream are known from."""
        if not self.producers.get(stream):
            return "unknown"
        return "seen" if stream in self.producers_seen else "code"

    def consumers_by(self, stream: str) -> By:
        """Where the consumers of a stream are known from."""
        if not self.consumers.get(stream):
            return "unknown"
        return "seen" if stream in self.consumers_seen else "code"

    def owners_by(self, stream: str, group: str) -> By:
        """Where the services behind a group are known from."""
        if self.owners.get((stream, group)):
            return "code"
        return "name" if self.named_after(group) else "unknown"

    def named_after(self, name: str) -> tuple[str, ...]:
        """The service whose name begins `name` (`billing` for `billing-workers`); the longest one."""
        if name not in self._named:
            fitting = [service for service in self.services if _begins(name, service)]
            self._named[name] = (max(fitting, key=lambda one: (len(one), one)),) if fitting else ()
        return self._named[name]

    def groups_of(self, service: str, stream: str) -> tuple[str, ...]:
        """The groups with which a service reads a stream, by its code."""
        return self._groups.get((service, stream), ())

    def written_by(self, service: str) -> tuple[str, ...]:
        """Streams that a service adds to."""
        return self._written.get(service, ())

    def holders_of(self, message_id: str, service: str) -> tuple[str, ...]:
        """The streams whose entry a service may mean by an id: of those it reads or writes, where any is known."""
        holders = self.holders.get(message_id, ())
        near = self._touched.get(service)
        return holders if near is None else tuple(name for name in holders if name in near)

    def downstream(
        self, services: Iterable[str], streams: Iterable[str]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Services and streams that messages reach from here, the starting ones included; both sorted."""
        found_streams = set(streams)
        found = set(services).union(*(self.consumers.get(name, ()) for name in found_streams))
        waiting = deque(found)
        while waiting:
            fresh = self._next.get(waiting.popleft(), frozenset()) - found
            found |= fresh
            waiting.extend(fresh)
        found_streams.update(*(self.written_by(name) for name in found))
        return tuple(sorted(found)), tuple(sorted(found_streams))

    def distances(self, services: Iterable[str]) -> dict[str, int]:
        """The services that messages reach from these, nearest first, with over how many streams they come there."""
        found = dict.fromkeys(sorted(services), 0)
        waiting = deque(found)
        while waiting:
            name = waiting.popleft()
            for other in sorted(self._next.get(name, frozenset()) - found.keys()):
                found[other] = found[name] + 1
                waiting.append(other)
        return found

    def beyond(self, streams: Iterable[str], names_max: int) -> Mapping[str, Beyond]:
        """For each stream what its messages reach: `downstream` from it, it left out. Linear in the streams."""
        known: dict[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]] = {}
        found = {}
        for stream in streams:
            readers = self.consumers.get(stream, ())
            if readers not in known:  # streams with the same readers reach the same
                services, reached = self.downstream(readers, ())
                known[readers] = services, reached, frozenset(reached)
            services, reached, all_reached = known[readers]
            named = [name for name in reached[: names_max + 1] if name != stream]
            found[stream] = Beyond(
                services=services[:names_max],
                streams=tuple(named[:names_max]),
                services_count=len(services),
                streams_count=len(reached) - (stream in all_reached),
            )
        return found


def build(
    index: CodeIndex | None,
    findings: Iterable[Finding],
    streams: Iterable[str] = (),
    seen: Seen | None = None,
) -> Wiring:
    """The wiring from the code index; `findings` and `streams` name what else is known to exist.

    What was `seen` counts only for streams of which the code says nothing.
    """
    known_services: set[str] = set() if index is None else set(index.services)
    known_streams = set(streams)
    holders: dict[str, set[str]] = {}
    for finding in findings:
        known_services.update(services_of(finding))
        if isinstance(finding, StreamFinding):
            known_streams.update(all_streams_of(finding))
            for name in finding.message_ids:
                holders.setdefault(name, set()).add(stream_shown(finding))
    names = StreamNames(known_streams)
    producers: dict[str, set[str]] = {}
    consumers: dict[str, set[str]] = {}
    owners: dict[tuple[str, str], set[str]] = {}
    plain: dict[str, set[str]] = {}
    unnamed = False
    for use in index.uses if index is not None else ():
        if use.service is None or use.stream is None or use.stream.value is None:
            unnamed = unnamed or use.kind is CodeKind.XREAD
            continue
        matching = names.matching(use.stream.value)
        unnamed = unnamed or (use.kind is CodeKind.XREAD and not matching)
        for stream in matching:
            if use.kind is CodeKind.XADD:
                producers.setdefault(stream, set()).add(use.service)
            elif use.kind in _READS:
                consumers.setdefault(stream, set()).add(use.service)
                if use.kind is CodeKind.XREAD:
                    plain.setdefault(stream, set()).add(use.service)
                for group in _group_of(use):
                    owners.setdefault((stream, group), set()).add(use.service)
    live = seen or Seen()
    silent_producers = {name: set(found) for name, found in live.producers.items() if name not in producers}
    silent_consumers = {name: set(found) for name, found in live.consumers.items() if name not in consumers}
    producers |= silent_producers
    consumers |= silent_consumers
    return Wiring(
        producers_seen=frozenset(silent_producers),
        consumers_seen=frozenset(silent_consumers),
        producers={name: tuple(sorted(found)) for name, found in sorted(producers.items())},
        consumers={name: tuple(sorted(found)) for name, found in sorted(consumers.items())},
        owners={name: tuple(sorted(found)) for name, found in sorted(owners.items())},
        holders={name: tuple(sorted(found)) for name, found in holders.items()},
        services=tuple(sorted(known_services)),
        listeners=_listeners(index),
        plain_readers={name: tuple(sorted(found)) for name, found in sorted(plain.items())},
        plain_unnamed=unnamed,
    )


def _listeners(index: CodeIndex | None) -> dict[str, str]:
    """Ports on which several services listen, each in its own container, tell nothing."""
    found: dict[str, set[str]] = {}
    for fact in index.facts if index is not None else ():
        if fact.kind is FactKind.LISTENS and fact.name and fact.service:
            found.setdefault(fact.name, set()).add(fact.service)
    return {port: next(iter(services)) for port, services in sorted(found.items()) if len(services) == 1}


def _group_of(use: CodeUse) -> Iterator[str]:
    if use.group is not None and use.group.value is not None and UNNAMED not in use.group.value:
        yield use.group.value


class StreamNames:
    """Known stream names; a template is compared with all of them once."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = sorted(known)
        self._elsewhere: dict[str, list[str]] = {}
        """Streams of other databases by their plain name."""
        for name in self._known:
            if plain_name(name) != name:
                self._elsewhere.setdefault(plain_name(name), []).append(name)
        self._matched: dict[str, tuple[str, ...]] = {}

    def matching(self, name: str) -> tuple[str, ...]:
        """The streams that a name in code means; itself where none is known, () for a template that tells nothing."""
        if UNNAMED not in name:
            return (name, *self._elsewhere.get(name, ()))
        if name not in self._matched:
            pattern = re2.compile("".join(map(_part, _PARTS.split(name))))
            fitting = tuple(stream for stream in self._known if pattern.fullmatch(plain_name(stream)))
            self._matched[name] = (fitting or (name,)) if _is_telling(name) else ()
        return self._matched[name]


def _part(part: str) -> str:
    """The pattern for a word of a template: an unknown part alone is anything, beside letters it is a number."""
    if part and not part.replace(UNNAMED, ""):
        return ".+"
    return r"\d+".join(re2.escape(piece) for piece in part.split(UNNAMED))


def _is_telling(name: str) -> bool:
    """Whether a template has a word: all streams may end in `s`."""
    return any(len(part.replace(UNNAMED, "").strip(_BOUNDARY)) >= _WORD_MIN for part in _PARTS.split(name))


def _begins(name: str, service: str) -> bool:
    rest = name.removeprefix(service)
    return bool(service) and name.startswith(service) and (not rest or rest[0] in _BOUNDARY)


def _inverse(names: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    inverse: dict[str, list[str]] = {}
    for name, others in names.items():
        for other in others:
            inverse.setdefault(other, []).append(name)
    return {name: tuple(sorted(others)) for name, others in inverse.items()}
