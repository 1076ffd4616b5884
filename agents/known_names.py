"""Names that a claim may speak of: services, streams, groups and files that the session, its code or its quotes know.

A model that invents a service may quote a true line beside it. What is known is asked for from the cheapest to the
dearest: measured findings and the session's own story, the index, the polls. A name counts in each form in which it is
written (`name_forms.py`), and is handed on as the session has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeVar
from unicodedata import normalize

import msgspec
from msgspec import Struct

from agents import name_forms
from agents.investigation.answer import OwnFinding
from agents.name_forms import ACROSS, NOT_SAID, SEVERAL, Kind
from tools.errors import StreamgaugeError
from tools.findings import journal
from tools.findings.model import AgentId, ConfigFinding, Enhancement, Finding, all_streams_of, services_of
from tools.findings.rule import Quote
from tools.sources import session_facts
from tools.sources.code.index import read_index
from tools.sources.records import CodeIndex, FactKind
from tools.workspace import OWN_LOGS, Workspace

NAMES_MAX = 5000
"""Of those that exist, with which one that does not is compared."""
NAMED_MAX = 40
"""Files that one finding may name; each of them is looked up."""
_NEAR_MAX = 3
_SERVERS = ("redis", "valkey")
_SHOWN_CHARS = 60
_WORK_FOLDERS = ("/app", "/usr/src/app", "/src", "/code", "/srv", "/opt/app", "/workspace", "/home/node/app")
"""Where images of services have their files, as a rule."""

Names = Mapping[Kind, frozenset[str]]


class NotKnown(Exception):
    """A name that nothing knows. In: the kind, the name."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a finding names, as the session has it. `is_across`: services, but not which."""

    services: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    is_across: bool = False

    @property
    def service(self) -> str:
        """The one service; `cross-service` for several, "" for none."""
        if self.is_across or len(self.services) > 1:
            return ACROSS
        return self.services[0] if self.services else ""


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

    def named(self, said: OwnFinding, quotes: Iterable[Quote]) -> tuple[Named, list[str]]:
        """What a finding names, and a sentence for each name that nothing knows."""
        if len(said.files) > NAMED_MAX:
            return Named(), [f"it names {len(said.files)} files; name {NAMED_MAX} at most"]
        proven, unknown = tuple(quotes), list[str]()

        def found(kind: Kind, *names: str) -> tuple[str, ...]:
            known: list[str] = []
            for name in names:
                try:
                    known += self._meant(kind, name, proven)
                except NotKnown:
                    near = "" if len(unknown) >= _NEAR_MAX else self._near(kind, name)
                    also = f"; there is {near}" if near else ""
                    unknown.append(f"nothing knows a {kind} {name[:_SHOWN_CHARS]!r}{also}")
            return tuple(dict.fromkeys(known))

        services = found(Kind.SERVICE, said.service)
        named = Named(
            services=tuple(name for name in services if name != ACROSS),
            streams=found(Kind.STREAM, said.stream),
            groups=found(Kind.GROUP, said.consumer_group),
            files=found(Kind.FILE, *said.files),
            is_across=ACROSS in services,
        )
        return named, unknown

    def _meant(self, kind: Kind, name: str, quotes: tuple[Quote, ...]) -> list[str]:
        """The names that one text means, as they are known. Raises NotKnown."""
        written = name_forms.forms(name)
        for form in written:
            known = self._known(kind, form)
            if known is None and name_forms.stands_in(kind, form, quotes):
                known = form
            if known is not None:
                return [known]
        plain = written[0].casefold()
        if plain in NOT_SAID:
            return []
        if kind is Kind.SERVICE and plain in SEVERAL:
            return [ACROSS]
        parts = name_forms.parts(kind, name)
        if not parts:
            raise NotKnown(kind, name)
        return [one for part in parts for one in self._meant(kind, part, quotes)]

    def _known(self, kind: Kind, name: str) -> str | None:
        if kind is Kind.FILE:
            return self._file(name)
        if not name:
            return None
        for known in self._all():
            found = name_forms.meant(kind, name, known[kind])
            if found is not None:
                return found
        is_folder = kind is Kind.SERVICE and _is_below(self.project_root, name, folders_only=True)
        return name if is_folder else None

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
        services = {self.project_root.name, *_SERVERS, *_observed(self.workspace)}
        streams, groups, files = set[str](), set[str](), set[str]()
        for finding in self.findings:
            services.update(services_of(finding))
            streams.update(all_streams_of(finding))
            groups.add(getattr(finding, "consumer_group", None) or "")
            if isinstance(finding, ConfigFinding | Enhancement):
                files.update(name_forms.path_of(name)[0] for name in finding.affected_files)
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

    def _file(self, name: str) -> str | None:
        """A path of the project or the session, from its root: as it was said, absolute, or as a container has it."""
        plain, line = name_forms.path_of(name)
        for path, end in {name: "", plain: line, normalize("NFC", plain): line}.items():
            found = self._path(path)
            if found is not None:
                return f"{found}{end}"
        return None

    def _path(self, path: str) -> str | None:
        # Of a path elsewhere (`/app/orders/main.py`) the end tells, if it is more than a name that many files have.
        parts = PurePosixPath(path).parts
        ends = ("/".join(parts[at:]) for at in range(1, len(parts) - 1))
        within = tuple(_in_container(path))
        for one in (path, *within, path.removeprefix(f"{self.project_root.name}/"), *ends):
            found = self._place(one)
            if found is not None:
                return found
        known = [one for names in self._all() for one in names[Kind.FILE]]
        return path if any(name_forms.file_fits(one, known) for one in (path, *within)) else None

    def _place(self, name: str) -> str | None:
        """A path from the root below which it is; a log or a journal of the session by its name alone too."""
        for root in (self.project_root, self.workspace.root):
            if _is_below(root, name):
                with suppress(ValueError):
                    return Path(root / name).relative_to(root).as_posix()
                return name
        within = (folder for folder in ("logs", "streams") if "/" not in name)
        return next(
            (f"{folder}/{name}" for folder in within if _is_below(self.workspace.path(folder), name)), None
        )


def _in_container(path: str) -> Iterator[str]:
    """A path as it is from the folder in which a container works."""
    yield from (path.removeprefix(f"{folder}/") for folder in _WORK_FOLDERS if path.startswith(f"{folder}/"))


def _is_below(root: Path, name: str, *, folders_only: bool = False) -> bool:
    """Whether there is a file or folder of that name; an absolute one must lead below the root all the same."""
    if not name.strip("./") or "\0" in name or ".." in name.split("/"):
        return False
    try:
        path = (root / name).resolve()
        return path.is_relative_to(root.resolve()) and (path.is_dir() if folders_only else path.exists())
    except (OSError, RuntimeError, ValueError):
        return False


def _observed(workspace: Workspace) -> Iterator[str]:
    """Services that the session was told of, watched, or read lines of."""
    with suppress(OSError, msgspec.MsgspecError):
        yield from session_facts.read(workspace).services
    with suppress(OSError):
        stems = (path.stem for path in workspace.path("logs").glob("*.log"))
        yield from (stem for stem in stems if stem not in OWN_LOGS)
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
