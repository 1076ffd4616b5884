"""Every kind of log that a program gives, by the key that names it in `[[logs.sources]]`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from tools.clock import NEVER, Clock
from tools.sources.logs import docker, journald, kubectl
from tools.sources.logs.command import CommandFeed, Dialect, Start
from tools.sources.logs.discover import SourceSpec
from tools.sources.logs.feed import CommandCheckpoint, Note

_LOOK_AGAIN_S = 0.05


class Kind(NamedTuple):
    """How to read one kind of log; `problem` says why a name cannot be one, `service` what it stands for."""

    make: Callable[[str, CommandCheckpoint], Dialect]
    problem: Callable[[str], str | None]
    service: Callable[[str], str]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "docker": Kind(docker.DockerLogs, docker.problem, docker.service),
        "journald": Kind(journald.JournaldLogs, journald.problem, journald.service),
        "kubectl": Kind(kubectl.KubectlLogs, kubectl.problem, kubectl.service),
    }
)


class Named(NamedTuple):
    """A log that a program gives."""

    kind: str
    name: str

    @property
    def source(self) -> str:
        """How lines and evidence name it."""
        return f"{self.kind}:{self.name}"

    @property
    def problem(self) -> str | None:
        """Why the name cannot be one of its kind; None where it can. No program is ever given another one."""
        return KINDS[self.kind].problem(self.name)

    @property
    def service(self) -> str:
        """The service that it stands for where none is given."""
        return KINDS[self.kind].service(self.name)


def named(spec: SourceSpec) -> Named | None:
    """The log that a source names; None where it names files."""
    given = {"docker": spec.docker, "journald": spec.journald, "kubectl": spec.kubectl}
    return next((Named(kind, name) for kind, name in given.items() if name is not None), None)


def is_source(name: str) -> bool:
    """Whether a line's source is a program's output, and no file."""
    kind, colon, _ = name.partition(":")
    return bool(colon) and kind in KINDS


def feed(
    log: Named,
    checkpoint: CommandCheckpoint | None,
    *,
    since_ms: int,
    from_end: bool,
    environ: Mapping[str, str] | None = None,
) -> CommandFeed:
    """The feed of a log whose name has no `problem`."""
    make = partial(KINDS[log.kind].make, log.name)
    return CommandFeed(make, checkpoint, since_ms=since_ms, from_end=from_end, environ=environ)


def program(log: Named) -> str:
    """The program that reads a log."""
    return _dialect(log).program


def command_line(log: Named) -> str:
    """The command that follows a log, as a person would type it."""
    dialect = _dialect(log)
    return shlex.join([dialect.program, *dialect.arguments(Start(None, None))])


def _dialect(log: Named) -> Dialect:
    return KINDS[log.kind].make(log.name, CommandCheckpoint(position=0, number=0, since_ms=None))


class Answer(NamedTuple):
    """Whether a program can read a log, and what is wrong with it all the same."""

    readable: bool
    note: Note | None


def probe(log: Named, clock: Clock, seconds: float) -> Answer:
    """Can a log be read? Asks its program as a session would, and waits at most `seconds` for the answer."""
    one = feed(log, None, since_ms=clock.now_ms(), from_end=True)
    until = clock.monotonic() + seconds
    try:
        while not one.answered and clock.monotonic() < until:
            one.poll(clock.monotonic())
            clock.sleep_until(clock.monotonic() + _LOOK_AGAIN_S, NEVER)
        return Answer(one.opened, one.blindness())
    finally:
        one.close()
