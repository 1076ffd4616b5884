"""A compose file tells server, services and ports; docker itself is never run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.config.finders.compose import find, project_name
from orchestrator.config.finders.starts import Service, Starts
from tests.orchestrator.config.finders.projects import with_docker, write

SHOP = """\
services:
  cache:
    image: docker.io/library/redis:7-alpine
    ports: ["127.0.0.1:6380:6379"]
  metrics:
    image: oliver006/redis_exporter
    ports: ["9121:9121"]
  db:
    image: postgres:16
  migrate:
    build: .
  seed:
    build: .
    profiles: [tools]
  orders:
    build: .
    ports: ["3001:3000"]
    depends_on:
      migrate: {condition: service_completed_successfully}
      db: {condition: service_healthy}
  payments:
    build: ./payments
"""


def found(folder: Path, text: str | bytes, environ: dict[str, str] | None = None, **values: str) -> Starts:
    starts = find(
        write(folder, {"compose.yaml": text}), with_docker(folder) if environ is None else environ, values
    )
    assert starts is not None
    return starts


def test_the_server_starts_first_and_the_services_under_a_project_name_of_our_own(tmp_path: Path) -> None:
    shop = found(tmp_path, SHOP)
    compose = f"docker compose -p {project_name(tmp_path)}"
    assert re.fullmatch(r"streamgauge-[0-9a-f]{8}", project_name(tmp_path))
    assert shop.redis_start == f"{compose} up -d --wait cache"
    assert shop.redis_stop == f"{compose} down"
    assert shop.services_start == f"{compose} up --no-color orders payments"
    assert shop.services_stop == f"{compose} stop orders payments"
    assert shop.expected == ("orders", "payments")
    assert shop.services == (Service("orders", port=3001),)
    assert (shop.redis_port, shop.redis_service, shop.patient) == (6380, "cache", True)


def test_two_projects_never_share_a_name(tmp_path: Path) -> None:
    names = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        names.add(project_name(tmp_path / name))
    assert len(names) == 2


@pytest.mark.parametrize(
    ("ports", "port"),
    [
        pytest.param('["6379:6379"]', 6379, id="plain"),
        pytest.param("[6379]", None, id="any port of this machine"),
        pytest.param('["8001:8001", "6380:6379"]', 6380, id="the server's own comes first"),
        pytest.param('["${REDIS_PORT:-6381}:6379"]', 6381, id="default of a variable"),
        pytest.param('["${SET_PORT:-6381}:6379"]', 7000, id="a variable"),
        pytest.param('["[::1]:6382:6379/tcp"]', 6382, id="IPv6"),
        pytest.param('["10.1.2.3:6379:6379"]', None, id="on another interface"),
        pytest.param('["6000-6010:6379"]', None, id="a range"),
        pytest.param("[{target: 6379, published: 6383}]", 6383, id="long form"),
        pytest.param('["99999:6379"]', None, id="no such port"),
        pytest.param("{a: b}", None, id="no list"),
    ],
)
def test_the_published_port_is_the_address(tmp_path: Path, ports: str, port: int | None) -> None:
    text = f"services:\n  r: {{image: 'valkey/valkey:8', ports: {ports}}}\n  web: {{build: .}}\n"
    shop = found(tmp_path, text, SET_PORT="7000")
    assert shop.redis_port == port
    assert shop.has_start == (port is not None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("services: [\n", "compose.yaml is not valid YAML (line 2).", id="broken"),
        pytest.param(b"\xff\xfe", "compose.yaml is not readable text.", id="no text"),
        pytest.param(
            "services: {r: {image: redis}, web: {build: .}}\n",
            "The server in compose.yaml publishes no port, so it cannot be looked at from here.",
            id="no port",
        ),
        pytest.param(
            "services: {web: {build: .}}\n", "compose.yaml has no Redis or Valkey service.", id="no server"
        ),
    ],
)
def test_what_cannot_be_used_says_why(tmp_path: Path, text: str | bytes, said: str) -> None:
    shop = found(tmp_path, text)
    assert not shop.has_start
    assert shop.redis_start is None
    assert shop.passed_over == (said,)


@pytest.mark.parametrize(
    "text", ["", "services: 5\n", "[]\n", "services:\n  a: 5\n  5: {build: .}\n", "a: &a [*a]\n"]
)
def test_odd_files_are_no_failure(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text).redis_start is None


def test_without_docker_names_and_ports_are_told_but_no_command(tmp_path: Path) -> None:
    shop = found(tmp_path, SHOP, {"PATH": ""})
    assert not shop.has_start
    assert shop.redis_start is None
    assert (shop.expected, shop.redis_port) == (("orders", "payments"), 6380)
    assert shop.passed_over == ("compose.yaml is not used: docker is not on PATH.",)


def test_docker_without_a_daemon_is_no_docker(tmp_path: Path) -> None:
    environ = {"PATH": with_docker(tmp_path)["PATH"], "HOME": str(tmp_path)}
    if Path("/var/run/docker.sock").exists():
        pytest.skip("a Docker daemon listens at /var/run/docker.sock")
    shop = found(tmp_path, SHOP, environ)
    assert shop.passed_over == (
        "compose.yaml is not used: docker is on PATH, but no daemon's socket is there.",
    )
    write(tmp_path, {".docker/config.json": {"currentContext": "colima"}})
    assert found(tmp_path, SHOP, environ).has_start
    write(tmp_path, {".docker/config.json": "{"})
    assert not found(tmp_path, SHOP, environ).has_start


@pytest.mark.parametrize("name", ["--rm", "a b", "a;rm -rf /", "$(id)", "\x1b[2J", "x" * 200, "../x"])
def test_a_hostile_name_is_no_service(tmp_path: Path, name: str) -> None:
    quoted = "'" + name.replace("'", "''") + "'" if name.isprintable() else '"\\e[2J"'
    text = (
        f"services:\n  r: {{image: redis, ports: ['1:6379']}}\n  ok: {{build: .}}\n  {quoted}: {{build: .}}\n"
    )
    assert found(tmp_path, text).expected == ("ok",)


def test_a_bomb_of_aliases_stays_small(tmp_path: Path) -> None:
    lines = ["a0: &a0 {build: .}"] + [
        f"a{at}: &a{at} {{<<: [{', '.join([f'*a{at - 1}'] * 9)}]}}" for at in range(1, 12)
    ]
    assert not found(tmp_path, "\n".join([*lines, "services: {x: *a11}"])).has_start


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.text(max_size=100))
def test_any_text_is_read(tmp_path: Path, text: str) -> None:
    found(tmp_path, b"services:\n" + text.encode("utf-8", "replace"), {"PATH": ""})
