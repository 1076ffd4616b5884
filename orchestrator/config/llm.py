"""`[llm]`: whether a language model takes part, which ones, and what they may cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agents.model.prices import Price
from agents.model.settings import DEFAULT_EFFORTS, DEFAULT_MODELS, Effort, Limits, Role
from tools.quantities import Duration

_ROLES = ", ".join(Role)


class PriceSection(BaseModel):
    """One `[[llm.prices]]` entry: USD per million tokens of a model that the table does not know, or has otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1, description="the model's id, as the API knows it")
    input: float = Field(ge=0, description="of prompt")
    output: float = Field(ge=0, description="of answer, thoughts included")
    cache_write: float = Field(ge=0, description="of prompt that the API keeps for the next call")
    cache_read: float = Field(ge=0, description="of prompt that it had kept")
    as_of: str = Field(pattern=r"^\d{4}-\d\d-\d\d$", description='the day these were looked up: "2026-12-31"')

    def price(self) -> Price:
        """The same for arithmetic."""
        figures = {name: Decimal(str(getattr(self, name))) for name in _FIGURES}
        return Price.model_validate(
            {"model": self.model, "as_of": self.as_of, "cache_write_1h": figures["cache_write"] * 2} | figures
        )


_FIGURES = ("input", "output", "cache_write", "cache_read")


class LlmSection(BaseModel):
    """`[llm]`: the language model's part. Its key comes from ANTHROPIC_API_KEY, never from a file of ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: Literal["auto"] | bool = Field(
        default="auto", description='"auto": where a key is set, but in attach mode only with true'
    )
    max_cost_usd: float = Field(default=2.0, ge=0, description="of a session")
    max_tokens: int = Field(default=3_000_000, ge=0, description="of a session, prompts and answers")
    max_calls: int = Field(default=300, ge=0, description="of a session; each attempt counts")
    max_time: Duration = Field(default=1800.0, description="of waiting, all roles added up")
    agent_share: float = Field(default=0.5, gt=0, le=1, description="of each limit, for one role alone")
    agent_shares: dict[str, float] = Field(
        default={}, description="role = its part of each limit, in place of agent_share"
    )
    models: dict[str, str] = Field(default={}, description=f"role = model id; the roles are {_ROLES}")
    effort: dict[str, str] = Field(default={}, description="role = low, medium, high, xhigh or max")
    call_timeout: Duration = Field(default=60.0, gt=0, description="of one attempt")
    attempts: int = Field(default=3, ge=1, le=10, description="of one question, before it counts as failed")
    investigate_every: Duration = Field(
        default=60.0, gt=0, description="new findings are batched so long, for a window of 10 minutes"
    )
    after_window: Duration = Field(default=60.0, description="for what is left to investigate and to word")
    open_telemetry: bool = Field(default=False, description="spans of the SDK, without content")
    prices: tuple[PriceSection, ...] = ()

    @field_validator("agent_shares")
    @classmethod
    def _known_shares(cls, value: dict[str, float]) -> dict[str, float]:
        cls._known_roles(dict.fromkeys(value, "any"))
        wrong = [share for share in value.values() if not 0 < share <= 1]
        if wrong:
            raise ValueError(f"a part of {wrong[0]:g} is none; give more than 0 and at most 1")
        return value

    @field_validator("models")
    @classmethod
    def _known_roles(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(value) - set(Role))
        if unknown:
            raise ValueError(f"there is no role {unknown[0]!r}; the roles are {_ROLES}")
        if not all(value.values()):
            raise ValueError('a model has no name; write it like {"log-watcher" = "claude-sonnet-5-5"}')
        return value

    @field_validator("effort")
    @classmethod
    def _known_efforts(cls, value: dict[str, str]) -> dict[str, str]:
        cls._known_roles(dict.fromkeys(value, "any"))
        wrong = [effort for effort in value.values() if effort not in get_args(Effort)]
        if wrong:
            raise ValueError(f"there is no effort {wrong[0]!r}; use {', '.join(get_args(Effort))}")
        return value

    def model_of(self, role: Role) -> str:
        """The id of the model that a role asks."""
        return self.models.get(role.value, DEFAULT_MODELS[role])

    def effort_of(self, role: Role) -> Effort:
        """How much it thinks."""
        return cast("Effort", self.effort.get(role.value, DEFAULT_EFFORTS[role]))

    def own_limits(self) -> dict[Role, Limits]:
        """Of the roles that have a part of their own."""
        whole = self.limits()
        return {Role(name): whole.share(part) for name, part in self.agent_shares.items()}

    def own_prices(self) -> tuple[Price, ...]:
        """The configured prices."""
        return tuple(entry.price() for entry in self.prices)

    def limits(self) -> Limits:
        """Of a session."""
        return Limits(
            usd=Decimal(str(self.max_cost_usd)),
            tokens=self.max_tokens,
            calls=self.max_calls,
            seconds=self.max_time,
        )
