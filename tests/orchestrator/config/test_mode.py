"""Managed only where nothing that is not ours can be hit."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from orchestrator.config.mode import address_of, decide, port_is_free
from orchestrator.config.model import Config, Mode
from tests.conftest import Server
from tools.errors import UsageError

START = {"start": "make up"}
HERE = {"url": "redis://127.0.0.1:6390/0", "start": "embedded"}


def free(_host: str, _port: int) -> bool:
    return True


def busy(_host: str, _port: int) -> bool:
    return False


def config(
    redis: dict[str, str] | None = None, services: dict[str, str] | None = None, mode: str | None = None
) -> Config:
    data = {"redis": redis or {}, "services": services or {}, "session": {"mode": mode}}
    return Config.model_validate(data)


@pytest.mark.parametrize(
    ("configured", "port", "wanted", "reason"),
    [
        pytest.param(
            config(HERE, START, None), free, Mode.MANAGED, "loopback and free", id="all is known and free"
        ),
        pytest.param(
            config(HERE | {"url": "redis://[::1]:6390"}, START, None),
            free,
            Mode.MANAGED,
            "[::1]:6390",
            id="IPv6",
        ),
        pytest.param(
            config(HERE | {"url": "redis://localhost"}, START, None),
            free,
            Mode.MANAGED,
            "localhost:6379",
            id="name",
        ),
        pytest.param(
            config(HERE, START, None), busy, Mode.ATTACH, "127.0.0.1:6390 is in use", id="something answers"
        ),
        pytest.param(
            config(HERE | {"url": "redis://prod:6379"}, START, None),
            free,
            Mode.ATTACH,
            "not on loopback",
            id="production",
        ),
        pytest.param(
            config(HERE | {"url": "redis://127.0.0.1.evil.example"}, START, None),
            free,
            Mode.ATTACH,
            "not on",
            id="like it",
        ),
        pytest.param(
            config(HERE | {"url": "unix:///run/r.sock"}, START, None),
            free,
            Mode.ATTACH,
            "a unix socket",
            id="socket",
        ),
        pytest.param(
            config(HERE, {}, None), free, Mode.ATTACH, "neither services.start nor", id="no services"
        ),
        pytest.param(
            config({"url": HERE["url"]}, START, None), free, Mode.ATTACH, "redis.start is not", id="no server"
        ),
        pytest.param(config({}, {}, None), free, Mode.STATIC, "no server is configured", id="project only"),
        pytest.param(config(HERE, START, "attach"), free, Mode.ATTACH, "asks for it", id="attach asked for"),
        pytest.param(config(HERE, START, "static"), free, Mode.STATIC, "asks for it", id="static asked for"),
        pytest.param(config(HERE, START, "managed"), free, Mode.MANAGED, "free", id="managed asked for"),
    ],
)
def test_the_mode_follows_from_the_configuration(
    configured: Config, port: Callable[[str, int], bool], wanted: Mode, reason: str
) -> None:
    decision = decide(configured, port_is_free=port)
    assert decision.mode is wanted
    assert reason in " ".join(decision.reasons)


@pytest.mark.parametrize(
    ("configured", "message"),
    [
        pytest.param(
            config(HERE | {"url": "redis://prod"}, START, "managed"), "not on loopback", id="not ours"
        ),
        pytest.param(config(HERE, START, "managed"), r"in use already by pid 7", id="port is held"),
        pytest.param(
            config(HERE, {}, "managed"), "neither services.start nor a start", id="no start command"
        ),
        pytest.param(config({}, {}, "attach"), "redis.url is not set", id="attach to nothing"),
        pytest.param(
            config({}, START, None), "redis.url is not set, and services.start needs it", id="services only"
        ),
        pytest.param(config(HERE, START, "replay"), "needs the session that it is of", id="replay"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(configured: Config, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        decide(configured, port_is_free=busy, holder=lambda _port: "pid 7")


def test_a_port_that_a_server_holds_is_not_free(server: Server) -> None:
    assert not port_is_free("127.0.0.1", server.port)


def test_a_port_that_nobody_holds_is_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert not port_is_free("127.0.0.1", port)
    assert port_is_free("127.0.0.1", port)


def test_an_address_holds_no_credentials() -> None:
    assert str(address_of("redis://user:hunter2@h:1/0")) == "h:1"


@pytest.mark.parametrize("url", ["redis+sentinel://127.0.0.1,127.0.0.1:2/main", "redis+cluster://localhost"])
def test_a_deployment_is_attached_to_and_never_started(url: str) -> None:
    decision = decide(config(HERE | {"url": url}, START, None), port_is_free=free)
    assert decision.mode is Mode.ATTACH
    assert "which no session starts" in decision.reasons[0]
    with pytest.raises(UsageError, match="which no session starts"):
        decide(config(HERE | {"url": url}, START, "managed"), port_is_free=free)


def test_the_address_of_a_deployment_is_one_text_however_it_is_written() -> None:
    first = address_of("redis+cluster://me:hunter2-pw@b:1,a")
    assert str(first) == "cluster at a:6379,b:1"
    assert (
        str(address_of("rediss+sentinel://me:hunter2-pw@b,a/main/2"))
        == "main/2 by Sentinel at a:26379,b:26379"
    )
    assert not first.on_loopback
