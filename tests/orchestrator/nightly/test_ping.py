"""The dead-man ping against a real HTTP server that answers, refuses, cuts and never answers."""

from __future__ import annotations

import socket

import pytest

from orchestrator.nightly.ping import Dead, Ping, address
from tests.fakes.clock import ManualClock
from tests.fakes.http_peer import HttpPeer, Reply

SECRET = "5f0d2c1e-secret-uuid"


def dead(url: str, timeout_s: float = 10.0) -> Dead:
    return Dead(f"{url}/{SECRET}", "run-1", timeout_s)


@pytest.mark.parametrize(
    ("url", "step", "told"),
    [
        ("https://hc.example/ping/u", "start", "https://hc.example/ping/u/start?rid=r"),
        ("https://hc.example/ping/u/", "fail", "https://hc.example/ping/u/fail?rid=r"),
        ("https://hc.example/ping/u", "", "https://hc.example/ping/u?rid=r"),
        ("https://hc.example/k/slug?create=1", "start", "https://hc.example/k/slug/start?create=1&rid=r"),
    ],
)
def test_a_step_stands_behind_the_path_and_the_run_in_the_query(url: str, step: str, told: str) -> None:
    assert address(Dead(url, "r", 1.0), step) == told


@pytest.mark.parametrize(("well", "path"), [(True, ""), (False, "/fail")])
def test_start_and_end_are_told_in_order_with_one_id(well: bool, path: str) -> None:
    with HttpPeer() as peer:
        ping = Ping(dead(peer.url), ManualClock())
        ping.start()
        assert ping.end("exit code 0", well=well) == ""
    assert [request.path for request in peer.requests] == [
        f"/{SECRET}/start?rid=run-1",
        f"/{SECRET}{path}?rid=run-1",
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
            Reply(404, f"Cannot POST /{SECRET}?rid=run-1".encode()),
            "answered 404: Cannot POST /[masked]?rid=run-1",
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


def test_without_an_address_nothing_is_sent() -> None:
    ping = Ping(None, ManualClock())
    ping.start()
    assert ping.end("", well=False) == ""
