"""`plan` tells what a run would do, and does none of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from orchestrator.config.load import load
from orchestrator.config.mode import decide
from orchestrator.plan import plan

FULL = """\
[redis]
url = "redis://:hunter2hunter2@127.0.0.1:6390/0"
start = "embedded"
[services]
start = "make up PASSWORD=hunter2hunter2"
[[logs.sources]]
service = "mail"
path = "mail.log"
[session]
duration = "90s"
"""


def told(
    folder: Path, text: str, mode: str | None = None, environ: Mapping[str, str] = MappingProxyType({})
) -> dict[str, list[str]]:
    (folder / "streamgauge.toml").write_text(text, encoding="utf-8")
    loaded = load(project=None, config_file=None, environ={}, flags={"session.mode": mode}, cwd=folder)
    found: dict[str, list[str]] = {}
    decision = decide(loaded.config, port_is_free=lambda _host, _port: True)
    for heading, line in plan(loaded, decision, environ):
        found.setdefault(heading, []).append(line)
    assert "hunter2" not in json.dumps(found)
    return found


def test_a_managed_session_names_every_command_it_would_start(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n", encoding="utf-8")
    found = told(tmp_path, FULL)
    assert found["mode"][0].startswith("managed")
    assert found["window"] == ["1m30s, streams are looked at every 15s"]
    assert "starts the server: embedded" in found["processes"]
    assert any(line.startswith("starts the services: make up") for line in found["processes"])
    assert any("127.0.0.1:6390" in line for line in found["Redis"])
    assert "the output of the services that it starts" in found["logs"]
    assert found["leaves the machine"] == [
        "nothing: the language model is off: rules only (ANTHROPIC_API_KEY is not set)"
    ]
    assert "1 .py" in found["files read"][0]


def test_every_start_command_is_told_masked_and_of_its_variables_the_names(tmp_path: Path) -> None:
    text = FULL.replace(
        "[[logs.sources]]",
        'env_file = "dev.env"\n[[services.list]]\nname = "web"\nstart = "TOKEN=hunter2hunter2 node web.js"\n'
        'folder = "web"\nenv = { API_KEY = "hunter2hunter2", PORT = "5000" }\n[[logs.sources]]',
        1,
    )
    processes = told(tmp_path, text)["processes"]
    assert any(line.startswith("starts the services: make up") for line in processes)
    (own,) = [line for line in processes if line.startswith("starts web: ")]
    assert own.endswith(f"node web.js (in {tmp_path / 'web'}) with API_KEY, PORT set")
    assert f"reads variables for these commands from {tmp_path / 'dev.env'}" in processes


def test_what_was_detected_is_told_with_where_it_is_from(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: node web.js\nbad line\n", encoding="utf-8")
    loaded = load(project=None, config_file=None, environ={"PATH": ""}, flags={}, cwd=tmp_path)
    found = list(plan(loaded, decide(loaded.config, port_is_free=lambda _host, _port: True), {}))
    assert ("configured by", "nothing but what follows") in found
    assert ("detected", "a start command for each of 1 services, from Procfile: web") in found
    assert any(heading == "detected" and line.startswith("not used: Line 2") for heading, line in found)
    assert ("processes", "starts web: node web.js with PORT set") in found
    assert ("processes", "starts the server: embedded") in found


def test_an_attached_session_starts_and_stops_nothing(tmp_path: Path) -> None:
    found = told(tmp_path, FULL, "attach")
    assert "starts and stops nothing of the audited system" in found["processes"]
    assert not any("services" in line or "BGSAVE" in line for lines in found.values() for line in lines)


def test_a_log_that_a_program_gives_is_planned_with_its_command(tmp_path: Path) -> None:
    sources = '[[logs.sources]]\nservice = "pay"\nkubectl = "shop/deployment/pay"\n'
    found = told(tmp_path, FULL + sources, "attach")
    command = "kubectl logs --timestamps --cache-dir=/dev/null --follow --namespace=shop -- deployment/pay"
    assert found["logs"] == [
        f"mail: {tmp_path / 'mail.log'}",
        f"pay: kubectl shop/deployment/pay, by the command {command}",
    ]


def test_a_static_session_has_no_server_and_no_window(tmp_path: Path) -> None:
    found = told(tmp_path, FULL, "static")
    assert "Redis" not in found
    assert "logs" not in found
    assert found["window"] == ["none: it ends when every file has been looked at"]


@pytest.mark.parametrize("mode", ["attach", "static"])
def test_whether_it_waits_for_investigators_is_told(tmp_path: Path, mode: str) -> None:
    waits = told(tmp_path, FULL + 'hold = "5m"\n', mode=mode)
    assert waits["window"][0].endswith("; then up to 5m for investigators beside it")


def test_planning_leaves_no_trace(tmp_path: Path) -> None:
    told(tmp_path, FULL)
    assert [path.name for path in tmp_path.iterdir()] == ["streamgauge.toml"]


def test_whether_entries_are_sampled_is_told(tmp_path: Path) -> None:
    assert any("bounded XRANGE of their new entries" in line for line in told(tmp_path, FULL)["Redis"])
    off = told(tmp_path, FULL.replace("[redis]\n", "[redis]\nsamples = false\n"))["Redis"]
    assert "no stream entry is sampled (redis.samples is off)" in off
    assert not any("new entries" in line for line in off)


def test_with_a_model_it_is_told_what_leaves_where_to_and_for_how_much(tmp_path: Path) -> None:
    environ = {
        "ANTHROPIC_API_KEY": "sk-ant-hunter2",
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_API_KEY": "hunter2",
    }
    text = FULL + '[llm]\nmax_cost_usd = 0.5\nmodels = { "synthesis" = "claude-haiku-5-5" }\n'
    first, models, spans = told(tmp_path, text, environ=environ)["leaves the machine"]
    assert first.startswith("to api.anthropic.com: findings with their evidence")
    assert "secrets masked" in first
    assert "claude-haiku-5-5 (orchestrator, synthesis)" in models
    assert models.endswith("at most 0.50 USD")
    assert "LangSmith" in spans
