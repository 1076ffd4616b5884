"""Every function, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from tools.findings.model import AgentId
from tools.functions import (
    code_files,
    code_index,
    configuration,
    findings,
    live_streams,
    log_context,
    log_search,
    recorded_streams,
    redis_server,
    session,
)
from tools.functions.commands import containers, history, keepers, machine
from tools.functions.contract import ToolFunction

TABLE: tuple[ToolFunction, ...] = (
    *recorded_streams.FUNCTIONS,
    *live_streams.FUNCTIONS,
    *redis_server.FUNCTIONS,
    *log_search.FUNCTIONS,
    *log_context.FUNCTIONS,
    *code_index.FUNCTIONS,
    *code_files.FUNCTIONS,
    *configuration.FUNCTIONS,
    *findings.FUNCTIONS,
    *session.FUNCTIONS,
    *machine.FUNCTIONS,
    *containers.FUNCTIONS,
    *keepers.FUNCTIONS,
    *history.FUNCTIONS,
)

STRICT_MAX = 20
"""The Messages API takes no more strict tools in one request; no specialist has more functions."""


@lru_cache(maxsize=1)
def by_name() -> Mapping[str, ToolFunction]:
    """The table by name."""
    return MappingProxyType({function.name: function for function in TABLE})


def for_agent(agent: AgentId | None) -> tuple[ToolFunction, ...]:
    """What a specialist may call; None: the orchestrator or an MCP client, who may call all."""
    return tuple(function for function in TABLE if agent is None or agent in function.agents)
