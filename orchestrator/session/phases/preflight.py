"""Pre-flight: Redis answers and knows the commands, the services are started and ready, the indexer runs."""

from __future__ import annotations

import asyncio

from orchestrator.config.model import Mode
from orchestrator.keeper.owned import holder_of
from orchestrator.session import rules
from orchestrator.session.context import Session
from orchestrator.session.managed import named
from orchestrator.session.readiness import port_open
from orchestrator.session.state import SessionState
from tools.errors import PreflightFailed, SourceUnavailable
from tools.findings.model import AgentId, Finding
from tools.findings.rule import Quote, Symptom
from tools.sources.records import Gap
from tools.sources.redis import preflight as redis_preflight
from tools.sources.redis.readonly import ReadOnlyClient

_LOOK_EVERY_S = 0.1
_ENDED_S = 1.0
"""After the end of the start command its last lines are still on their way."""
_LEARNED_QUIET_S = 3.0
"""Without expected names: so long after the last new name, all are taken to be known."""


async def run(session: Session, _state: SessionState) -> SessionState:
    """Everything that must stand before the window. Raises PreflightFailed, UsageError, OSError."""
    session.indexer.start(session.job(None))
    if session.mode is Mode.STATIC:
        return {}
    if session.redis_server is not None:
        await session.redis_server.start(session.ending)
    await asyncio.to_thread(check_server, session)
    if session.services is not None:
        await start_services(session)
    return {}


def check_server(session: Session) -> None:
    """PING, and every stream command is there, at each primary. Raises PreflightFailed."""
    silent: list[SourceUnavailable] = []
    answered = False
    with session.deployment() as deployment:
        try:
            for primary, client in deployment.each():
                try:
                    _check_one(session, client)
                except SourceUnavailable as error:
                    silent.append(error)  # the baseline says what is not seen of it
                    continue
                answered = True
                for database in deployment.databases(primary):
                    deployment.client(primary, database).open()
        except SourceUnavailable as error:
            raise PreflightFailed(f"Redis cannot be audited: {error}") from error
    if not answered:
        raise PreflightFailed(f"Redis cannot be audited: {silent[0]}") from silent[0]


def _check_one(session: Session, client: ReadOnlyClient) -> None:
    """One server. Raises PreflightFailed; SourceUnavailable where it does not answer."""
    server = redis_preflight.identify(client)
    checked = redis_preflight.missing_commands(client)
    if not checked.missing:
        server = redis_preflight.require(client)
    warnings = redis_preflight.warnings(client)
    session.event("redis", server=str(server), address=client.address, warnings=list(warnings))
    if checked.missing:
        names = ", ".join(sorted(checked.missing))
        alert(session, AgentId.CONFIG_AUDITOR, rules.command_missing(checked.missing, str(server)))
        raise PreflightFailed(f"The server ({server}) lacks {names}.")
    if checked.unknown is not None:
        what, fix = (
            "whether the server has all stream commands",
            "Allow the user +command, or restore the names.",
        )
        now = session.clock.now_ms()
        session.gap(Gap(what=what, why=checked.unknown, fix=fix, source="redis", at_ms=now, blind=False))


async def start_services(session: Session) -> None:
    """Start the services and wait for each one's ready signal. Raises PreflightFailed, OSError."""
    services, section, clock = session.services, session.config.services, session.clock
    assert services is not None
    if not await asyncio.to_thread(services.adopt, session.story.facts.services):
        await asyncio.to_thread(ports_are_free, session)
        services.start()
    until = clock.monotonic() + section.ready_timeout
    told: set[str] = set()
    known, known_at = services.names(), clock.monotonic()
    ended_at: float | None = None
    while True:
        waiting = await asyncio.to_thread(services.not_ready)
        now = clock.monotonic()
        if services.names() != known:
            known, known_at = services.names(), now
        for name in known:
            if name not in waiting and name not in told:
                told.add(name)
                session.event("service-ready", service=name)
        all_known = bool(_named(session)) or now - known_at >= _LEARNED_QUIET_S
        if known and not waiting and all_known:
            break
        if session.ending.is_set():
            raise PreflightFailed("The session was ended before the services were ready.")
        ended_at = (ended_at or now) if ended(session, waiting) else None
        if now >= until or (ended_at is not None and now - ended_at >= _ENDED_S):
            await asyncio.to_thread(not_ready, session, waiting)
            break
        await clock.sleep_until_async(now + _LOOK_EVERY_S, session.ending)
    session.story.update(services=services.names())
    services.note()


def ports_are_free(session: Session) -> None:
    """No service's port is held by somebody else before the start. Raises PreflightFailed, OSError."""
    taken = [entry for entry in session.config.services.list if entry.port and port_open(entry.port)]
    symptoms = [rules.port_taken(entry.name, entry.port or 0, holder_of(entry.port or 0)) for entry in taken]
    if symptoms:
        alert(session, AgentId.LOG_WATCHER, *symptoms)
        raise PreflightFailed(f"Not started: {'; '.join(symptom.title for symptom in symptoms)}.")


def ended(session: Session, waiting: tuple[str, ...]) -> bool:
    """Whether waiting on makes no sense: a start command failed, or all ended and left nothing that could get ready."""
    services = session.services
    assert services is not None
    if services.exit_code() not in {None, 0}:
        return True
    elsewhere = {
        entry.name
        for entry in session.config.services.list
        if entry.container or entry.unit or entry.port or entry.ready_http or entry.ready_stream
    }
    return services.nothing_runs() and not set(waiting) & elsewhere


def not_ready(session: Session, waiting: tuple[str, ...]) -> None:
    """A named service that is not ready ends the session; one whose name was only learned is a gap.

    Raises PreflightFailed.
    """
    services, timeout_s = session.services, session.config.services.ready_timeout
    assert services is not None
    code = services.exit_code()
    nothing_runs = services.nothing_runs()
    failed = code not in {None, 0} or nothing_runs
    quiet = () if failed else services.quiet()
    blamed = [name for name in waiting if failed or (name in _named(session) and name not in quiet)]
    if not blamed and (failed or not services.names()):
        blamed = ["the start command"]
    if blamed:
        how = rules.how_not_ready(timeout_s, code if failed else None, lost=services.lost())
        symptoms = [rules.not_ready(name, how, _output_of(session, name)) for name in blamed]
        alert(session, AgentId.LOG_WATCHER, *symptoms)
        raise PreflightFailed(f"Not ready: {', '.join(blamed)} ({how}).")
    for name in waiting:
        why = f"no line of its output matched the ready pattern within {timeout_s:g} s"
        fix = "Set services.expected and services.ready_pattern, or its port in [[services.list]]."
        now = session.clock.now_ms()
        what = f"whether {name} is ready"
        session.gap(Gap(what=what, why=why, fix=fix, source="services", at_ms=now, blind=False))


def alert(session: Session, agent: AgentId, *symptoms: Symptom) -> list[Finding]:
    """Record what the session found itself; a CRITICAL is alerted. Raises OSError."""
    found = rules.record(session.workspace, session.clock, agent, symptoms)
    for finding in found:
        session.seen(agent, rules.seen(finding))
    return found


def _output_of(session: Session, service: str) -> Quote:
    own = session.workspace.service_log(service)
    path = own if own.exists() else session.workspace.path("logs", "startup.log")
    return rules.last_lines(session.workspace, path)


def _named(session: Session) -> tuple[str, ...]:
    return named(session.config)
