"""Checks against a real server and real users; each failure says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.config.load import LoadedConfig, load
from orchestrator.config.mode import ModeDecision
from orchestrator.config.model import Mode
from orchestrator.doctor import Check, Verdict, acl, examine
from tests.conftest import Server, free_port
from tools.errors import UsageError


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
    send(own_server, *line.replace(">PASSWORD", ">secret-of-the-test").split())
    url = f"redis://auditor:secret-of-the-test@127.0.0.1:{own_server.port}/0"
    found = checks(loaded(tmp_path, redis__url=url))
    assert found["server"].verdict is Verdict.OK
    assert found["stream commands"].verdict is Verdict.OK
    assert found["rights"].verdict is Verdict.OK
    assert found["user"].saw == "auditor"
    assert "secret-of-the-test" not in str(found)


def test_rights_that_the_server_does_not_tell_are_called_unknown_and_fail_nothing(
    own_server: Server, tmp_path: Path
) -> None:
    send(own_server, "ACL", "SETUSER", "mute", "on", ">pw-of-the-test", "%R~*", "+@all", "-acl")
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
    send(own_server, "ACL", "SETUSER", "reader", "on", ">pw-of-the-test", "%R~*", "+@all", "-@write")
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
    assert "side effects" not in checks(loaded(tmp_path, redis__url=own_server.url))


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


def test_a_rule_for_no_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No server is configured"):
        acl(loaded(tmp_path).config)
