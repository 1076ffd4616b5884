"""Shutdown (managed mode): services and Redis are stopped, and that nothing is left is proven, not assumed."""

from __future__ import annotations

import asyncio

import redis

from orchestrator.session import rules
from orchestrator.session.context import Session
from orchestrator.session.owned import holder_of
from orchestrator.session.redis_server import ManagedRedis
from orchestrator.session.services import StopOutcome, port_open
from orchestrator.session.state import SessionState
from tools.findings.model import AgentId
from tools.findings.rule import Symptom


async def run(session: Session, _state: SessionState) -> SessionState:
    """Stop what this session started; anything left is a finding, and is killed. Raises OSError."""
    session.indexer.close()
    if session.services is None or session.redis_server is None:
        session.story.phase("shutdown", "skipped", "this session started nothing")
        return {}
    drain_s = session.config.session.drain
    outcome = await session.services.stop()
    found = of_services(outcome, drain_s)
    saved = "no server was started"
    if session.redis_server.started:
        found += await of_clients(session.redis_server)
        saved = await asyncio.to_thread(save, session.redis_server)
        found += await stop_redis(session.redis_server, drain_s)
    if found:
        for finding in rules.record(session.workspace, session.clock, AgentId.LOG_WATCHER, found):
            session.seen(AgentId.LOG_WATCHER, rules.seen(finding))
    detail = f"{len(found)} left over; {saved}" if found else f"clean; {saved}"
    session.event("shutdown", leftovers=len(found), stopCommandExit=outcome.stop_code, redis=saved)
    session.story.phase("shutdown", "finished", detail)
    return {}


def of_services(outcome: StopOutcome, drain_s: float) -> list[Symptom]:
    """Processes and ports that outlived the services' stop."""
    found = [rules.leftover(process, drain_s) for process in outcome.leftovers]
    return found + [rules.leftover_port(port, holder) for port, holder in outcome.ports]


async def of_clients(server: ManagedRedis) -> list[Symptom]:
    """Connections that outlived the services; a server that does not answer has none."""
    try:
        clients = await server.clients_gone()
    except (redis.RedisError, OSError):
        return []
    return [rules.leftover_clients(clients)] if clients else []


def save(server: ManagedRedis) -> str:
    """What became of the data, for people."""
    try:
        return server.save()
    except (redis.RedisError, OSError) as error:
        return f"not saved: {error}"


async def stop_redis(server: ManagedRedis, drain_s: float) -> list[Symptom]:
    """Stop the server; what is left of it, and its port where something still answers there."""
    left = await server.stop()
    found = [rules.leftover(process, drain_s) for process in left]
    if server.port and port_open(server.port):
        found.append(rules.leftover_port(server.port, holder_of(server.port)))
    return found
