"""Reads that give nothing and do not wait, counted by a real server: on the limit, past it, and what is no such read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import redis

from tests.conftest import Server
from tests.detectors.eyes import Watch, watching
from tests.detectors.streams.crafted import index, use
from tests.detectors.streams.on_servers.scenes import Scene
from tools.detectors.contract import LiveView
from tools.detectors.live import polling_reads
from tools.findings.rule import Symptom
from tools.sources.records import CodeKind

STEPS = 4
SPAN_S = 60
LIMIT = 20 * SPAN_S
"""Reads over the span that are allowed to give nothing."""


def ask(scene: Scene, times: int) -> None:
    """Read without BLOCK, and get nothing."""
    pipe = scene.client.pipeline(transaction=False)
    for _ in range(times):
        pipe.xreadgroup("g", "c", {"s": ">"})
    pipe.execute()


def told(watch: Watch, code: Any = None) -> list[Symptom]:
    view = LiveView(polls=tuple(watch.polls), judgement=watch.judgement, code=code)
    return list(polling_reads.detect(view))


def over_a_minute(watch: Watch, scene: Scene, reads: int) -> None:
    """So many reads between five polls."""
    watch.poll()
    for step in range(STEPS):
        share = reads // STEPS + (reads % STEPS if step == 0 else 0)
        ask(scene, share)
        watch.poll()
    # Pauses between batches move this clock too: the span is a little longer than a minute.
    last = msgspec.structs.replace(watch.polls[-1], at_ms=watch.polls[0].at_ms + SPAN_S * 1000)
    watch.polls[-1] = last


@contextmanager
def blocked(server: Server) -> Iterator[None]:
    """A worker that waits in a read."""
    kind: Any = redis.Connection
    connection = kind(port=server.port, client_name="waiter")
    connection.connect()
    connection.send_command("XREADGROUP", "GROUP", "g", "w", "BLOCK", 0, "STREAMS", "s", ">")
    clients: list[dict[str, str]] = []
    for _ in range(1000):
        clients = [item for item in server.client.client_list() if item["name"] == "waiter"]
        if clients and "b" in clients[0]["flags"]:
            break
    assert "b" in clients[0]["flags"]
    try:
        yield
    finally:
        connection.disconnect()


@pytest.mark.parametrize(("reads", "symptoms"), [(LIMIT, 0), (LIMIT + 1, 1)])
def test_on_the_limit_and_one_past_it(server: Server, reads: int, symptoms: int) -> None:
    scene = Scene(server)
    scene.client.client_setname("poller")
    with watching(server) as watch:
        over_a_minute(watch, scene, reads)
        found = told(watch)
        assert len(found) == symptoms
        for symptom in found:
            assert "poller" in symptom.recommendation
            texts = [msgspec.json.encode(poll).decode() for poll in watch.polls]
            assert all(quote.text in texts[quote.locator.poll or 0] for quote in symptom.evidence)


def test_ten_times_as_many_weigh_more(server: Server) -> None:
    scene = Scene(server)
    with watching(server) as watch:
        over_a_minute(watch, scene, 10 * LIMIT + 40)
        (symptom,) = told(
            watch, index(use(CodeKind.XREADGROUP, "s", block="5000"), use(CodeKind.XREADGROUP, "t", "b.py"))
        )
        assert str(symptom.priority) == "P2_MEDIUM"
        assert symptom.files == ("b.py:7",)


def test_reads_that_can_have_given_something_do_not_count(server: Server) -> None:
    scene = Scene(server)
    scene.client.xgroup_create("s", "other", "0")
    with watching(server) as watch:
        scene.client.set("other", "work")
        watch.poll()
        scene.add(LIMIT)
        for _ in range(STEPS):
            ask(scene, LIMIT // 2)
            watch.poll()
        assert told(watch) == []


def test_readers_that_wait_are_no_pollers(server: Server) -> None:
    scene = Scene(server)
    with watching(server) as watch, blocked(server):
        over_a_minute(watch, scene, LIMIT + 1)
        assert told(watch) == []


def test_a_poller_beside_readers_that_wait_is_told_where_there_is_no_doubt(server: Server) -> None:
    scene = Scene(server)
    with watching(server) as watch, blocked(server):
        over_a_minute(watch, scene, 12 * LIMIT)
        (symptom,) = told(watch)
        assert symptom.confidence < 0.9


def test_a_short_window_and_unknown_clients_prove_nothing(server: Server) -> None:
    scene = Scene(server)
    with watching(server) as watch:
        over_a_minute(watch, scene, 4 * LIMIT)
        whole = list(watch.polls)
        watch.polls = whole[1:]
        assert told(watch) == []
        watch.polls = [msgspec.structs.replace(poll, clients=None) for poll in whole]
        assert told(watch) == []
        watch.polls = [msgspec.structs.replace(poll, after_gap=poll.number == 3) for poll in whole]
        assert told(watch) == []
