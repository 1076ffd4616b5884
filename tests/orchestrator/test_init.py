"""`init` writes what the project's files tell, and what it writes loads."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.finders.logs import LogFile
from orchestrator.config.finders.starts import Service
from orchestrator.config.load import load
from orchestrator.config.survey import Survey, survey
from orchestrator.init import advice, initialise, render, toml_string
from tools.errors import UsageError

COMPOSE = """\
services:
  cache:
    image: docker.io/library/redis:7-alpine
    ports: ["127.0.0.1:6380:6379"]
  metrics:
    image: oliver006/redis_exporter
    ports: ["9121:9121"]
  orders:
    build: .
    ports: ["3001:3000"]
  payments:
    build: ./payments
    ports:
      - target: 3000
        published: 3002
  mail:
    build: ./mail
    ports: ["${MAIL_PORT:-3003}:3000"]
"""
SCRIPTS = {"dev:redis:memory": "x", "dev:all": "x", "dev:stop": "x", "dev:redis:stop": "x", "build": "x"}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({".env": "REDIS_URL=redis://h:1/2\n"}, {"redis_url": "redis://h:1/2"}, id="address"),
        pytest.param(
            {".env": "REDIS_URL=redis://:pw@h:1\n"}, {"redis_url": None}, id="address with a password"
        ),
        pytest.param(
            {"compose.yaml": COMPOSE},
            {
                "redis_url": "redis://127.0.0.1:6380/0",
                "expected": ("orders", "payments", "mail"),
                "services": (Service("orders", 3001), Service("payments", 3002), Service("mail", 3003)),
            },
            id="compose",
        ),
        pytest.param(
            {"compose.yaml": COMPOSE, ".env": "REDIS_URL=redis://h:1\n"},
            {"redis_url": "redis://h:1"},
            id="an address comes before a published port",
        ),
        pytest.param({"compose.yaml": "services: [\n"}, {"expected": ()}, id="broken compose"),
        pytest.param({"compose.yaml": "services: 5\n"}, {"expected": ()}, id="odd compose"),
        pytest.param(
            {"package.json": json.dumps({"scripts": SCRIPTS}), "pnpm-lock.yaml": ""},
            {
                "redis_url": "redis://127.0.0.1:6379/0",
                "redis_start": "pnpm run dev:redis:memory",
                "redis_stop": "pnpm run dev:redis:stop",
                "services_start": "pnpm run dev:all",
                "services_stop": "pnpm run dev:stop",
            },
            id="scripts",
        ),
        pytest.param({"package.json": "{"}, {"services_start": None}, id="broken scripts"),
        pytest.param(
            {"Procfile": "# web: x\nweb: node web.js\nworker: node worker.js\n"},
            {
                "redis_url": "redis://127.0.0.1:6379/0",
                "redis_start": "embedded",
                "services": (
                    Service("web", start="node web.js", env={"PORT": "5000"}),
                    Service("worker", start="node worker.js", env={"PORT": "5100"}),
                ),
            },
            id="Procfile",
        ),
        pytest.param(
            {
                "package.json": json.dumps(
                    {"scripts": {"dev:all": "concurrently 'node a/index.js' 'node b/index.js'"}}
                ),
                "logs/a.log": "",
            },
            {"prefixes": {"0": "a", "1": "b"}, "logs": (LogFile("a", "logs/a.log"),)},
            id="prefixes, and log files that would count twice",
        ),
        pytest.param(
            {"logs/orders.log": "", "worker/logs/a.log": "", "worker/logs/b.log": ""},
            {"logs": (LogFile("orders", "logs/orders.log"), LogFile("*", "worker/logs/*.log"))},
            id="logs",
        ),
    ],
)
def test_a_project_is_surveyed_and_the_result_loads(
    tmp_path: Path, files: dict[str, str], expected: dict[str, object]
) -> None:
    write(tmp_path, files)
    file, found = initialise(tmp_path, {})
    assert {name: getattr(found, name) for name in expected} == expected
    config = load(project=None, config_file=file, environ={}, flags={}, cwd=tmp_path).config
    assert (config.redis.url and config.redis.url.get_secret_value()) == found.redis_url
    assert config.services.start == found.services_start
    assert config.services.expected == found.expected
    assert [(spec.name, spec.port, spec.start, spec.env) for spec in config.services.list] == [
        (service.name, service.port, service.start, service.env) for service in found.services
    ]
    assert config.services.prefixes == found.prefixes
    logs = [] if found.has_start else [str(tmp_path / log.path) for log in found.logs]
    assert [source.path for source in config.logs.sources] == logs


def test_every_line_that_is_commented_out_is_a_setting_that_loads(tmp_path: Path) -> None:
    prose = ("# streamgauge", "# Every", "# `", "# Managed", "# In managed", "# What", "# One table")
    lines = [
        line.removeprefix("# ") if line.startswith("# ") and not line.startswith(prose) else line
        for line in render(Survey()).splitlines()
    ]
    file = tmp_path / "streamgauge.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    config = load(project=None, config_file=file, environ={}, flags={}, cwd=tmp_path).config
    assert config.redis.start == "embedded"
    assert config.expect[0].owner == "team-data"
    assert config.services.list[0].ready_group == "mail"


def test_a_password_is_not_written_down(tmp_path: Path) -> None:
    write(tmp_path, {".env": "REDIS_URL=redis://user:hunter2hunter2@h:1\n"})
    file, found = initialise(tmp_path, {})
    assert "hunter2" not in file.read_text(encoding="utf-8")
    assert "holds credentials" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param(Survey(redis_url="redis://h:1"), "", id="an address"),
        pytest.param(Survey(), "`streamgauge run` is static", id="none"),
        pytest.param(
            Survey(services_start="make up"), "`streamgauge run` is refused", id="none, but commands"
        ),
    ],
)
def test_a_missing_address_is_told_with_what_follows_and_how_to_set_it(found: Survey, said: str) -> None:
    text = " ".join(advice(found))
    assert said in text
    assert ("Set redis.url in streamgauge.toml" in text) == bool(said)


def test_a_file_that_is_there_is_left_alone_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "streamgauge.toml"
    file.write_text("# mine\n", encoding="utf-8")
    with pytest.raises(UsageError, match="--force"):
        initialise(tmp_path, {})
    assert file.read_text(encoding="utf-8") == "# mine\n"
    initialise(tmp_path, {}, force=True)
    assert "[redis]" in file.read_text(encoding="utf-8")


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        initialise(tmp_path / "nowhere", {})


@given(st.text())
def test_any_text_becomes_a_valid_toml_string(text: str) -> None:
    plain = text.encode("utf-8", "replace").decode()
    assert tomllib.loads(f"x = {toml_string(text)}")["x"] == plain


def test_hostile_names_cannot_leave_their_string_or_comment(tmp_path: Path) -> None:
    script = "concurrently -n '\"]\nredis.start=\"rm,b' 'node a.js' 'node b.js'"
    files = {
        "Procfile": 'a"]\\nredis.start="rm": x\nweb: echo \'"]\' # \\\n',
        "package.json": json.dumps({"scripts": {"dev:all": script}}),
        "logs/a\nb.log": "",
        "logs/c#[x].log": "",
    }
    write(tmp_path, files)
    found = survey(tmp_path, {})
    config = tomllib.loads(render(found))
    assert config["redis"]["start"] == "embedded"
    assert config["services"]["prefixes"] == {"b": "b"}
    assert "list" not in config["services"]
    assert "logs" not in config
