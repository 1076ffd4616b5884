"""The last look reads every pending entries list to its end, or says how far it came."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from orchestrator.session.final_state import unread_gap
from tests.conftest import Server
from tests.servers.cluster import Cluster
from tests.sources.redis.raw import client_of
from tests.sources.redis.test_cluster import Eyes
from tests.sources.redis.test_databases import DatabaseEyes
from tools.sources.records import GroupState, Poll
from tools.sources.redis.all_pending import PAGE_ENTRIES, Budget, UnreadPending

LENGTH = 2_500


def give(client: redis.Redis, stream: str, count: int, group: str | bytes = "g") -> None:
    """A group with so many messages in hand."""
    pipe = client.pipeline(transaction=False)
    for number in range(1, count + 1):
        pipe.xadd(stream, {"a": 1}, id=f"{number}-0")
    pipe.execute()
    take(client, stream, count, group)


def take(client: redis.Redis, stream: str, count: int, group: str | bytes) -> None:
    client.xgroup_create(stream, group, "0")
    client.xreadgroup(group, "c", {stream: ">"}, count=count)  # type: ignore[arg-type]  # bytes are names too


def group_of(poll: Poll, stream: str, number: int = 0) -> GroupState:
    state = poll.stream(stream)
    assert state is not None
    return state.groups[number]


def ids(group: GroupState) -> list[str]:
    return [entry.id for entry in group.pending]


def all_of(count: int) -> list[str]:
    return [f"{number}-0" for number in range(1, count + 1)]


@pytest.fixture
def eyes(server: Server) -> Iterator[Eyes]:
    made = Eyes(server.url)
    yield made
    made.deployment.close()


@pytest.mark.parametrize("count", [101, PAGE_ENTRIES, PAGE_ENTRIES + 1, LENGTH])
def test_a_long_list_is_there_whole_in_order_and_once(any_server: Server, count: int) -> None:
    client = client_of(any_server)
    give(client, "s", count)
    client.xclaim("s", "g", "other", 0, ["7-0"], idle=4_000_000, retrycount=9, justid=True)
    eyes = Eyes(any_server.url)
    before = client.xpending_range("s", "g", "-", "+", count)
    look = eyes.poll()
    poll, unread = eyes.source.read_all_pending(look)
    eyes.deployment.close()
    group = group_of(poll, "s")
    assert ids(group) == all_of(count)
    assert (group.pending_complete, unread) == (True, ())
    assert [(entry.consumer, entry.deliveries) for entry in group.pending[5:8]] == [
        ("c", 1),
        ("other", 9),
        ("c", 1),
    ]
    assert group.pending[6].idle >= 4_000_000
    assert poll.cost.server_us > look.cost.server_us
    assert poll.cost.round_trips > look.cost.round_trips
    after = client.xpending_range("s", "g", "-", "+", count)
    assert [row["times_delivered"] for row in after] == [row["times_delivered"] for row in before]


def test_lists_that_the_look_read_whole_are_not_asked_for_again(server: Server, eyes: Eyes) -> None:
    give(server.client, "s", 100)
    look = eyes.poll()
    server.client.config_resetstat()
    poll, unread = eyes.source.read_all_pending(look)
    assert (poll.streams, unread) == (look.streams, ())
    assert "cmdstat_xpending" not in server.client.info("commandstats")


def test_where_the_entries_of_the_budget_end_the_shortest_lists_are_whole(server: Server, eyes: Eyes) -> None:
    for stream, count in (("a-long", LENGTH), ("b-short", 150), ("c-middle", 300)):
        give(server.client, stream, count)
    poll, unread = eyes.source.read_all_pending(eyes.poll(), Budget(entries=1_000))
    assert ids(group_of(poll, "b-short")) == all_of(150)
    assert ids(group_of(poll, "c-middle")) == all_of(300)
    group = group_of(poll, "a-long")
    assert not group.pending_complete
    assert ids(group)[:550] == all_of(550)
    assert ids(group) == sorted(set(ids(group)), key=lambda entry_id: int(entry_id[:-2]))
    why = "the budget of 1,000 entries was used up"
    read = len(group.pending)
    assert unread == (UnreadPending(stream="a-long", group="g", read=read, pending=LENGTH, why=why),)
    gap = unread_gap(unread, 5)
    assert gap.what == "the final state: all pending entries of 1 group"
    assert gap.why == f"of group g on a-long {read:,} of 2,500 were read, for {why}"
    assert (gap.blind, gap.source) == (False, "streams/final_state.json")


def test_a_budget_that_suffices_exactly_leaves_nothing_unread(server: Server, eyes: Eyes) -> None:
    give(server.client, "s", PAGE_ENTRIES * 2)
    poll, unread = eyes.source.read_all_pending(eyes.poll(), Budget(entries=PAGE_ENTRIES * 2))
    assert (ids(group_of(poll, "s")), unread) == (all_of(PAGE_ENTRIES * 2), ())


def test_the_seconds_of_the_budget_end_it_too(server: Server, eyes: Eyes) -> None:
    for number in range(20):
        give(server.client, f"s{number:02}", 1_000)
    poll, unread = eyes.source.read_all_pending(eyes.poll(), Budget(seconds=0.5))
    whole = [state for state in poll.streams if state.groups[0].pending_complete]
    assert whole
    assert unread
    assert len(whole) + len(unread) == 20
    assert {one.why for one in unread} == {"the budget of 0.5 s was used up"}
    gap = unread_gap(unread, 5)
    assert gap.why.endswith(f"; and {len(unread) - 5} more groups")


class _Set:
    def is_set(self) -> bool:
        return True


def test_a_stop_ends_it_at_once(server: Server, eyes: Eyes) -> None:
    give(server.client, "s", LENGTH)
    look = eyes.poll()
    poll, unread = eyes.source.read_all_pending(look, stop=_Set())
    assert poll.streams == look.streams
    assert [one.why for one in unread] == ["the session was ended at once"]


def test_a_server_that_dies_meanwhile_leaves_what_was_known(own_server: Server) -> None:
    give(own_server.client, "s", LENGTH)
    eyes = Eyes(own_server.url)
    look = eyes.poll()
    own_server.stop()
    poll, (unread,) = eyes.source.read_all_pending(look)
    eyes.deployment.close()
    assert poll.streams == look.streams
    assert unread.blind
    assert unread_gap((unread,), 5).blind
    assert unread.read == len(group_of(look, "s").pending)


def test_a_group_that_is_gone_meanwhile_is_no_blindness(server: Server, eyes: Eyes) -> None:
    give(server.client, "s", 200)
    take(server.client, "s", 200, "other")
    look = eyes.poll()
    server.client.xgroup_destroy("s", "g")
    poll, (unread,) = eyes.source.read_all_pending(look)
    assert ids(group_of(poll, "s", 1)) == all_of(200)
    assert (unread.group, unread.blind) == ("g", False)


def test_groups_whose_names_read_the_same_keep_their_own_entries(server: Server, eyes: Eyes) -> None:
    give(server.client, "s", 300, b"x" * 400 + b"1")
    take(server.client, "s", 200, b"x" * 400 + b"2")
    poll, unread = eyes.source.read_all_pending(eyes.poll())
    first, second = group_of(poll, "s", 0), group_of(poll, "s", 1)
    assert first.info.name == second.info.name
    assert (ids(first), ids(second), unread) == (all_of(300), all_of(200), ())


def test_every_primary_of_a_cluster_is_read(cluster: Cluster) -> None:
    for node in cluster.nodes:
        node.client.flushall()
    for number in range(6):
        give(cluster.client, f"long:{number}", 300)
    eyes = Eyes(cluster.url)
    poll, unread = eyes.source.read_all_pending(eyes.poll())
    eyes.deployment.close()
    assert len({node.address for node in poll.nodes if node.streams}) > 1
    assert [ids(group_of(poll, f"long:{number}")) for number in range(6)] == [all_of(300)] * 6
    assert unread == ()


def test_every_database_is_read(server: Server) -> None:
    for number, count in ((0, 200), (3, 300)):
        with redis.Redis(port=server.port, db=number) as client:
            give(client, "orders", count)
    eyes = DatabaseEyes(server.url, "all")
    poll, unread = eyes.source.read_all_pending(eyes.poll())
    eyes.deployment.close()
    assert ids(group_of(poll, "orders")) == all_of(200)
    assert ids(group_of(poll, "orders@db3")) == all_of(300)
    assert unread == ()
