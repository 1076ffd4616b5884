"""`run --nightly` as it is called: its settings, its pings, its exit codes. Static sessions of a file or two."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cli import boundary, nightly_run
from orchestrator.cli.nightly_run import Chance
from orchestrator.cli.request import Request, read
from orchestrator.cli.run import Show
from orchestrator.session.lock import hold
from orchestrator.store import database
from tests.fakes.clock import ManualClock
from tests.fakes.http_peer import HttpPeer, Reply
from tools.clock import StopSignal
from tools.errors import ConfigError, LockHeld

VARIABLE = "STREAMGAUGE_NIGHTLY_PING_URL"
ALERTS = "receivers: [{name: c, console: {}}]\nroute: {receiver: c, notify_on: []}\n"


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    with HttpPeer() as running:
        yield running


def write(folder: Path, config: str = "") -> Path:
    (folder / "app.py").write_text("import redis\nredis.Redis().xadd('orders', {'a': 1})\n", encoding="utf-8")
    (folder / "streamgauge.toml").write_text(f"{config}\n[session]\nmode = 'static'\n", encoding="utf-8")
    return folder


def nightly(
    folder: Path, peer: HttpPeer | None = None, clock: ManualClock | None = None, **flags: object
) -> int:
    given = {"session.mode": "static"} | {key.replace("__", "."): value for key, value in flags.items()}
    environ = {} if peer is None else {VARIABLE: f"{peer.url}/secret-uuid"}
    request = Request(flags=given, nightly=True)
    state = boundary.StateFolder(folder / ".state")
    chance = Chance(wait_s=lambda most: most / 2)
    return nightly_run.run(request, Show(plain=True), environ, folder, state, clock or ManualClock(), chance)


def paths(peer: HttpPeer) -> list[str]:
    return [request.path.removeprefix("/secret-uuid").partition("?")[0] for request in peer.requests]


def test_the_profile_holds_where_nobody_gave_a_setting(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "alerts.yaml").write_text(ALERTS, encoding="utf-8")
    state = boundary.StateFolder(tmp_path)
    told = read(Request(nightly=True), {}, tmp_path, state)
    assert (told.config.fail_on, told.config.alerts.file) == ("new:high", tmp_path / "alerts.yaml")
    assert told.origins["fail_on"] == "--nightly"
    plain = read(Request(), {}, tmp_path, state).config
    assert (plain.fail_on, plain.alerts.file) == ("high", None)


@pytest.mark.parametrize("given", ["file", "variable", "flag"])
def test_every_other_layer_wins_over_the_profile(tmp_path: Path, given: str) -> None:
    write(tmp_path, "fail_on = 'low'" if given == "file" else "")
    environ = {"STREAMGAUGE_FAIL_ON": "low"} if given == "variable" else {}
    flags = {"fail_on": "low"} if given == "flag" else {}
    loaded = read(Request(flags=flags, nightly=True), environ, tmp_path, boundary.StateFolder(tmp_path))
    assert (loaded.config.fail_on, loaded.config.alerts.file) == ("low", None)


def test_who_switched_the_store_off_has_a_night_without_alerts(tmp_path: Path) -> None:
    write(tmp_path, "[store]\nenabled = false")
    (tmp_path / "alerts.yaml").write_text(ALERTS, encoding="utf-8")
    told = read(Request(nightly=True), {}, tmp_path, boundary.StateFolder(tmp_path)).config
    assert (told.store.enabled, told.alerts.file) == (False, None)


def test_a_night_pings_start_and_end_and_leaves_archive_and_store(
    tmp_path: Path, peer: HttpPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    (tmp_path / "alerts.yaml").write_text(ALERTS, encoding="utf-8")
    assert nightly(tmp_path, peer, fail_on="never", nightly__jitter="20m") == boundary.OK
    assert paths(peer) == ["/start", ""]
    assert peer.requests[1].body == b"exit code 0: nothing at or above never"
    told = capsys.readouterr()
    assert "begins in 10m (nightly.jitter)" in told.err
    assert "secret-uuid" not in told.out + told.err
    assert list((tmp_path / ".archive").glob("*.zip"))
    with database.open_store(tmp_path / ".state" / "orchestration.db") as store:
        assert store.one("SELECT count(*) FROM runs") == 1
    left = [path for path in (tmp_path / "monitor-session").rglob("*") if path.is_file()]
    assert not [path for path in left if b"secret-uuid" in path.read_bytes()]


def test_sigterm_ends_the_wait_before_a_session_and_is_told(tmp_path: Path, peer: HttpPeer) -> None:
    class Ended(ManualClock):
        def sleep_until(self, when: float, stop: StopSignal) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            super().sleep_until(when, stop)

    write(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    assert nightly(tmp_path, peer, Ended(), nightly__jitter="20m") == boundary.TERMINATED
    assert paths(peer) == ["/fail"]
    assert signal.getsignal(signal.SIGTERM) == before
    assert not (tmp_path / "monitor-session").exists()


def test_findings_are_no_failure_of_the_night_and_a_ping_that_fails_none_of_the_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    service = "{image: x, ports: ['3001:3001']}"
    (tmp_path / "docker-compose.yml").write_text(
        f"services:\n  a: {service}\n  b: {service}\n", encoding="utf-8"
    )
    with HttpPeer(Reply(404, b"")) as peer:
        assert nightly(tmp_path, peer, fail_on="info") == boundary.FINDINGS
    assert paths(peer) == ["/start", ""]
    assert "the ping was not taken: answered 404" in capsys.readouterr().err


def test_a_session_beside_another_is_refused_and_pings_no_end(tmp_path: Path, peer: HttpPeer) -> None:
    write(tmp_path)
    subject = (("workspace", str((tmp_path / "monitor-session").resolve())),)
    with hold(tmp_path / ".state" / "locks", subject, "other"), pytest.raises(LockHeld) as refused:
        nightly(tmp_path, peer)
    assert boundary.code_of(refused.value) == boundary.HELD
    assert paths(peer) in (["/start"], [])


def test_a_configuration_that_cannot_be_read_is_a_failure_that_is_told(
    tmp_path: Path, peer: HttpPeer
) -> None:
    write(tmp_path, "fail_on = 'sometimes'")
    with pytest.raises(ConfigError):
        nightly(tmp_path, peer)
    assert paths(peer) == ["/fail"]
    assert peer.requests[0].body.startswith(b"exit code 2: bad usage")


@pytest.mark.parametrize(
    "url", ["ftp://hc.example/secret-uuid", "hc.example/secret-uuid", "https:// secret-uuid"]
)
def test_an_address_that_cannot_be_pinged_is_refused_unseen(tmp_path: Path, url: str) -> None:
    write(tmp_path)
    with pytest.raises(ConfigError, match="is no http:// or https:// address") as refused:
        read(Request(), {VARIABLE: url}, tmp_path, boundary.StateFolder(tmp_path))
    assert "secret-uuid" not in str(refused.value)
