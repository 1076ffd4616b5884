"""What a project's own files tell about its server, its services and its logs.

The services come from the first of these that says how they are started: npm scripts, a compose file, a Procfile,
workspaces. The server comes from the same place, else from the others in this order; where none starts one and
nothing seems to, the embedded server is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import re2

from orchestrator.config.dotenv import dotenv_values, redis_url
from orchestrator.config.finders import compose, package, procfile, scripts, workspaces
from orchestrator.config.finders import logs as log_files
from orchestrator.config.finders.logs import LogFile
from orchestrator.config.finders.package import Package
from orchestrator.config.finders.starts import Service, Starts
from orchestrator.config.loopback import on_loopback

EMBEDDED = "embedded"
_DEFAULT_PORT = 6379
_HOW = "write redis.start and services.start apart into a configuration, `streamgauge init` begins it."
_SERVER = re2.compile(r"\b(?:redis|valkey)-server\b|redis-memory-server|\bdocker\b")


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found. `redis_url` never holds credentials; `origins` says by setting which file told it.

    `notes` are sentences about where things are from; `passed_over` about what could not be used.
    """

    redis_url: str | None = None
    redis_start: str | None = None
    redis_stop: str | None = None
    services_start: str | None = None
    services_stop: str | None = None
    env_file: str | None = None
    expected: tuple[str, ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    logs: tuple[LogFile, ...] = ()
    patient: bool = False
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def has_start(self) -> bool:
        """Whether it says how services are started."""
        return self.services_start is not None or any(service.start for service in self.services)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is said to be; `url` may hold credentials."""

    url: str
    origin: str

    def parts(self) -> SplitResult | None:
        """Its parts; None where it is no url."""
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError:
            return None
        return parts

    @property
    def holds_credentials(self) -> bool:
        """Whether it must not be written down."""
        parts = self.parts()
        return parts is None or parts.username is not None or parts.password is not None or bool(parts.query)

    @property
    def may_be_embedded(self) -> bool:
        """Whether a server of our own could stand there: on loopback, in plain text, without a password."""
        parts = self.parts()
        return (
            parts is not None
            and parts.scheme == "redis"
            and on_loopback(parts.hostname or "localhost")
            and not self.holds_credentials
        )


def survey(root: Path, environ: Mapping[str, str]) -> Survey:
    """Look at the files in `root`; what cannot be read or understood is passed over and said."""
    return look(root, environ)[0]


def look(root: Path, environ: Mapping[str, str]) -> tuple[Survey, Address | None]:
    """The survey, and REDIS_URL as it stands in the environment or in `.env`, with its credentials."""
    sources = tuple(_sources(root, environ))
    chosen = next((source for source in sources if source.has_start), None)
    server = _server(sources, chosen)
    given = _address(root, environ, sources)
    port = None if server is None else server.redis_port
    published = next((source.redis_port for source in sources if source.redis_port is not None), None)
    start = None if server is None else server.redis_start
    passed_over = _passed_over(sources, chosen)
    if start is None and chosen is not None:
        if any(_SERVER.search(command) for command in chosen.commands()):
            passed_over = (*passed_over, f"The start in {chosen.file} seems to start a server too: {_HOW}")
        elif given is None or given.may_be_embedded:
            start = EMBEDDED
    url = None if given is None else given.url
    if given is None and (start is not None or published is not None):
        url = f"redis://127.0.0.1:{port or published or _DEFAULT_PORT}/0"
    listed = chosen or next((source for source in sources if source.expected), None)
    found = Survey(
        redis_url=None if given is not None and given.holds_credentials else url,
        redis_start=start,
        redis_stop=None if server is None else server.redis_stop,
        services_start=None if chosen is None else chosen.services_start,
        services_stop=None if chosen is None else chosen.services_stop,
        env_file=None if chosen is None else chosen.env_file,
        expected=() if listed is None else listed.expected,
        prefixes={} if chosen is None else chosen.prefixes,
        services=() if listed is None else listed.services,
        logs=tuple(log_files.find(root)),
        patient=any(source is not None and source.patient for source in (chosen, server)),
    )
    return _with_words(found, given, (chosen, server, listed), passed_over), given


def _address(root: Path, environ: Mapping[str, str], sources: tuple[Starts, ...]) -> Address | None:
    """REDIS_URL; a host that is the name of the compose file's server is the port that is published for it."""
    found = redis_url(environ, root)
    if found is None:
        return None
    url, origin = found
    given = Address(url, origin)
    parts = given.parts()
    for source in sources:
        if (
            parts is not None
            and source.redis_port
            and parts.hostname
            and parts.hostname == source.redis_service
        ):
            user, at, _ = parts.netloc.rpartition("@")
            netloc = f"{user}{at}127.0.0.1:{source.redis_port}"
            return Address(parts._replace(netloc=netloc).geturl(), f"{origin} and {source.file}")
    return given


def _sources(root: Path, environ: Mapping[str, str]) -> Iterator[Starts]:
    """What each kind of file tells, in the order of preference."""
    values = dotenv_values(root / ".env")
    root_package = package.read(root)
    known = root_package or Package()
    members = package.members(root, known)
    found = scripts.find(root, known, members)
    if root_package is not None and root_package.problem is not None:
        found = Starts(package.FILE, passed_over=(f"{root_package.problem}.",))
    yield found
    composed = compose.find(root, environ, values)
    if composed is not None:
        yield composed
    yield procfile.find(root, values.get("PORT"))
    if found.services_start is None:
        yield workspaces.find(root, known, members)


def _server(sources: tuple[Starts, ...], chosen: Starts | None) -> Starts | None:
    """Who starts the server: who starts the services, else the first that starts one."""
    order = (*((chosen,) if chosen is not None else ()), *sources)
    return next((source for source in order if source.redis_start is not None), None)


def _passed_over(sources: tuple[Starts, ...], chosen: Starts | None) -> tuple[str, ...]:
    """Of what came before the chosen, for it would have been chosen; all where none was."""
    before = sources[: sources.index(chosen) + 1] if chosen is not None else sources
    return tuple(sentence for source in before for sentence in source.passed_over)


def _with_words(
    found: Survey,
    given: Address | None,
    told_by: tuple[Starts | None, Starts | None, Starts | None],
    passed_over: tuple[str, ...],
) -> Survey:
    chosen, server, listed = told_by
    origins: dict[str, str] = {}
    notes: list[str] = []
    if given is not None:
        origins["redis.url"] = given.origin
        notes.append(
            f"redis.url is left out because {given.origin} holds credentials: set REDIS_URL in the environment of a run."
            if given.holds_credentials
            else f"The server's address is from {given.origin}."
        )
    elif found.redis_url is not None:
        origins["redis.url"] = "the default" if server is None or server.redis_port is None else server.file
    if found.redis_start == EMBEDDED:
        origins["redis.start"] = "streamgauge itself, because no file starts a server"
    elif server is not None:
        origins["redis.start"] = server.file
        notes.append(f"The server is started as in {server.file}.")
    if chosen is not None:
        origins["services.start"] = chosen.file
        notes.append(f"The services are started as in {chosen.file}.")
    elif listed is not None:
        notes.append(f"Services and ports are from {listed.file}.")
    if found.logs:
        notes.append(f"Log files: {', '.join(item.path for item in found.logs)}.")
    return replace(found, origins=origins, notes=(*notes, *passed_over), passed_over=passed_over)
