"""What is deployed: the image and the monitoring service, held against what they promise. No engine is asked."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml

from orchestrator.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
INSTRUCTIONS = frozenset({"FROM", "RUN", "ENV", "WORKDIR", "COPY", "USER", "VOLUME", "ENTRYPOINT", "CMD"})
TEXT = {"type": "string", "minLength": 1}
COMPOSE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "services", "volumes"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "volumes": {"type": "object", "additionalProperties": {"const": {}}},
        "services": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["image", "command", "user", "read_only", "cap_drop", "security_opt", "volumes"],
                "properties": {
                    "build": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["context", "dockerfile"],
                        "properties": {"context": TEXT, "dockerfile": TEXT},
                    },
                    "image": TEXT,
                    "command": {"type": "array", "items": TEXT},
                    "env_file": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {"path": TEXT, "required": {"type": "boolean"}},
                        },
                    },
                    "user": {"type": "string", "pattern": r"^[1-9]\d*:[1-9]\d*$"},
                    "read_only": {"const": True},
                    "cap_drop": {"const": ["ALL"]},
                    "security_opt": {"const": ["no-new-privileges:true"]},
                    "tmpfs": {"type": "array", "items": {"type": "string", "pattern": "^/"}},
                    "volumes": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["type", "source", "target"],
                            "properties": {
                                "type": {"enum": ["bind", "volume"]},
                                "source": TEXT,
                                "target": {"type": "string", "pattern": "^/"},
                                "read_only": {"const": True},
                            },
                        },
                    },
                    "init": {"const": True},
                    "restart": {"enum": ["unless-stopped", "always", "on-failure", "no"]},
                    "stop_grace_period": {"type": "string", "pattern": r"^\d+[ms]$"},
                    "mem_limit": {"type": "string", "pattern": r"^\d+[mg]$"},
                    "pids_limit": {"type": "integer", "minimum": 1},
                    "logging": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "driver": TEXT,
                            "options": {"type": "object", "additionalProperties": TEXT},
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.monitor.yml").read_text(encoding="utf-8"))
    return data


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's lines, continued ones joined."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines]


def test_the_service_has_the_shape_that_compose_reads(compose: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(COMPOSE).validate(compose)
    service = compose["services"]["watch"]
    mounts = {mount["target"]: mount for mount in service["volumes"]}
    assert mounts["/project"]["read_only"] is True
    assert mounts["/state"]["source"] in compose["volumes"]
    assert ((DEPLOY / service["build"]["context"]).resolve() / service["build"]["dockerfile"]).is_file()


def test_the_service_runs_a_command_that_is_there(compose: dict[str, Any]) -> None:
    command, *words = compose["services"]["watch"]["command"]
    group = typer.main.get_command(app)
    context = group.make_context("streamgauge", [command])
    found = group.get_command(context, command)  # type: ignore[attr-defined]
    params = found.make_context(command, list(words), parent=context).params
    assert {str(params[name]) for name in ("project", "workspace", "state_db")} == {
        "/project",
        "/state/monitor-session",
        "/state/.state/orchestration.db",
    }


def test_the_image_runs_as_nobody_in_particular_and_brings_what_the_wheel_brings(
    compose: dict[str, Any],
) -> None:
    found = instructions()
    assert {name for name, _ in found} <= INSTRUCTIONS
    last = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    final = dict(found[last:])
    assert final["USER"] == compose["services"]["watch"]["user"]
    assert final["ENTRYPOINT"] == '["streamgauge"]'
    assert all(
        re.fullmatch(r"python:3\.\d+-slim-\w+( AS \w+)?", text) for name, text in found if name == "FROM"
    )
    copied = [shlex.split(text) for name, text in found if name == "COPY" and "--from" not in text]
    sources = {word for words in copied for word in words[:-1]}
    assert not [name for name in sources if not (ROOT / name).exists()]
    wheel = {"agents", "orchestrator", "prompts", "tools", "session_templates", "examples"}
    assert wheel | {"pyproject.toml", "uv.lock"} <= sources
    sent = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("!") for line in sent if line.startswith("!")} == sources
