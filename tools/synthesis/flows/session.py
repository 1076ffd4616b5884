"""The evidence of flows that a loaded session holds."""

from __future__ import annotations

from tools.synthesis.flows.judge import blind_times
from tools.synthesis.flows.reconstruct import Evidence
from tools.synthesis.session_data import SessionData


def evidence_of(data: SessionData) -> Evidence:
    """Lines, samples and polls, and when something may have been missed."""
    logs = data.logs
    services = [log.service for log in logs.services]
    dead = data.facts.dead_times if data.facts is not None else ()
    return Evidence(
        lines=logs.flow_lines,
        samples=data.samples,
        story=data.polls.story.get(),
        end_ms=data.end_ms,
        services=services,
        lines_left_out=logs.flow_lines_left_out,
        lines_until_ms=logs.flow_lines_until_ms,
        entries_left_out=data.samples_left_out,
        blind=blind_times(data.gaps, dead, {*services, *(data.facts.services if data.facts else ())}),
    )
