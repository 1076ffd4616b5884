"""Pending ids whose entry is gone: certain by position, or looked up within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Server
from tests.detectors.eyes import Watch, watching
from tests.sources.redis.raw import client_of
from tools.detectors.thresholds import Limits
from tools.sources.redis.ghosts import LOOKUPS_PER_POLL

MANY = 90
STUCK = Limits(pending_idle=60)


@pytest.fixture
def client(server: Server) -> Any:
    """A group with so many messages that nobody acknowledged for long."""
    made = client_of(server)
    for number in range(1, MANY + 1):
        made.xadd("s", {"a": 1}, id=f"{number}-0")
    made.xgroup_create("s", "g", "0")
    made.xreadgroup("g", "c", {"s": ">"}, count=MANY)
    ids = [f"{number}-0" for number in range(1, MANY + 1)]
    made.xclaim("s", "g", "c", 0, ids, idle=100_000, justid=True)
    return made


def ghosts(watch: Watch, client: Any) -> set[str]:
    client.set("other", "work")  # or the poll would be a quiet one
    return {entry.id for entry in watch.poll().streams[0].groups[0].pending if entry.gone}


def lookups(client: Any) -> int:
    """Look-ups of single entries since they were last asked for."""
    count = int(client.info("commandstats").get("cmdstat_xrange", {}).get("calls", 0))
    client.config_resetstat()
    return count


def test_without_deletions_nothing_is_looked_up(server: Server, client: Any) -> None:
    client.xtrim("s", maxlen=MANY - 10, approximate=False)
    with watching(server, STUCK) as watch:
        told = watch.poll().streams[0].info.max_deleted_entry_id is not None
        lookups(client)
        assert ghosts(watch, client) == {f"{number}-0" for number in range(1, 11)}
        assert lookups(client) == (0 if told else LOOKUPS_PER_POLL)  # before 7.0 the server does not tell


def test_look_ups_are_bounded_and_reach_every_message_in_turn(server: Server, client: Any) -> None:
    gone = {f"{number}-0" for number in range(2, MANY, 2)}
    client.xdel("s", *gone, f"{MANY}-0")
    with watching(server, STUCK) as watch:
        watch.poll()
        for _ in range(3):
            lookups(client)
            found = ghosts(watch, client)
            assert lookups(client) <= LOOKUPS_PER_POLL
        assert found == gone | {f"{MANY}-0"}
        assert watch.told("stream.ghost-pending") == ["HIGH"]


def test_a_stream_without_entries_has_only_ghosts_pending(server: Server, client: Any) -> None:
    client.xtrim("s", maxlen=0, approximate=False)
    with watching(server, STUCK) as watch:
        assert len(ghosts(watch, client)) == MANY


def test_what_was_found_there_is_looked_at_again(server: Server, client: Any) -> None:
    client.xdel("s", f"{MANY}-0")
    with watching(server, STUCK) as watch:
        ghosts(watch, client)
        ghosts(watch, client)
        client.xdel("s", "3-0")
        assert "3-0" in ghosts(watch, client) | ghosts(watch, client)
