"""What the services print: masked as it comes in, told apart by service, kept in `logs/`.

`startup.log` holds every line as it came; `<service>.log` those of one service without their prefix.
It learns names and readiness from the lines, and judges nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import re2

from orchestrator.keeper.contract import KeeperFiles
from orchestrator.keeper.outputs import Output
from orchestrator.keeper.spool import SpoolLine
from tools.masking import LineMasker, mask
from tools.sources.logs.prefix import Demultiplexer, without_ansi
from tools.workspace import Workspace

_READY = re2.compile(r"(?i)\b(?:ready|listening|started|up and running)(?:\b|\d{4}-\d\d-\d\d)")
"""Threads that print at once glue their lines: the time of the next one may follow the word."""
_NOT_READY = re2.compile(
    r"(?i)\b(?:not|isn't|waiting|until|before|being)\b.{0,40}\b(?:ready|listening|started)\b"
)
_OPEN_MAX = 50
"""Logs whose files are open at a time."""
_SERVICES_MAX = 500
"""Names come from hostile text: beyond this many, lines stay in startup.log only."""


class Logs:
    """The captured logs of a session by name. `lost` is what earlier attempts of the keeper found no room for."""

    def __init__(self, workspace: Workspace, lost: Mapping[str, int] | None = None) -> None:
        self._workspace, self._files = workspace, KeeperFiles(workspace)
        self._outputs: dict[str, Output] = {}
        self._lost = dict(lost or {})

    def write(
        self, name: str, spool: int, lines: Sequence[tuple[int, str]], *, service: bool = False
    ) -> None:
        """Append lines to a log: a session's own (`startup`), or that of a service. What finds no room is counted."""
        if not lines:
            return
        key = f"service {name}" if service else name
        output = self._outputs.pop(key, None)
        if output is None:
            path = (
                self._workspace.service_log(name) if service else self._workspace.path("logs", f"{name}.log")
            )
            try:
                output = Output(path, self._files.offsets(path))
            except OSError:
                self._lost[name] = self._lost.get(name, 0) + sum(len(text) + 1 for _, text in lines)
                return
        output.write(spool, lines)
        self._outputs[key] = output  # the newest last
        if len(self._outputs) > _OPEN_MAX:
            list(self._outputs.values())[-_OPEN_MAX - 1].rest()

    def lost(self) -> dict[str, int]:
        """Bytes of each log that found no room."""
        found = dict(self._lost)
        for key, output in self._outputs.items():
            name = key.removeprefix("service ")
            found[name] = found.get(name, 0) + output.lost_bytes
        return {name: count for name, count in found.items() if count}

    def close(self) -> None:
        """Close every log."""
        for output in self._outputs.values():
            output.rest()


class Capture:
    """Takes the services' lines apart. `named` are the services that the configuration names.

    `names`, `ready` and `open_keys` are what an earlier attempt knew already.
    """

    def __init__(
        self,
        logs: Logs,
        *,
        named: tuple[str, ...] = (),
        prefixes: Mapping[str, str] | None = None,
        ready_pattern: str | None = None,
        names: Iterable[str] = (),
        ready: Iterable[str] = (),
        open_keys: Mapping[str, int] | None = None,
    ) -> None:
        self._logs = logs
        self._sole = named[0] if len(named) == 1 else None
        self._ready_pattern = None if ready_pattern is None else re2.compile(ready_pattern)
        self._names: dict[str, None] = dict.fromkeys(names)
        self._demultiplexer = Demultiplexer((*named, *self._names), prefixes)
        self._maskers: dict[str, LineMasker] = defaultdict(LineMasker)
        for service, lines in (open_keys or {}).items():
            self._maskers[service] = LineMasker(lines)
        self._ready = set(ready)

    @property
    def names(self) -> tuple[str, ...]:
        """The services seen so far, in order of their first line."""
        return tuple(self._names)

    @property
    def ready(self) -> tuple[str, ...]:
        """The services that printed a line that matches the ready pattern."""
        return tuple(sorted(self._ready))

    def open_keys(self) -> dict[str, int]:
        """Lines since a private key began, by service: what a new attempt must know to mask the rest of it."""
        return {name: masker.open_lines for name, masker in self._maskers.items() if masker.open_lines}

    def take(self, spool: int, lines: Iterable[SpoolLine], service: str | None = None) -> None:
        """A batch of lines of one command; `service` is whose they all are, None where prefixes tell."""
        whole: list[tuple[int, str]] = []
        apart: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for line in lines:
            plain = without_ansi(line.data.rstrip(b"\r").decode("utf-8", "replace"))
            owner, rest = (service, plain) if service is not None else self._told_apart(plain)
            # A private key spans lines, and those of other services may lie between.
            text = self._maskers[owner or ""].scan(rest)[0]
            whole.append((line.offset, mask(plain.removesuffix(rest)) + text))
            if owner is not None and (owner in self._names or len(self._names) < _SERVICES_MAX):
                apart[owner].append((line.offset, text))
                self._names.setdefault(owner)
                if owner not in self._ready and self._says_ready(text):
                    self._ready.add(owner)
        self._logs.write("startup", spool, whole)
        for name, texts in apart.items():
            self._logs.write(name, spool, texts, service=True)

    def _told_apart(self, plain: str) -> tuple[str | None, str]:
        owner, rest = self._demultiplexer.feed(plain)
        return owner or self._sole, rest

    def _says_ready(self, text: str) -> bool:
        if self._ready_pattern is not None:
            return self._ready_pattern.search(text) is not None
        return _READY.search(text) is not None and _NOT_READY.search(text) is None


def masked(lines: Iterable[SpoolLine], masker: LineMasker) -> list[tuple[int, str]]:
    """Lines that belong to nobody's service, masked: those of the server and of stop commands."""
    texts = (without_ansi(line.data.rstrip(b"\r").decode("utf-8", "replace")) for line in lines)
    return [(line.offset, masker.scan(text)[0]) for line, text in zip(lines, texts, strict=False)]
