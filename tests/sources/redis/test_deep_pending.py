"""A message deep in a long pending list is found within the stated polls, and stays in sight until it is gone."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.conftest import Server
from tests.detectors.eyes import Watch, watching
from tests.sources.redis.raw import client_of
from tools.detectors.streams.pending_for import too_long
from tools.detectors.streams.tracks import tracks
from tools.detectors.thresholds import Limits
from tools.sources.records import PendingEntry
from tools.sources.redis.deep_pending import SWEEP_ENTRIES_PER_POLL, WATCHED_PER_GROUP
from tools.sources.redis.pending import PAGE_ENTRIES

LENGTH = 12_000
DEEP = "11500-0"
HOUR = Limits(pending_idle=3600)
"""So long that no message of these tests becomes stuck by itself."""

GIVEN = Limits(pending_idle=60)


@pytest.fixture
def pending(server: Server) -> Any:
    """A group with so many messages in hand."""
    client = client_of(server)
    pipe = client.pipeline(transaction=False)
    for number in range(1, LENGTH + 1):
        pipe.xadd("s", {"a": 1}, id=f"{number}-0")
    pipe.execute()
    client.xgroup_create("s", "g", "0")
    client.xreadgroup("g", "c", {"s": ">"}, count=LENGTH)
    return client


def age(client: Any, entry_id: str, idle_ms: int = 4_000_000, deliveries: int = 1) -> None:
    client.xclaim("s", "g", "c", 0, [entry_id], idle=idle_ms, retrycount=deliveries, justid=True)


def seen(watch: Watch, client: Any) -> dict[str, PendingEntry]:
    client.set("other", "work")  # or the poll would be a quiet one
    group = watch.poll().streams[0].groups[0]
    return {entry.id: entry for entry in group.pending}


def test_a_stuck_message_is_found_within_the_stated_polls_and_stays(server: Server, pending: Any) -> None:
    age(pending, DEEP)
    with watching(server, HOUR) as watch:
        found = [DEEP in seen(watch, pending) for _ in range(math.ceil(LENGTH / SWEEP_ENTRIES_PER_POLL))]
        assert found[-1]
        for _ in range(4):
            assert seen(watch, pending)[DEEP].idle > 3_600_000
            assert watch.told("stream.stuck-message") == ["HIGH"]
        pending.xack("s", "g", DEEP)
        assert DEEP not in seen(watch, pending)
        assert watch.told("stream.stuck-message") == []


def test_claiming_it_again_does_not_make_it_young(server: Server, pending: Any) -> None:
    with watching(server, GIVEN) as watch:
        age(pending, DEEP, idle_ms=61_000)
        for _ in range(math.ceil(LENGTH / SWEEP_ENTRIES_PER_POLL)):
            seen(watch, pending)
        for _ in range(5):
            age(pending, DEEP, idle_ms=0)
            assert DEEP in seen(watch, pending)
        track = tracks(watch.view())["s"]
        waits = too_long(watch.view(), track, track.now.groups[0])
        assert {entry.id: ms >= 75_000 for entry, ms in waits.items()}[DEEP]


def test_a_message_delivered_often_is_found_among_many_that_are_stuck(server: Server, pending: Any) -> None:
    for number in range(1, 3_000, 10):
        age(pending, f"{number}-0")
    age(pending, DEEP, idle_ms=0, deliveries=7)
    with watching(server, HOUR) as watch:
        for _ in range(4):
            entries = seen(watch, pending)
            assert len(entries) <= 3 * PAGE_ENTRIES + WATCHED_PER_GROUP
        assert entries[DEEP].deliveries == 7
        assert watch.told("stream.delivery-failure") == ["HIGH"]
