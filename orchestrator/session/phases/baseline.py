"""Baseline: every stream and group before the window, as poll 0."""

from __future__ import annotations

import asyncio

from orchestrator.session import snapshot
from orchestrator.session.context import Session
from orchestrator.session.state import SessionState
from tools.errors import PreflightFailed, SourceUnavailable
from tools.sources.redis import polls
from tools.sources.redis.deployment_source import DeploymentSource
from tools.sources.redis.look_limits import LookLimits
from tools.synthesis import topology


async def run(session: Session, _state: SessionState) -> SessionState:
    """Look once and write what all later looks are compared with. Raises PreflightFailed, OSError."""
    try:
        await asyncio.to_thread(take, session)
    except SourceUnavailable as error:
        raise PreflightFailed(f"No baseline: {error}") from error
    return {}


def take(session: Session) -> None:
    """`baseline.json`, `discovered_streams.txt`, `initial_topology.json`. Raises SourceUnavailable, OSError."""
    workspace = session.workspace
    with session.deployment() as deployment:
        limits = LookLimits(samples=session.config.redis.samples)
        source = DeploymentSource(deployment, session.clock, source="streams/baseline.json", limits=limits)
        poll = source.poll(0, previous=None)
        for gap in (*source.gaps(), *source.unseen()):
            session.gap(gap)
    polls.write_baseline(workspace.path("streams", "baseline.json"), poll)
    workspace.write_text(workspace.path("streams", "discovered_streams.txt"), snapshot.names(poll))
    shape = topology.build((poll,), None, (), session.config.judgement)
    workspace.write_json(workspace.path("streams", "initial_topology.json"), shape)
