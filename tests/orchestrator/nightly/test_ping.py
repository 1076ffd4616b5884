"""The dead-man ping against a real HTTP server that answers, refuses, cuts and never answers."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from orchestrator.nightly.ping import Dead, Ping, address
from tests.fakes.clock import ManualClock
from tests.fakes.http_peer import HttpPeer, Reply
from tools.clock import SystemClock

SECRET = "5f0d2c1e-secret-uuid"


def dead(url: str, timeout_s: float = 10.0) -> Dead:
    return Dead(f"{url}/{SECRET}", timeout_s)


@pytest.mark.parametrize(
    ("url", "step", "told"),
    [
        ("https://hc.example/ping/u", "start", "https://hc.example/ping/u/start"),
        ("https://hc.example/ping/u/", "fail", "https://hc.example/ping/u/fail"),
        ("https://hc.example/ping/u", "", "https://hc.example/ping/u"),
        ("https://hc.example/k/slug?create=1", "start", "https://hc.example/k/slug/start?create=1"),
    ],
)
def test_a_step_stands_behind_the_path(url: str, step: str, told: str) -> None:
    assert address(url, step) == told


@pytest.mark.parametrize(("well", "path"), [(True, ""), (False, "/fail")])
def test_start_and_end_are_told_in_order(well: bool, path: str) -> None:
    with HttpPeer() as peer:
        ping = Ping(dead(peer.url), ManualClock())
        ping.start()
        assert ping.end("exit code 0", well=well) == ""
    assert [request.path for request in peer.requests] == [
        f"/{SECRET}/start",
        f"/{SECRET}{path}",
    ]
    assert peer.requests[1].body == b"exit code 0"


def test_a_ping_that_fails_for_a_moment_is_tried_again() -> None:
    with HttpPeer(Reply(503), Reply(200)) as peer:
        assert Ping(dead(peer.url), ManualClock()).end("", well=True) == ""
    assert len(peer.requests) == 2


@pytest.mark.parametrize(
    ("reply", "told", "tries"),
    [
        pytest.param(Reply(404, b"not found"), "answered 404: not found", 1, id="no such check"),
        pytest.param(
            Reply(404, f"Cannot POST /{SECRET}".encode()),
            "answered 404: Cannot POST /[masked]",
            1,
            id="says the address again",
        ),
        pytest.param(Reply(500, b""), "answered 500", 2, id="fails"),
        pytest.param(Reply(cut=True), "no answer (RemoteProtocolError)", 2, id="cuts"),
        pytest.param(
            Reply(302, b"", {"Location": "http://127.0.0.1:1/"}), "answered 302", 1, id="leads elsewhere"
        ),
    ],
)
def test_what_is_not_taken_is_told_without_the_address(reply: Reply, told: str, tries: int) -> None:
    with HttpPeer(reply) as peer:
        said = Ping(dead(peer.url), ManualClock()).end("", well=True)
    assert (said, len(peer.requests)) == (told, tries)
    assert SECRET not in said


def test_a_peer_that_never_answers_costs_bounded_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ping = Ping(dead(f"http://127.0.0.1:{listener.getsockname()[1]}", 0.2), ManualClock())
        ping.start()
        assert ping.end("", well=True) == "no answer in time"


def test_a_start_that_hangs_leaves_the_end_half_the_time() -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow(HttpPeer):
        def _answer(self, handler: Any) -> None:
            if handler.path.endswith("/start"):
                entered.set()
                leave.wait(60)
            super()._answer(handler)

    with Slow() as peer:
        ping = Ping(dead(peer.url, 4.0), SystemClock())
        try:
            ping.start()
            assert entered.wait(30)
            assert ping.end("", well=True) == ""
        finally:
            leave.set()


def test_without_an_address_nothing_is_sent() -> None:
    ping = Ping(None, ManualClock())
    ping.start()
    assert ping.end("", well=False) == ""
