"""A real cluster: every primary is seen, nothing is lost while slots move, a dead primary is a part that is unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.fakes.clock import ManualClock
from tests.servers.cluster import Cluster, Node, wait_until
from tools.errors import SourceUnavailable
from tools.sources.records import Poll
from tools.sources.redis import cluster as slot_map
from tools.sources.redis import preflight, touch
from tools.sources.redis.access import Access
from tools.sources.redis.deployment import Deployment
from tools.sources.redis.deployment_source import DeploymentSource
from tools.sources.redis.readonly import ReadOnlyClient, ReplyError
from tools.sources.redis.target import Host

POLL_S = 15


class WatchedClock(ManualClock):
    """Does something each time it is looked at."""

    watch: Callable[[], None] | None = None

    def monotonic(self) -> float:
        if self.watch is not None:
            self.watch()
        return super().monotonic()


class Eyes:
    """A source on a clock of its own: pauses cost no time."""

    def __init__(self, url: str) -> None:
        self.clock = WatchedClock()
        self.deployment = Deployment(url, access=Access(0.5, 1.0, "streamgauge-test"))
        self.source = DeploymentSource(self.deployment, self.clock)
        self.last: Poll | None = None
        self.number = 0

    def poll(self) -> Poll:
        self.clock.advance(POLL_S)
        self.number += 1
        self.last = self.source.poll(self.number, previous=self.last)
        return self.last

    def names(self) -> set[str]:
        return {state.name for state in self.poll().streams}

    def unseen(self) -> list[str]:
        return [gap.what for gap in self.source.unseen()]


def fill(cluster: Cluster, prefix: str, count: int = 30) -> set[str]:
    names = {f"{prefix}:{number}" for number in range(count)}
    for name in names:
        cluster.client.xadd(name, {"a": 1})
        cluster.client.xgroup_create(name, "g", "0")
        cluster.client.xreadgroup("g", "c", {name: ">"})
    return names


def other_than(cluster: Cluster, node: Node) -> Node:
    return next(one for one in cluster.primaries if one is not node)


@pytest.fixture
def eyes(cluster: Cluster) -> Iterator[Eyes]:
    for node in cluster.nodes:
        node.client.flushall()
    made = Eyes(cluster.url)
    yield made
    made.deployment.close()


def test_a_poll_is_the_union_of_its_primaries(cluster: Cluster, eyes: Eyes) -> None:
    names = fill(cluster, "union")
    poll = eyes.poll()
    assert [state.name for state in poll.streams] == sorted(names)
    assert all(state.group("g") is not None for state in poll.streams)
    assert [node.address for node in poll.nodes] == [node.address for node in cluster.primaries]
    assert sum(node.streams for node in poll.nodes) == len(names)
    assert poll.nodes[0].slots.startswith("0-")
    assert (poll.whole, poll.after_gap, eyes.source.gaps(), eyes.source.unseen()) == (True, False, (), ())
    assert poll.server.run_id.count("+") == 2
    again = eyes.poll()
    assert again.quiet
    assert [state.name for state in again.streams] == sorted(names)
    cluster.client.xadd("union:0", {"a": 2})
    third = eyes.poll()
    assert not third.quiet
    assert third.calls["xadd"] == 1
    assert third.clients is None


def test_a_plain_address_of_one_node_is_the_whole_cluster(cluster: Cluster, eyes: Eyes) -> None:
    names = fill(cluster, "plain")
    plain = Eyes(f"redis://{cluster.nodes[1].address}/0")
    assert plain.names() == names
    assert plain.source.gaps() == ()
    assert plain.source.what == f"Redis cluster at {cluster.nodes[1].address}"
    plain.deployment.close()


def test_while_a_slot_moves_no_stream_is_lost(cluster: Cluster, eyes: Eyes) -> None:
    names = fill(cluster, "moving")
    key = "moving:7"
    source = cluster.owner(key)
    to = other_than(cluster, source)
    assert eyes.names() == names
    slot = cluster.begin_move(key, to)
    cluster.client.xadd("moving:1", {"a": 1})
    assert eyes.names() == names
    assert cluster.move_keys(slot, source, to) >= 1
    on_its_way = eyes.poll()
    assert {state.name for state in on_its_way.streams} == names
    state = on_its_way.stream(key)
    assert state is not None
    assert (state.info.length, state.groups[0].info.pending) == (1, 1)
    assert (state.groups[0].consumers, state.groups[0].pending_complete) == (None, False)
    cluster.end_move(slot, to)
    there = eyes.poll()
    assert {state.name for state in there.streams} == names
    moved = there.stream(key)
    assert moved is not None
    assert len(moved.groups[0].pending) == 1
    assert (there.after_gap, eyes.source.broke, eyes.source.unseen()) == (False, None, ())


def test_a_stream_that_moves_behind_the_look_is_found_at_once(cluster: Cluster, eyes: Eyes) -> None:
    """From the node that is asked later to the one that was asked before: neither shows it in this look."""
    names = fill(cluster, "behind")
    assert eyes.names() == names
    key = next(name for name in sorted(names) if cluster.owner(name) is cluster.nodes[2])
    clients = [client for _, client in eyes.deployment.each()]
    before = [client.round_trips for client in clients]
    moved: list[str] = []

    def between_two_nodes() -> None:
        first, second = clients[0].round_trips > before[0], clients[1].round_trips > before[1]
        if second and first and not moved:
            moved.append(key)
            cluster.move(key, cluster.nodes[0])

    eyes.clock.watch = between_two_nodes
    assert eyes.names() == names
    assert moved == [key]
    cluster.move(key, cluster.nodes[2])


def test_a_stream_that_is_deleted_is_gone(cluster: Cluster, eyes: Eyes) -> None:
    names = fill(cluster, "deleted", 5)
    assert eyes.names() == names
    cluster.client.delete("deleted:3")
    assert eyes.names() == names - {"deleted:3"}


def test_a_recheck_finds_a_stream_that_moved_meanwhile(cluster: Cluster, eyes: Eyes) -> None:
    fill(cluster, "again", 5)
    poll = eyes.poll()
    to = other_than(cluster, cluster.owner("again:2"))
    cluster.move("again:2", to)
    cluster.client.xadd("again:2", {"a": 2})
    checked = eyes.source.recheck(poll, [("again:2", "g"), ("again:3", "g")])
    assert [state.name for state in checked.streams] == [state.name for state in poll.streams]
    state = checked.stream("again:2")
    assert state is not None
    assert state.info.length == 2


def test_a_user_who_may_not_ask_for_the_slots_sees_one_node_and_is_told(cluster: Cluster, eyes: Eyes) -> None:
    fill(cluster, "narrow")
    line = preflight.acl_line("valkey", "9.1").replace("+cluster|slots ", "")
    narrow = Eyes(cluster.make_user(line, "of-the-auditor"))
    assert narrow.poll().streams
    (gap,) = narrow.source.gaps()
    assert gap.what.endswith("other nodes of the cluster")
    assert gap.blind
    assert "+cluster|slots" in gap.fix
    narrow.deployment.close()


def test_the_printed_rule_is_enough_for_a_cluster_and_each_of_its_topology_commands_is_needed(
    cluster: Cluster, eyes: Eyes
) -> None:
    names = fill(cluster, "rights")
    narrow = Eyes(cluster.make_user(preflight.acl_line("valkey", "9.1"), "of-the-auditor"))
    assert narrow.names() == names
    key, to = "rights:1", other_than(cluster, cluster.owner("rights:1"))
    source, slot = cluster.owner(key), cluster.begin_move(key, to)
    cluster.move_keys(slot, source, to)
    assert narrow.names() == names
    cluster.end_move(slot, to)
    assert narrow.names() == names
    assert (narrow.source.gaps(), narrow.source.unseen()) == ((), ())
    for _, client in narrow.deployment.each():
        assert preflight.may_write(client) is False
    narrow.deployment.close()


def test_redirections_and_slot_maps_are_read_as_they_are_sent() -> None:
    assert slot_map.redirection(ReplyError("MOVED 3999 10.0.0.1:6381")) == (
        "MOVED",
        Host("10.0.0.1", 6381),
    )
    assert slot_map.redirection(ReplyError("ASK 1 ::1:7000")) == ("ASK", Host("::1", 7000))
    assert slot_map.redirection(ReplyError("ERR no such key")) is None
    assert slot_map.redirection(b"stream") is None
    assert slot_map.redirection(ReplyError("MOVED 1 evil/0?ssl_cert_reqs=none#:7000")) is None
    assert slot_map.redirection(ReplyError("MOVED 1 h:70000")) is None
    assert slot_map.slot_of(b"foo") == 12182
    assert slot_map.slot_of(b"{foo}.bar") == 12182
    assert slot_map.unserved([slot_map.Primary(None, ((0, 16_382),))]) == 1
    assert slot_map.Primary(None, ((0, 3), (9, 9))).slots == "0-3,9"


@pytest.mark.parametrize(
    ("lines", "safe"),
    [
        pytest.param(b"redis_version:8.2.3\r\nredis_mode:standalone\r\n", True, id="no cluster"),
        pytest.param(b"redis_version:8.2.3\r\nredis_mode:cluster\r\n", False, id="Redis in a cluster"),
        pytest.param(
            b"redis_version:7.2.4\r\nserver_mode:cluster\r\nvalkey_version:8.1.3\r\n",
            False,
            id="Valkey before",
        ),
        pytest.param(
            b"redis_version:7.2.4\r\nserver_mode:cluster\r\nvalkey_version:9.1.2\r\n", True, id="Valkey"
        ),
        pytest.param(ReplyError("NOPERM"), False, id="refused"),
    ],
)
def test_no_server_is_asked_not_to_touch_keys_that_would_end_by_it(lines: object, safe: bool) -> None:
    assert touch.may_ask(lines) is safe


def test_a_node_that_redirects_is_a_stream_that_is_gone_from_there(cluster: Cluster) -> None:
    cluster.client.xadd("redirect", {"a": 1})
    other = other_than(cluster, cluster.owner("redirect"))
    with ReadOnlyClient.connect(f"redis://{other.address}/0") as client:
        (reply,) = client.pipeline([("XINFO", "STREAM", "redirect")])
    assert isinstance(reply, ReplyError)
    assert reply.gone
    assert slot_map.redirection(reply) == (
        "MOVED",
        Host("127.0.0.1", cluster.owner("redirect").port),
    )


def test_a_primary_that_dies_is_unseen_until_its_replica_took_over(own_cluster: Cluster) -> None:
    names = fill(own_cluster, "failover", 60)
    eyes = Eyes(own_cluster.url)
    assert eyes.names() == names
    dead = own_cluster.primaries[0]
    replica = own_cluster.replica_of(dead)
    lost = {name for name in names if own_cluster.owner(name) is dead}
    assert lost
    own_cluster.client.wait(1, 1000, target_nodes=own_cluster.client.get_primaries())
    dead.kill()
    poll = eyes.poll()
    assert {state.name for state in poll.streams} == names - lost
    assert eyes.unseen() == [f"Redis at {dead.address}/0"]
    assert eyes.source.unseen()[0].blind
    assert not poll.whole
    assert [node.address for node in poll.nodes if node.server is None] == [dead.address]
    wait_until(lambda: replica.role() == "master", "the replica to take over")
    seen: list[Poll] = []

    def whole_again() -> bool:
        try:
            seen.append(eyes.poll())
        except SourceUnavailable:  # CLUSTERDOWN, until the others have heard of it
            return False
        return seen[-1].whole

    wait_until(whole_again, "all parts to be seen")
    assert {state.name for state in seen[-1].streams} == names
    assert seen[-1].after_gap
    assert eyes.unseen() == []
    assert replica.address in {node.address for node in seen[-1].nodes}
    after = eyes.poll()
    assert (after.after_gap, after.whole) == (False, True)
    eyes.deployment.close()


def test_a_planned_failover_begins_anew_and_is_told(own_cluster: Cluster) -> None:
    names = fill(own_cluster, "planned")
    eyes = Eyes(own_cluster.url)
    assert eyes.names() == names
    old = own_cluster.primaries[1]
    replica = own_cluster.replica_of(old)
    replica.send("CLUSTER", "FAILOVER")
    wait_until(lambda: replica.role() == "master" and old.role() == "slave", "the failover")
    wait_until(lambda: own_cluster.owner("planned:0").role() == "master", "the first node to hear of it")
    seen: list[Poll] = []

    def changed() -> bool:
        seen.append(eyes.poll())
        return replica.address in {node.address for node in seen[-1].nodes} and seen[-1].whole

    wait_until(changed, "the new primary")
    assert {state.name for state in seen[-1].streams} == names
    assert seen[-1].after_gap
    assert eyes.source.broke is not None
    assert old.address in eyes.source.broke.why
    eyes.deployment.close()


def test_a_node_that_joins_and_takes_slots_is_looked_at(own_cluster: Cluster) -> None:
    names = fill(own_cluster, "joined")
    eyes = Eyes(own_cluster.url)
    assert eyes.names() == names
    fresh = own_cluster.add_node()
    own_cluster.join(fresh)
    own_cluster.move("joined:3", fresh)
    poll = eyes.poll()
    assert {state.name for state in poll.streams} == names
    assert not poll.after_gap
    assert fresh.address in {node.address for node in eyes.poll().nodes}
    eyes.deployment.close()


def test_no_node_that_answers_is_one_reason(own_cluster: Cluster) -> None:
    fill(own_cluster, "dark", 3)
    eyes = Eyes(own_cluster.url)
    eyes.poll()
    for node in own_cluster.nodes:
        node.kill()
    with pytest.raises(SourceUnavailable) as caught:
        eyes.poll()
    assert "no connection" in caught.value.why
    eyes.deployment.close()
