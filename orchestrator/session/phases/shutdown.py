"""Shutdown (managed mode): services and Redis are stopped, and that nothing is left is proven, not assumed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import redis

from orchestrator.keeper.owned import holder_of
from orchestrator.session import rules
from orchestrator.session.context import Session
from orchestrator.session.readiness import port_open
from orchestrator.session.redis_server import ManagedRedis
from orchestrator.session.services import StopOutcome
from orchestrator.session.state import SessionState
from tools.findings.model import AgentId
from tools.findings.rule import Symptom
from tools.sources.records import Gap

_LEAVE_S = 30.0


async def run(session: Session, state: SessionState) -> SessionState:
    """Stop what this session started; anything left is a finding, and is killed. Raises OSError."""
    session.indexer.close()
    if session.services is None or session.redis_server is None:
        session.story.phase("shutdown", "skipped", "this session started nothing")
        return {}
    if session.model is not None:
        await session.model.server_stopped()
    drain_s = session.config.session.drain
    outcome = await session.services.stop()
    found = of_services(outcome, drain_s)
    saved = "no server was started"
    if session.redis_server.started:
        found += await of_clients(session.redis_server)
        saved = await asyncio.to_thread(save, session.redis_server)
    if session.redis_server.began:
        found += await stop_redis(session.redis_server, drain_s)
    if session.keeper_client is not None:
        await session.keeper_client.leave(drain_s + _LEAVE_S)
    found += of_output(session, failed="failure" in state)
    if found:
        for finding in rules.record(session.workspace, session.clock, AgentId.LOG_WATCHER, found):
            session.seen(AgentId.LOG_WATCHER, rules.seen(finding))
    detail = f"{len(found)} left over; {saved}" if found else f"clean; {saved}"
    session.event("shutdown", leftovers=len(found), stopCommandExit=outcome.stop_code, redis=saved)
    session.story.phase("shutdown", "finished", detail)
    return {}


def of_output(session: Session, *, failed: bool) -> list[Symptom]:
    """Output of the services that could not be kept: a gap each, and a finding where it was a flood."""
    assert session.services is not None
    found: list[Symptom] = []
    for lost in session.services.lost():
        what = f"{lost.bytes} bytes that {lost.output} printed"
        now = session.clock.now_ms()
        fix = "Let it log less, and see that the workspace's disk has room."
        session.gap(Gap(what=what, why=lost.why, fix=fix, source="capture", at_ms=lost.from_ms or now))
        # A start that failed has said so already, flood included.
        if lost.from_ms and not failed:
            found.append(rules.output_flood(lost, rules.last_lines(session.workspace, _startup(session))))
    return found


def _startup(session: Session) -> Path:
    return session.workspace.path("logs", "startup.log")


def of_services(outcome: StopOutcome, drain_s: float) -> list[Symptom]:
    """Processes and ports that outlived the services' stop."""
    stays = {process.pid for process in outcome.unkillable}
    left = {process.pid: process for process in (*outcome.leftovers, *outcome.unkillable)}
    found = [rules.leftover(left[pid], drain_s, killed=pid not in stays) for pid in sorted(left)]
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
    if server.port and await asyncio.to_thread(port_open, server.port):
        holder = await asyncio.to_thread(holder_of, server.port)
        found.append(rules.leftover_port(server.port, holder))
    return found
