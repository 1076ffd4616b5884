"""Checks against a real server and real users; each failure says what to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.config.load import load
from orchestrator.config.loaded import LoadedConfig
from orchestrator.config.mode import ModeDecision
from orchestrator.config.model import Mode
from orchestrator.doctor import Check, Verdict, acl, examine
from orchestrator.doctor_starts import program_of
from tests.conftest import Server, free_port
from tests.fakes import log_engine
from tests.fakes.log_store import Store
from tools.errors import UsageError


@pytest.fixture
def server(any_server: Server) -> Server:
    """Each server of the matrix."""
    return any_server


@pytest.fixture
def own_server(any_own_server: Server) -> Server:
    """Each server of the matrix."""
    return any_own_server


def loaded(folder: Path, text: str = "", **flags: object) -> LoadedConfig:
    (folder / "streamgauge.toml").write_text(text, encoding="utf-8")
    named = {key.replace("__", "."): value for key, value in flags.items()}
    return load(project=None, config_file=None, environ={}, flags=named, cwd=folder)


def send(server: Server, *command: str) -> None:
    cast("Any", server.client).execute_command(*command)


def checks(
    config: LoadedConfig, mode: Mode = Mode.ATTACH, environ: Mapping[str, str] | None = None
) -> dict[str, Check]:
    found = list(examine(config, ModeDecision(mode, ("the test says so",)), environ or {}))
    assert all(bool(check.remedy) == (check.verdict is not Verdict.OK) for check in found)
    return {check.subject: check for check in found}


def test_the_rule_that_it_prints_is_all_that_an_audit_needs(own_server: Server, tmp_path: Path) -> None:
    line = acl(loaded(tmp_path, redis__url=own_server.url).config)
    url = own_server.user(line, "secret-of-the-test")
    found = checks(loaded(tmp_path, redis__url=url))
    assert found["server"].verdict is Verdict.OK
    assert found["stream commands"].verdict is Verdict.OK
    tells = own_server.product.has_what_came_with(7, 0)  # ACL DRYRUN
    assert found["rights"].verdict is (Verdict.OK if tells else Verdict.UNKNOWN)
    assert found["user"].saw == "auditor"
    assert "secret-of-the-test" not in str(found)


def test_rights_that_the_server_does_not_tell_are_called_unknown_and_fail_nothing(
    own_server: Server, tmp_path: Path
) -> None:
    send(own_server, "ACL", "SETUSER", "mute", "on", ">pw-of-the-test", "~*", "+@all", "-acl")
    url = f"redis://mute:pw-of-the-test@127.0.0.1:{own_server.port}/0"
    found = checks(loaded(tmp_path, redis__url=url))
    assert found["rights"].verdict is Verdict.UNKNOWN
    assert "+acl|whoami" in found["rights"].remedy
    assert found["user"].saw == "mute, by its address (the server does not tell)"
    assert not any(check.verdict is Verdict.FAIL for check in found.values())


def test_a_user_that_may_write_is_warned_about(own_server: Server, tmp_path: Path) -> None:
    found = checks(loaded(tmp_path, redis__url=own_server.url))
    assert found["rights"].verdict is Verdict.WARN
    assert "doctor --acl" in found["rights"].remedy
    assert found["server"].verdict is Verdict.OK


def test_a_user_that_may_not_write_is_well(own_server: Server, tmp_path: Path) -> None:
    send(own_server, "ACL", "SETUSER", "reader", "on", ">pw-of-the-test", "~*", "+@all", "-@write")
    url = f"redis://reader:pw-of-the-test@127.0.0.1:{own_server.port}/0"
    found = checks(loaded(tmp_path, redis__url=url))
    assert (found["user"].saw, found["rights"].saw) == ("reader", "the user may not write")
    assert found["rights"].verdict is Verdict.OK


def test_a_user_with_too_few_rights_fails_with_what_to_allow(own_server: Server, tmp_path: Path) -> None:
    send(own_server, "ACL", "SETUSER", "poor", "on", ">pw-of-the-test", "-@all", "+ping")
    url = f"redis://poor:pw-of-the-test@127.0.0.1:{own_server.port}/0"
    found = checks(loaded(tmp_path, redis__url=url))
    assert found["server"].verdict is Verdict.FAIL
    assert "info" in (found["server"].saw + found["server"].remedy).lower()


def test_a_wrong_password_fails_without_being_told(own_server: Server, tmp_path: Path) -> None:
    url = f"redis://default:wrong-one@127.0.0.1:{own_server.port}/0"
    own_server.client.config_set("requirepass", "right-one")
    found = checks(loaded(tmp_path, redis__url=url))
    assert found["server"].verdict is Verdict.FAIL
    assert "wrong-one" not in str(found)


def test_a_server_that_is_not_there_fails(tmp_path: Path) -> None:
    found = checks(loaded(tmp_path, redis__url=f"redis://127.0.0.1:{free_port()}"))
    assert found["server"].verdict is Verdict.FAIL


def test_reading_that_moves_eviction_is_warned_about_where_it_does(
    own_server: Server, tmp_path: Path
) -> None:
    own_server.client.config_set("maxmemory-policy", "allkeys-lru")
    warned = "side effects" in checks(loaded(tmp_path, redis__url=own_server.url))
    assert warned is not own_server.product.has_what_came_with(7, 2)  # CLIENT NO-TOUCH


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        pytest.param('path = "logs/*.log"', Verdict.OK, id="a file is there"),
        pytest.param('path = "nowhere/*.log"', Verdict.WARN, id="no file yet"),
        pytest.param('docker = "orders"', Verdict.FAIL, id="no docker here"),
    ],
)
def test_log_sources_are_looked_for(
    tmp_path: Path, source: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "orders.log").touch()
    config = loaded(
        tmp_path, f'[[logs.sources]]\nservice = "orders"\n{source}\n', redis__url="redis://127.0.0.1:1"
    )
    assert checks(config)["logs of orders"].verdict is verdict


@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [
        pytest.param("orders", Mode.ATTACH, (Verdict.OK, "docker orders can be read"), id="there"),
        pytest.param(
            "nosuch",
            Mode.ATTACH,
            (Verdict.FAIL, "docker nosuch: Error response from daemon: No such container: nosuch"),
            id="not there",
        ),
        pytest.param(
            "nosuch",
            Mode.MANAGED,
            (Verdict.WARN, "docker nosuch, so far: Error response from daemon: No such container: nosuch"),
            id="not there yet",
        ),
    ],
)
def test_the_program_of_a_log_source_is_asked_whether_it_can_be_read(
    tmp_path: Path, name: str, mode: Mode, expected: tuple[Verdict, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    log_engine.program(tmp_path / "bin", "docker", tmp_path / "store")
    Store(tmp_path / "store", "orders").start()
    config = loaded(
        tmp_path,
        f'[[logs.sources]]\nservice = "orders"\ndocker = "{name}"\n',
        redis__url="redis://127.0.0.1:1",
    )
    check = checks(config, mode)["logs of orders"]
    assert (check.verdict, check.saw) == expected


@pytest.mark.parametrize(
    ("make", "verdict"),
    [
        pytest.param([], Verdict.OK, id="not there yet"),
        pytest.param(["SESSION_ID"], Verdict.OK, id="an older session"),
        pytest.param(["thesis.txt"], Verdict.FAIL, id="something else"),
    ],
)
def test_the_workspace_must_be_ours(tmp_path: Path, make: list[str], verdict: Verdict) -> None:
    folder = tmp_path / "monitor-session"
    for name in make:
        folder.mkdir(exist_ok=True)
        (folder / name).touch()
    assert checks(loaded(tmp_path), Mode.STATIC)["workspace"].verdict is verdict


def test_a_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = checks(loaded(tmp_path, output__state_db="file/s.db"), Mode.STATIC)
    assert found["state folder"].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("environ", "verdict"),
    [
        pytest.param({"PATH": ""}, Verdict.OK, id="the one that comes with us"),
        pytest.param(
            {"PATH": "", "REDIS_SERVER_BIN": "no-such-server"}, Verdict.FAIL, id="a named one is missing"
        ),
    ],
)
def test_the_embedded_server_is_looked_for(tmp_path: Path, environ: dict[str, str], verdict: Verdict) -> None:
    text = '[redis]\nurl = "redis://127.0.0.1:1"\nstart = "embedded"\n[services]\nstart = "true"\n'
    assert checks(loaded(tmp_path, text), Mode.MANAGED, environ)["embedded server"].verdict is verdict


STARTS = """\
[redis]
url = "redis://127.0.0.1:1"
start = "{redis}"
[services]
start = "PORT=1 there --x"
env_file = "dev.env"
[[services.list]]
name = "web"
start = "{web}"
folder = "web"
port = {port}
"""


def starts(folder: Path, *, redis: str = "there", web: str = "there", port: int = 0) -> dict[str, Check]:
    (folder / "bin").mkdir()
    program = folder / "bin" / "there"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    (folder / "web").mkdir()
    text = STARTS.format(redis=redis, web=web, port=port or free_port())
    return checks(loaded(folder, text), Mode.MANAGED, {"PATH": str(folder / "bin")})


def test_the_program_of_every_command_is_looked_for(tmp_path: Path) -> None:
    found = starts(tmp_path, web="missing --now TOKEN=hunter2hunter2")
    assert found["services' start"].verdict is Verdict.OK
    assert found["server's start"].verdict is Verdict.OK
    assert found["start of web"].verdict is Verdict.FAIL
    assert found["start of web"].saw == "missing is not on PATH"
    assert found["variables"].verdict is Verdict.FAIL
    assert "hunter2" not in str(found)


def test_a_folder_that_is_not_there_fails(tmp_path: Path) -> None:
    text = STARTS.format(redis="embedded", web="there", port=free_port())
    found = checks(loaded(tmp_path, text), Mode.MANAGED, {"PATH": ""})
    assert found["start of web"].verdict is Verdict.FAIL
    assert str(tmp_path / "web") in found["start of web"].saw


def test_a_port_that_somebody_holds_is_named_with_who_holds_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = starts(tmp_path, port=taken.getsockname()[1])
    assert found["port of web"].verdict is Verdict.FAIL
    assert f"pid {os.getpid()}" in found["port of web"].saw


def test_a_free_port_is_well(tmp_path: Path) -> None:
    assert starts(tmp_path)["port of web"].verdict is Verdict.OK


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("npm run dev:all", "npm"),
        ("A=1 B='x y' exec node a.js", "node"),
        ("cd services/x && ./run.sh", "./run.sh"),
        ("export PORT=5100; redis-server --port $PORT", "redis-server"),
        ('"${STREAMGAUGE_PYTHON:-python3}" start.py', "/opt/my python"),
        ("${OTHER:-python3} start.py", "python3"),
        ("$OTHER start.py", None),
        ("(cd x && npm run dev) & wait", None),
        ("for x in 1 2; do y; done", None),
        ("--help", None),
        ("a\x07b", None),
        ("'unbalanced", None),
        ("cd x", None),
        ("", None),
    ],
)
def test_the_program_of_a_command_is_its_first_word(command: str, program: str | None) -> None:
    assert program_of(command, {"STREAMGAUGE_PYTHON": "/opt/my python"}) == program


def test_a_rule_for_no_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No server is configured"):
        acl(loaded(tmp_path).config)
