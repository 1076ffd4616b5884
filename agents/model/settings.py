"""Who asks which model, and what that may cost. Values only: no key is looked up and no client made here."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from agents.model.prices import Price
from tools.findings.model import AgentId

Effort = Literal["low", "medium", "high", "xhigh", "max"]


class Role(StrEnum):
    """Who asks: the four specialists, the orchestrator in its rounds, and the wording of clusters."""

    LOG_WATCHER = "log-watcher"
    STREAM_ANALYST = "stream-analyst"
    CONFIG_AUDITOR = "config-auditor"
    ENHANCEMENT_SCOUT = "enhancement-scout"
    ORCHESTRATOR = "orchestrator"
    SYNTHESIS = "synthesis"

    @classmethod
    def of(cls, agent: AgentId) -> Role:
        """The role of a specialist."""
        return cls(agent.slug)


DEFAULT_MODELS: Mapping[Role, str] = {
    Role.LOG_WATCHER: "claude-sonnet-5-5",
    Role.STREAM_ANALYST: "claude-sonnet-5-5",
    Role.CONFIG_AUDITOR: "claude-sonnet-5-5",
    Role.ENHANCEMENT_SCOUT: "claude-sonnet-5-5",
    Role.ORCHESTRATOR: "claude-haiku-5-5",
    Role.SYNTHESIS: "claude-opus-5-5",
}
"""The newest of their lines that the SDK knows (a test compares): the middle one investigates, the small one decides
what to look at next, the large one words what everybody reads."""

DEFAULT_EFFORTS: Mapping[Role, Effort] = {
    role: "low" if role is Role.ORCHESTRATOR else "medium" for role in Role
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Part):
    """What may be spent: USD, tokens of prompts and answers, calls (each attempt is one), seconds of waiting."""

    usd: Decimal = Field(ge=0)
    tokens: int = Field(ge=0)
    calls: int = Field(ge=0)
    seconds: float = Field(ge=0)

    def share(self, part: float) -> Limits:
        """A part of each; at least one call."""
        return Limits(
            usd=self.usd * Decimal(str(part)),
            tokens=round(self.tokens * part),
            calls=max(1, round(self.calls * part)),
            seconds=self.seconds * part,
        )


class ModelSettings(_Part):
    """Everything that the model's client is told. Times in seconds.

    `session` limits all roles together, `each` every role alone, `own` those that have limits of their own. `attempts` is how often one question is asked before
    it counts as failed. `prices` are the user's own and come before the table's.
    """

    key: SecretStr
    base_url: str | None = None
    models: Mapping[Role, str] = DEFAULT_MODELS
    efforts: Mapping[Role, Effort] = DEFAULT_EFFORTS
    session: Limits
    each: Limits
    own: Mapping[Role, Limits] = {}
    prices: tuple[Price, ...] = ()
    call_timeout_s: float = 60.0
    attempts: int = 3
    output_tokens_max: int = 8192
    open_telemetry: bool = False
