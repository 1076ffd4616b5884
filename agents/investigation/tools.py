"""The model's tools: the read-only functions of one agent, each answer fenced, bounded and counted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol

from agents.investigation.fence import Fence
from agents.model.messages import ToolSpec, ToolUse
from tools.findings.model import AgentId
from tools.functions import table
from tools.functions.calling import call
from tools.functions.contract import Desk, Limits
from tools.functions.schema import strict_schema

ANSWER_BYTES = 10_000
"""Of one answer; the rest comes page by page. Every byte is paid for again in each call that follows."""
SECONDS = 20.0
CALLS_MAX = 24
"""In one investigation."""


@cache
def _specs(agent: AgentId | None) -> tuple[ToolSpec, ...]:
    """Made once: a schema of a model takes longer to make than a request."""
    functions = table.for_agent(agent)
    return tuple(ToolSpec(one.name, one.description, strict_schema(one)) for one in functions)


class Tools(Protocol):
    """Whoever runs an investigation's tools: a toolbox, or a transcript."""

    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools as the API is told of them."""
        ...

    async def run(self, use: ToolUse) -> tuple[str, bool]:
        """What one call is answered with, and whether it failed."""
        ...


@dataclass
class Toolbox:
    """What one agent's model may call in one investigation; None: the orchestrator's."""

    desk: Desk
    agent: AgentId | None
    fence: Fence = field(default_factory=Fence)
    calls: int = 0

    def __post_init__(self) -> None:
        self.desk = replace(self.desk, limits=Limits(seconds=SECONDS, answer_bytes=ANSWER_BYTES))

    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools as the API is told of them, in the table's order."""
        return _specs(self.agent)

    async def run(self, use: ToolUse) -> tuple[str, bool]:
        """The fenced answer of one call, and whether it failed. Never raises for what was asked or is there."""
        self.calls += 1
        if self.calls > CALLS_MAX:
            return f"No: {CALLS_MAX} calls were made. Answer with what you know.", True
        answer = await asyncio.to_thread(call, use.name, use.input, self.desk, agent=self.agent)
        if not answer.ok:
            return self.fence.around("error", answer.error or "refused"), True
        more = " There is more: call it again with page = nextPage." if answer.next_page else ""
        return self.fence.around(f"answer of {use.name}", answer.text) + more, False
