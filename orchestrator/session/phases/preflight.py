"""Pre-flight: Redis answers and knows the commands, the services are started and ready, the indexer runs."""

from __future__ import annotations

import asyncio

from orchestrator.config.model import Mode
from orchestrator.session import rules
from orchestrator.session.context import Session
from orchestrator.session.state import SessionState
from tools.errors import PreflightFailed, SourceUnavailable
from tools.findings.model import AgentId, Finding
from tools.findings.rule import Quote, Symptom
from tools.sources.records import Gap
from tools.sources.redis import preflight as redis_preflight

_LOOK_EVERY_S = 0.1
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
    """PING, and every stream command is there. Raises PreflightFailed."""
    try:
        with session.connect() as client:
            server = redis_preflight.identify(client)
            checked = redis_preflight.missing_commands(client)
            if not checked.missing:
                server = redis_preflight.require(client)
            warnings = redis_preflight.warnings(client)
    except SourceUnavailable as error:
        raise PreflightFailed(f"Redis cannot be audited: {error}") from error
    session.event("redis", server=str(server), warnings=list(warnings))
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
    services.start()
    until = clock.monotonic() + section.ready_timeout
    told: set[str] = set()
    known, known_at = services.names(), clock.monotonic()
    while True:
        waiting = services.not_ready()
        if services.names() != known:
            known, known_at = services.names(), clock.monotonic()
        for name in known:
            if name not in waiting and name not in told:
                told.add(name)
                session.event("service-ready", service=name)
        all_known = bool(_named(session)) or clock.monotonic() - known_at >= _LEARNED_QUIET_S
        if known and not waiting and all_known:
            break
        if session.ending.is_set():
            raise PreflightFailed("The session was ended before the services were ready.")
        if clock.monotonic() >= until or services.exit_code() not in {None, 0}:
            not_ready(session, waiting)
            break
        await clock.sleep_until_async(clock.monotonic() + _LOOK_EVERY_S, session.ending)
    session.story.update(services=services.names())
    services.note()


def not_ready(session: Session, waiting: tuple[str, ...]) -> None:
    """A named service that is not ready ends the session; one whose name was only learned is a gap.

    Raises PreflightFailed.
    """
    services, timeout_s = session.services, session.config.services.ready_timeout
    assert services is not None
    code = services.exit_code()
    failed = code not in {None, 0}
    blamed = [name for name in waiting if failed or name in _named(session)]
    if not blamed and (failed or not services.names()):
        blamed = ["the start command"]
    if blamed:
        symptoms = [rules.not_ready(name, timeout_s, code, _output_of(session, name)) for name in blamed]
        alert(session, AgentId.LOG_WATCHER, *symptoms)
        how = f"the start command ended with code {code}" if failed else f"waited {timeout_s:g} s"
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
    return rules.last_lines(
        session.workspace, own if own.exists() else session.workspace.path("logs", "startup.log")
    )


def _named(session: Session) -> tuple[str, ...]:
    section = session.config.services
    return (*section.expected, *(spec.name for spec in section.list))
