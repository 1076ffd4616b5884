"""Whether a session asks a language model, and why; and the settings of its client. Nothing is imported or sent here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from agents.model.settings import ModelSettings, Role
from orchestrator.config.llm import LlmSection
from orchestrator.config.model import Mode
from tools.errors import ConfigError
from tools.masking import mask

KEY, BASE_URL = "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"
VENDOR = "api.anthropic.com"


@dataclass(frozen=True, slots=True)
class LlmUse:
    """Whether a model takes part and why; `settings` where it does, and the variables about tracing."""

    why: str
    settings: ModelSettings | None = None
    tracing: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def on(self) -> bool:
        """Whether a model takes part."""
        return self.settings is not None

    @property
    def address(self) -> str:
        """Where requests go, without anything secret in it."""
        given = None if self.settings is None else self.settings.base_url
        return VENDOR if given is None else mask(given)


OFF = LlmUse("off: rules only")


def decide(llm: LlmSection, mode: Mode, environ: Mapping[str, str]) -> LlmUse:
    """The model's part in a session of this mode. Raises ConfigError where it is asked for and has no key."""
    key = environ.get(KEY, "").strip()
    if llm.enabled is False:
        return LlmUse("off: rules only (llm.enabled is false)")
    if not key:
        if llm.enabled is True:
            raise ConfigError(
                f"a language model is asked for and {KEY} is not set",
                remedy=f"Set {KEY} in the environment, or use --no-llm",
                key="llm.enabled",
            )
        return LlmUse(f"off: rules only ({KEY} is not set)")
    if llm.enabled == "auto" and mode is Mode.ATTACH:
        return LlmUse("off: rules only (in attach mode a model takes part only with --llm)")
    limits = llm.limits()
    settings = ModelSettings(
        key=SecretStr(key),
        base_url=environ.get(BASE_URL, "").strip() or None,
        models={role: llm.model_of(role) for role in Role},
        efforts={role: llm.effort_of(role) for role in Role},
        session=limits,
        each=limits.share(llm.agent_share),
        own=llm.own_limits(),
        prices=llm.own_prices(),
        call_timeout_s=llm.call_timeout,
        attempts=llm.attempts,
        open_telemetry=llm.open_telemetry,
    )
    tracing = {name: value for name, value in environ.items() if name.startswith("LANGSMITH_")}
    return LlmUse("on", settings, tracing)
