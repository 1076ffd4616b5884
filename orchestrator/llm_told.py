"""What `plan` and `doctor` tell of the language model's part. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from agents.model.prices import price_of
from agents.model.settings import ModelSettings, Role
from agents.model.tracing import wanted
from orchestrator.check import Check, Verdict
from orchestrator.config import llm_use
from orchestrator.config.model import Config, Mode
from tools.errors import ConfigError

_SUBJECT = "language model"
_LEAVES = (
    "findings with their evidence, names of services, streams and groups, lines of logs, entries, code and "
    "configuration that the model asks for by read-only functions; secrets masked"
)


def plan(config: Config, mode: Mode, environ: Mapping[str, str]) -> Iterator[str]:
    """What would leave the machine, and what it may cost. Raises ConfigError."""
    use = llm_use.decide(config.llm, mode, environ)
    if use.settings is None:
        yield f"nothing: the language model is {use.why}"
        return
    yield f"to {use.address}: {_LEAVES}"
    yield f"asks {_models(use.settings)}; at most {config.llm.max_cost_usd:.2f} USD"
    if wanted(environ):
        yield "to LangSmith: the same, as spans (LANGSMITH_TRACING is set)"


def examine(config: Config, mode: Mode, environ: Mapping[str, str]) -> Iterator[Check]:
    """Whether a model can take part. The API is not asked: the first call tells whether it takes the key."""
    try:
        use = llm_use.decide(config.llm, mode, environ)
    except ConfigError as error:
        yield Check(_SUBJECT, Verdict.FAIL, error.problem, f"{error.remedy}.")
        return
    settings = use.settings
    if settings is None:
        yield Check(_SUBJECT, Verdict.OK, use.why)
        return
    if find_spec("anthropic") is None:
        fix = "Install streamgauge again, or use --no-llm."
        yield Check(_SUBJECT, Verdict.FAIL, "the package anthropic is not installed", fix)
        return
    unknown = [model for model in settings.models.values() if price_of(model, settings.prices) is None]
    if unknown:
        fix = "Add a [[llm.prices]] entry."
        yield Check(_SUBJECT, Verdict.FAIL, f"what {unknown[0]} costs is not known", fix)
        return
    saw = f"a key is set ({llm_use.KEY}); {_models(settings)} at {use.address}; not asked"
    yield Check(_SUBJECT, Verdict.OK, f"{saw}; at most {config.llm.max_cost_usd:.2f} USD")


def _models(settings: ModelSettings) -> str:
    """Each model once, with the roles that ask it."""
    roles: dict[str, list[Role]] = {}
    for role in Role:
        roles.setdefault(settings.models[role], []).append(role)
    return ", ".join(f"{model} ({', '.join(asking)})" for model, asking in roles.items())
