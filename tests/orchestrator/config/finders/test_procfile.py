"""A Procfile is started as foreman would, one command a service."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.config.finders.procfile import find
from orchestrator.config.finders.starts import Service
from tests.orchestrator.config.finders.projects import write


@pytest.mark.parametrize(
    ("text", "services"),
    [
        pytest.param("", (), id="empty"),
        pytest.param(
            "# all\nweb: node web.js\n\nworker:  node worker.js  \n",
            (
                Service("web", start="node web.js", env={"PORT": "5000"}),
                Service("worker", start="node worker.js", env={"PORT": "5100"}),
            ),
            id="each gets its port as foreman gives them",
        ),
        pytest.param(
            "web: puma -p ${PORT:-3000}\nclock: node clock.js $PORTAL\n",
            (
                Service("web", port=5000, start="puma -p ${PORT:-3000}", env={"PORT": "5000"}),
                Service("clock", start="node clock.js $PORTAL", env={"PORT": "5100"}),
            ),
            id="a port proves life only where the command takes it",
        ),
        pytest.param(
            "release: rake db:migrate\nweb: node web.js\n",
            (Service("web", start="node web.js", env={"PORT": "5100"}),),
            id="a release is no service",
        ),
        pytest.param(
            "web: node 'a b.js' && echo \"$X\" | cat\n",
            (Service("web", start="node 'a b.js' && echo \"$X\" | cat", env={"PORT": "5000"}),),
            id="a command is left as it is",
        ),
        pytest.param(
            "a:b\r\nb: c\r\n",
            (Service("a", start="b", env={"PORT": "5000"}), Service("b", start="c", env={"PORT": "5100"})),
            id="line ends of Windows",
        ),
    ],
)
def test_each_line_is_a_service(tmp_path: Path, text: str, services: tuple[Service, ...]) -> None:
    found = find(write(tmp_path, {"Procfile": text}))
    assert found.services == services
    assert found.has_start == bool(services)
    assert found.passed_over == ()


@pytest.mark.parametrize(
    ("line", "start", "port"),
    [
        pytest.param(
            "redis: redis-server --port 6390 --save ''", "redis-server --port 6390 --save ''", 6390, id="port"
        ),
        pytest.param("redis: exec /usr/bin/redis-server", "exec /usr/bin/redis-server", None, id="no port"),
        pytest.param("valkey: valkey-server --port=7000", "valkey-server --port=7000", 7000, id="valkey"),
        pytest.param(
            "redis: redis-server --port $PORT",
            "export PORT=5100; redis-server --port $PORT",
            5100,
            id="foreman's",
        ),
        pytest.param(
            "redis: docker run --rm -p 6391:6379 redis:7",
            "docker run --rm -p 6391:6379 redis:7",
            6391,
            id="container",
        ),
        pytest.param(
            "redis: redis-server --port 99999", "redis-server --port 99999", None, id="no such port"
        ),
    ],
)
def test_a_line_that_starts_the_server_is_no_service(
    tmp_path: Path, line: str, start: str, port: int | None
) -> None:
    found = find(write(tmp_path, {"Procfile": f"web: node web.js\n{line}\nworker: node worker.js\n"}))
    assert (found.redis_start, found.redis_port) == (start, port)
    assert [service.name for service in found.services] == ["web", "worker"]
    assert found.services[1].env == {"PORT": "5200"}


def test_a_service_that_is_called_redis_but_starts_no_server_stays_one(tmp_path: Path) -> None:
    found = find(write(tmp_path, {"Procfile": "redis: node redis-proxy.js\n"}))
    assert found.redis_start is None
    assert [service.name for service in found.services] == ["redis"]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("no colon here", id="no colon"),
        pytest.param("web:", id="no command"),
        pytest.param("--help: rm -rf /", id="like an option"),
        pytest.param("we b: node x.js", id="blank in the name"),
        pytest.param("a/b: node x.js", id="path for a name"),
        pytest.param("x" * 65 + ": node x.js", id="long name"),
        pytest.param("w\x07eb: node x.js", id="control character in the name"),
        pytest.param("bell: node \x1b[2J x.js", id="control character in the command"),
        pytest.param("nul: node \x00 x.js", id="NUL"),
        pytest.param("long: " + "x" * 5000, id="long command"),
        pytest.param("good: node twice.js", id="a name twice"),
    ],
)
def test_a_bad_line_is_passed_over_and_named(tmp_path: Path, line: str) -> None:
    found = find(write(tmp_path, {"Procfile": f"good: node x.js\n{line}\n"}))
    assert [service.start for service in found.services] == ["node x.js"]
    assert found.passed_over == ("Line 2 of Procfile is no `name: command`, or its name was there before.",)


def test_variables_are_read_from_the_env_file_and_its_port_is_the_first(tmp_path: Path) -> None:
    root = write(tmp_path, {"Procfile": "web: x\nworker: y\n", ".env": "PORT=3000\n"})
    found = find(root, "3000")
    assert found.env_file == ".env"
    assert [service.env["PORT"] for service in found.services] == ["3000", "3100"]
    assert find(root, "many").services[0].env["PORT"] == "5000"


@pytest.mark.parametrize("content", [b"web: \xff\n", b"w" * 1_100_000])
def test_a_file_that_is_no_text_is_passed_over(tmp_path: Path, content: bytes) -> None:
    found = find(write(tmp_path, {"Procfile": content}))
    assert not found.has_start
    assert found.passed_over == ("Procfile is not readable text.",)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.text(max_size=200))
def test_any_text_is_read(tmp_path: Path, text: str) -> None:
    found = find(write(tmp_path, {"Procfile": text.encode("utf-8", "replace")}))
    assert all(service.name.isascii() and service.start for service in found.services)
