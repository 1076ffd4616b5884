"""Whether a model takes part, and which mistakes in `[llm]` are told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from agents.model.settings import Role
from orchestrator.config.llm import LlmSection
from orchestrator.config.llm_use import decide
from orchestrator.config.load import load
from orchestrator.config.model import Mode
from tests.agents.model_scene import ask, client_scene
from tests.fakes.messages_api import MessagesApi, says
from tools.errors import ConfigError
from tools.workspace import Workspace

KEY = {"ANTHROPIC_API_KEY": "sk-ant-test"}


@pytest.mark.parametrize(
    ("enabled", "mode", "environ", "on", "why"),
    [
        pytest.param("auto", Mode.MANAGED, KEY, True, "on", id="auto with a key"),
        pytest.param("auto", Mode.STATIC, KEY, True, "on", id="auto, static"),
        pytest.param("auto", Mode.ATTACH, KEY, False, "only with --llm", id="auto, attach"),
        pytest.param(True, Mode.ATTACH, KEY, True, "on", id="true, attach"),
        pytest.param(
            "auto", Mode.MANAGED, {}, False, "ANTHROPIC_API_KEY is not set", id="auto without a key"
        ),
        pytest.param(
            "auto", Mode.MANAGED, {"ANTHROPIC_API_KEY": " "}, False, "is not set", id="an empty key"
        ),
        pytest.param(False, Mode.MANAGED, KEY, False, "llm.enabled is false", id="false"),
    ],
)
def test_when_a_model_takes_part(
    enabled: bool | str, mode: Mode, environ: dict[str, str], on: bool, why: str
) -> None:
    use = decide(LlmSection.model_validate({"enabled": enabled}), mode, environ)
    assert (use.on, why in use.why) == (on, True)


def test_a_model_that_is_asked_for_without_a_key_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"ANTHROPIC_API_KEY is not set.*--no-llm"):
        decide(LlmSection(enabled=True), Mode.MANAGED, {})


def test_the_settings_of_the_client() -> None:
    section = LlmSection(
        max_cost_usd=0.3,
        agent_share=0.25,
        agent_shares={"synthesis": 0.5},
        models={"synthesis": "claude-haiku-5-5"},
    )
    settings = decide(section, Mode.MANAGED, KEY | {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}).settings
    assert settings is not None
    assert (settings.session.usd, settings.each.usd) == (Decimal("0.3"), Decimal("0.075"))
    assert {role: limits.usd for role, limits in settings.own.items()} == {Role.SYNTHESIS: Decimal("0.15")}
    assert settings.models[Role.SYNTHESIS] == "claude-haiku-5-5"
    assert settings.base_url == "http://127.0.0.1:9"
    assert "sk-ant-test" not in repr(settings)
    assert settings.open_telemetry is False


@pytest.mark.parametrize("on", [False, True])
async def test_the_sdk_makes_spans_where_they_are_asked_for_and_never_with_content(
    on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its variables say: they may be set for the audited project."""
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", str(not on))
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE", "content")
    with MessagesApi(lambda _: says({"said": "fine"})) as api:
        async with client_scene(api, Workspace(tmp_path / "session"), open_telemetry=on) as scene:
            assert (await scene.client.ask(ask())).text
            _, sdk_client = await scene.client.connected()
    traces = sdk_client._open_telemetry["traces"]
    assert (traces["enabled"], traces["content_mode"]) == (on, "metadata_only")


PRICE = """
[[llm.prices]]
model = "claude-next"
input = 3.0
output = 15
cache_write = 3.75
cache_read = 0.3
as_of = "2026-12-01"
"""


def loaded(folder: Path, text: str) -> LlmSection:
    (folder / "streamgauge.toml").write_text(text, encoding="utf-8")
    return load(project=None, config_file=None, environ={}, flags={}, cwd=folder).config.llm


def test_a_model_without_a_known_price_is_refused_unless_one_is_configured(tmp_path: Path) -> None:
    text = '[llm]\nmodels = { "log-watcher" = "claude-next" }\n'
    with pytest.raises(ConfigError, match=r"streamgauge.toml:2: llm.models: log-watcher asks claude-next"):
        loaded(tmp_path, text)
    section = loaded(tmp_path, text + PRICE)
    (price,) = section.own_prices()
    assert (price.input, price.cache_write) == (Decimal("3.0"), Decimal("3.75"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('[llm]\nmodels = { "boss" = "x" }\n', "there is no role 'boss'", id="role"),
        pytest.param('[llm]\neffort = { "synthesis" = "huge" }\n', "there is no effort 'huge'", id="effort"),
        pytest.param("[llm]\nmax_cost_usd = -1\n", "out of range", id="cost"),
        pytest.param("[llm]\nagent_share = 2.0\n", "out of range", id="share"),
        pytest.param("[llm]\nagent_shares = { synthesis = 0.0 }\n", "more than 0", id="a share of nothing"),
        pytest.param(
            "[llm]\nagent_shares = { boss = 0.1 }\n", "there is no role 'boss'", id="share of nobody"
        ),
        pytest.param('[llm]\nkey = "sk-ant-x"\n', "unknown key", id="a key in the file"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loaded(tmp_path, text)
