"""Names that a claim may speak of: services, streams, groups and files that the session, its code or its quotes know.

A model that invents a service may quote a true line beside it. What is known is asked for from the cheapest to the
dearest: measured findings and the session's own story, the index, the polls. A name counts in each form in which it is
shown: masked and escaped, as a list, as a pattern for several, with a database, a container's or a unit's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeVar

import msgspec
from msgspec import Struct

from agents.investigation.answer import OwnFinding
from tools.errors import StreamgaugeError
from tools.findings import journal
from tools.findings.model import AgentId, ConfigFinding, Enhancement, Finding, all_streams_of, services_of
from tools.findings.rule import Quote
from tools.masking import mask
from tools.sources import session_facts
from tools.sources.code.index import read_index
from tools.sources.records import CodeIndex, FactKind, plain_name
from tools.synthesis.wiring import UNNAMED, StreamNames
from tools.workspace import Workspace

NAMES_MAX = 5000
"""Of those that exist, with which one that does not is compared."""
_NEAR_MAX = 3
_SHOWN_CHARS = 60
_NOBODY = frozenset({"", "unknown", "cross-service", "redis", "valkey"})
"""None at all, several without a name, and the server itself."""
_AND = re.compile(r"\s*[,;&]\s*|\s+and\s+")
_OPEN = re.compile(r"\{[^{}]*\}|<[^<>]*>")
_AT_LINE = re.compile(r":\d+(?:[-:]\d+)?$")
_POD = "[bcdfghjklmnpqrstvwxz2-9]"
"""What Kubernetes makes its random endings of (k8s.io/apimachinery, util/rand): no word is one."""
_RUN_AS = re.compile(
    rf"\.service$|[-_ ]service$|:\d+$|(?:-{_POD}{{8,10}})?-{_POD}{{5}}$|(?P<container>[-_]\d+$)"
)
"""What a unit, a name with its port, a pod and a container of compose have behind the service."""


class Kind(StrEnum):
    """What a name is of."""

    SERVICE = "service"
    STREAM = "stream"
    GROUP = "consumer group"
    FILE = "file"


Names = Mapping[Kind, frozenset[str]]


class _Named(Struct):
    name: str


class _Group(Struct):
    info: _Named


class _State(Struct):
    name: str
    groups: tuple[_Group, ...] = ()


class _PollLine(Struct):
    state: _State | None = None


class _Heartbeat(Struct, rename="camel"):
    services_active: tuple[str, ...] = ()
    services_silent: tuple[str, ...] = ()


class _Measured(Struct):
    name: str
    kind: str = ""


@dataclass
class KnownNames:
    """What one session knows. `findings` are those whose names count; slow where a name is not known at once."""

    workspace: Workspace
    project_root: Path
    findings: tuple[Finding, ...]
    _tiers: list[Names] = field(default_factory=list, init=False)

    def unknown(self, said: OwnFinding, quotes: Iterable[Quote]) -> Iterator[str]:
        """A sentence for each name of a finding that nothing knows."""
        proven = tuple(quotes)
        named = [
            (Kind.SERVICE, said.service),
            (Kind.STREAM, said.stream),
            (Kind.GROUP, said.consumer_group),
            *((Kind.FILE, name) for name in said.files),
        ]
        for kind, name in named:
            if name.strip() and not self._knows(kind, name, proven):
                near = self._near(kind, name)
                yield f"nothing knows a {kind} {name[:_SHOWN_CHARS]!r}{f'; there is {near}' if near else ''}"

    def _knows(self, kind: Kind, name: str, quotes: tuple[Quote, ...]) -> bool:
        fits = self._file_is_there if kind is Kind.FILE else lambda one: self._listed(kind, one)
        if any(fits(form) or _stands_in(form, quotes) for form in _forms(name)):
            return True
        parts = [part for part in _AND.split(name) if part.strip()]
        return len(parts) > 1 and all(self._knows(kind, part, quotes) for part in parts)

    def _listed(self, kind: Kind, name: str) -> bool:
        if kind is Kind.SERVICE and (name.casefold() in _NOBODY or _is_below(self.project_root, name)):
            return True
        return any(_fits(kind, name, known[kind]) for known in self._all())

    def _near(self, kind: Kind, name: str) -> str:
        """Those that are like it, or the first of those that there are."""
        names = sorted(frozenset().union(*(known[kind] for known in self._all())))[:NAMES_MAX]
        folded = {one.casefold(): one for one in names}
        near = get_close_matches(name.casefold()[:_SHOWN_CHARS], folded, _NEAR_MAX)
        shown = [folded[one] for one in near] or names[:_NEAR_MAX]
        return ", ".join(f"{one[:_SHOWN_CHARS]!r}" for one in shown)

    # --- What there is ---------------------------------------------------------------------------------

    def _all(self) -> Iterator[Names]:
        """What is known, the cheapest first; each is read once, and only if it is asked for."""
        sources: tuple[Callable[[], Names], ...] = (self._told, self._indexed, self._polled)
        for number, source in enumerate(sources):
            if number == len(self._tiers):
                self._tiers.append(source())
            yield self._tiers[number]

    def _told(self) -> Names:
        services = {self.project_root.name, *_observed(self.workspace)}
        streams, groups, files = set[str](), set[str](), set[str]()
        for finding in self.findings:
            services.update(services_of(finding))
            streams.update(all_streams_of(finding))
            groups.add(getattr(finding, "consumer_group", None) or "")
            if isinstance(finding, ConfigFinding | Enhancement):
                files.update(finding.affected_files)
        return _names(services, streams, groups, files)

    def _indexed(self) -> Names:
        index = self._index
        if index is None:
            return _names()
        services, streams = {*index.services, *index.libraries}, set[str]()
        groups, files = set[str](), set(index.unread)
        for use in index.uses:
            services.add(use.service or "")
            streams.add((use.stream and use.stream.value) or "")
            groups.add((use.group and use.group.value) or "")
            files.add(use.path)
        of_kind = {FactKind.SERVICE: services, FactKind.STREAM: streams, FactKind.GROUP: groups}
        for fact in index.facts:
            services.add(fact.service or "")
            files.add(fact.path)
            of_kind.get(fact.kind, set()).add(fact.name)
        files.update(schema.path for schema in index.schemas)
        return _names(services, streams, groups, files)

    @cached_property
    def _index(self) -> CodeIndex | None:
        """None while there is none, and where it is damaged."""
        with suppress(StreamgaugeError, OSError):
            return read_index(self.workspace.code_index)
        return None

    def _polled(self) -> Names:
        streams, groups = set[str](), set[str]()
        for line in _lines(self.workspace.polls, _PollLine):
            if line.state is not None:
                streams.add(line.state.name)
                groups.update(group.info.name for group in line.state.groups)
        return _names((), streams, groups)

    # --- Files -----------------------------------------------------------------------------------------

    def _file_is_there(self, name: str) -> bool:
        """Whether a path is one of the project's or the session's, from its root, absolute, or as a container has it."""
        path = _AT_LINE.sub("", name)
        if self._is_place(path):
            return True
        # Of a path elsewhere (`/app/orders/main.py`) the end tells, if it is more than a name that many files have.
        parts = PurePosixPath(path).parts
        if any(self._is_place("/".join(parts[at:])) for at in range(1, len(parts) - 1)):
            return True
        ends = f"*/{path}"
        known = (one for names in self._all() for one in names[Kind.FILE])
        return any(fnmatchcase(one, path) or fnmatchcase(one, ends) for one in known)

    def _is_place(self, name: str) -> bool:
        return _is_below(self.project_root, name) or _is_below(self.workspace.root, name)


def _is_below(root: Path, name: str) -> bool:
    """Whether there is a file or folder of that name; an absolute one must lead below the root all the same."""
    if not name.strip("./") or "\0" in name or ".." in name.split("/"):
        return False
    try:
        path = (root / name).resolve()
        return path.is_relative_to(root.resolve()) and path.exists()
    except (OSError, RuntimeError, ValueError):
        return False


def _observed(workspace: Workspace) -> Iterator[str]:
    """Services that the session was told of, watched, or read lines of."""
    with suppress(OSError, msgspec.MsgspecError):
        yield from session_facts.read(workspace).services
    with suppress(OSError):
        yield from (path.stem for path in workspace.path("logs").glob("*.log"))
    yield from (
        line.name for line in _lines(workspace.metrics, _Measured) if line.kind in {"service", "redis"}
    )
    for beat in _lines(workspace.agent_dir(AgentId.LOG_WATCHER) / "heartbeat.jsonl", _Heartbeat):
        yield from (*beat.services_active, *beat.services_silent)


_Line = TypeVar("_Line", bound=Struct)


def _lines(path: Path, kind: type[_Line]) -> Iterator[_Line]:
    """The lines of a journal that are of this kind; a damaged one ends it."""
    decoder = msgspec.json.Decoder(kind)
    with suppress(StreamgaugeError, OSError):
        for _, line in journal.read(path):
            with suppress(msgspec.MsgspecError):
                yield decoder.decode(line)


def _names(
    services: Iterable[str] = (),
    streams: Iterable[str] = (),
    groups: Iterable[str] = (),
    files: Iterable[str] = (),
) -> Names:
    given = {Kind.SERVICE: services, Kind.STREAM: streams, Kind.GROUP: groups, Kind.FILE: files}
    return {kind: frozenset(names) - {""} for kind, names in given.items()}


def _forms(name: str) -> Iterator[str]:
    """A name as it was said, without marks around it, with escapes as they are shown, and masked."""
    plain = name.strip().strip("`'\"").strip()
    yield from dict.fromkeys((plain, plain.replace("\\\\", "\\"), mask(plain)))


def _fits(kind: Kind, name: str, known: frozenset[str]) -> bool:
    if name in known:
        return True
    if kind is Kind.SERVICE:
        return _is_run_as(name.casefold(), {one.casefold() for one in known})
    pattern = _OPEN.sub("*", name).replace("[", "[[]")
    if "*" in pattern and pattern.strip("*"):
        return any(fnmatchcase(one, pattern) for one in known)
    if kind is Kind.STREAM and any(plain_name(one) == name for one in known):
        return True
    alone = StreamNames({name})
    return any(UNNAMED in one and name in alone.matching(one) for one in known)


def _is_run_as(name: str, services: set[str]) -> bool:
    """Whether a name is a service's, or that of what runs it."""
    end = _RUN_AS.search(name)
    if name in services or end is None:
        return name in services
    begin = name[: end.start()]
    if end["container"] and any(begin.endswith((f"-{one}", f"_{one}")) for one in services):
        return True  # the project's name stands before it
    return begin in services


def _stands_in(name: str, quotes: tuple[Quote, ...]) -> bool:
    """Whether a quote, which the gate has found, holds it as a whole name."""
    return bool(name) and any(
        _is_whole(text, name, at)
        for quote in quotes
        for text in (quote.text, quote.source)
        for at in _places(text, name)
    )


def _places(text: str, name: str) -> Iterator[int]:
    at = text.find(name)
    while at >= 0:
        yield at
        at = text.find(name, at + 1)


def _is_whole(text: str, name: str, at: int) -> bool:
    """A word of `orders-api` and a part of `orders:placed` are none; a host with its port and a folder are."""
    before, after = text[max(0, at - 1) : at], text[at + len(name) : at + len(name) + 2]
    goes_on = after[:1].isalnum() or (after[:1] in set("-_.") and after[1:].isalnum())
    goes_on = goes_on or (after[:1] == ":" and after[1:].isalpha())
    return not (goes_on or before.isalnum() or before in set("-_.:"))
