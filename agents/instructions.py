"""An agent's instructions: its prompt, filled in once for the session and kept for every restart.

They lie in `agents/<agent>/instructions.md`, so that people, restarts and other drivers of the agents read the same.
"""

from __future__ import annotations

import prompts
from agents.job import LogSource, WatcherJob
from tools.findings.model import AgentId
from tools.quantities import format_duration
from tools.sources.redis.target import parse
from tools.workspace import Workspace


def write(job: WatcherJob) -> None:
    """Write the instructions of the job's agent; those that are there stay. Raises OSError."""
    agent = AgentId(job.agent)
    workspace = Workspace(job.workspace)
    path = workspace.agent_dir(agent) / "instructions.md"
    if not path.exists():
        workspace.write_text(path, text(job))


def text(job: WatcherJob) -> str:
    """The instructions of the job's agent as Markdown."""
    limits, window = job.judgement.limits, job.window
    duration = format_duration((window.deadline_ms - window.started_ms) // 1000)
    services = [service.name for service in job.services]
    match AgentId(job.agent):
        case AgentId.LOG_WATCHER:
            return prompts.render(
                "log_watcher",
                services=services,
                sources=[_source(source) for source in job.logs],
                duration=duration,
                silence=format_duration(limits.silence),
                storm_count=limits.storm_count,
                storm_window=format_duration(limits.storm_window),
            )
        case AgentId.REDIS_STREAM_ANALYST:
            return prompts.render(
                "stream_analyst",
                server="the server" if job.redis is None else str(parse(job.redis.url.get_secret_value())),
                duration=duration,
                poll_interval=format_duration(window.poll_interval_s),
                consumer_lag=limits.consumer_lag,
                pending_idle=format_duration(limits.pending_idle),
                delivery_count=limits.delivery_count,
            )
        case AgentId.CONFIG_AUDITOR:
            root = job.project_root.name
            return prompts.render("config_auditor", project=root, services=services, duration=duration)
        case AgentId.ENHANCEMENT_SCOUT:
            every = format_duration(window.cross_agent_s)
            return prompts.render(
                "enhancement_scout", project=job.project_root.name, cross_agent_interval=every
            )


def _source(source: LogSource) -> str:
    kinds = ("path", "docker", "journald", "kubectl")
    place = next(f"{kind} {getattr(source, kind)}" for kind in kinds if getattr(source, kind) is not None)
    return f"{source.service}: {place}"
