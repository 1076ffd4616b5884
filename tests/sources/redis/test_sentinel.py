"""A real Sentinel deployment: the primary is found, found again after a failover, and a replica is never taken for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Server, free_port
from tests.servers.cluster import wait_until
from tests.servers.sentinel import SERVICE
from tests.servers.sentinel import Deployment as Sentinels
from tests.sources.redis.test_cluster import Eyes
from tools.errors import SourceUnavailable
from tools.sources.redis import preflight
from tools.sources.redis.access import Access
from tools.sources.redis.deployment import Deployment
from tools.sources.redis.sentinel import ACL_LINE
from tools.sources.redis.target import Host


@pytest.fixture
def eyes(sentinels: Sentinels) -> Iterator[Eyes]:
    sentinels.primary.client.xadd("orders", {"a": 1})
    made = Eyes(sentinels.url)
    yield made
    made.deployment.close()


def test_the_primary_is_looked_at_and_named(sentinels: Sentinels, eyes: Eyes) -> None:
    poll = eyes.poll()
    assert [state.name for state in poll.streams] == ["orders"]
    assert [node.address for node in poll.nodes] == [f"127.0.0.1:{sentinels.primary.port}"]
    assert (poll.whole, poll.after_gap, eyes.source.gaps(), eyes.source.unseen()) == (True, False, (), ())
    assert eyes.poll().quiet


def test_after_a_failover_the_new_primary_begins_anew_and_is_told(sentinels: Sentinels, eyes: Eyes) -> None:
    first = eyes.poll()
    old = sentinels.primary
    sentinels.primary.client.wait(1, 2000)
    old.kill()
    with pytest.raises(SourceUnavailable, match="no connection"):
        eyes.poll()
    sentinels.wait_for_another(old)
    second = eyes.poll()
    assert second.after_gap
    assert [state.name for state in second.streams] == [state.name for state in first.streams]
    assert eyes.source.broke is not None
    assert "failover" in eyes.source.broke.why
    assert not eyes.poll().after_gap
    # The old primary comes back and takes itself for one still: nobody is taken in by it.
    old.start()
    assert eyes.poll().nodes[0].address == second.nodes[0].address


def test_a_replica_that_is_named_as_the_primary_is_a_gap(sentinels: Sentinels, eyes: Eyes) -> None:
    eyes.poll()
    primary = sentinels.primary
    for sentinel in sentinels.sentinels:  # they must not set it right while we look
        sentinel.send("SENTINEL", "SET", SERVICE, "down-after-milliseconds", 600_000)
    other = next(server for server in sentinels.servers if server is not primary)
    other.send("REPLICAOF", "NO", "ONE")
    primary.send("REPLICAOF", "127.0.0.1", other.port)
    wait_until(lambda: primary.role() == "slave", "the primary to be a replica")
    with pytest.raises(SourceUnavailable, match="it is a replica") as caught:
        eyes.poll()
    assert "failover" in caught.value.why
    primary.send("REPLICAOF", "NO", "ONE")
    assert eyes.poll().after_gap


def test_sentinels_that_are_all_down_are_a_gap_that_names_each(sentinels: Sentinels) -> None:
    for sentinel in sentinels.sentinels:
        sentinel.kill()
    with Deployment(sentinels.url, access=Access(0.5, 0.5)) as deployment:
        error = deployment.silent()
    assert error is not None
    assert error.what.startswith(f"Redis service {SERVICE}/0 by Sentinel at ")
    assert "no Sentinel names a primary" in error.why
    assert all(f"127.0.0.1:{sentinel.port}: no connection" in error.why for sentinel in sentinels.sentinels)
    assert "Check that the Sentinels run" in error.fix


def test_one_sentinel_that_answers_is_enough(sentinels: Sentinels, eyes: Eyes) -> None:
    for sentinel in sentinels.sentinels[:2]:
        sentinel.kill()
    assert eyes.poll().streams


def test_a_service_that_they_do_not_watch_is_named(sentinels: Sentinels) -> None:
    with Deployment(sentinels.url.replace(SERVICE, "no-such-service")) as deployment:
        error = deployment.silent()
    assert error is not None
    assert "it watches no service 'no-such-service'" in error.why
    assert "SENTINEL MASTERS" in error.fix


def test_a_server_in_the_place_of_a_sentinel_is_told_apart(server: Server) -> None:
    with Deployment(f"redis+sentinel://127.0.0.1:{server.port}/main") as deployment:
        error = deployment.silent()
    assert error is not None
    assert "it is no Sentinel" in error.why
    assert "26379" in error.fix


def test_the_printed_rules_are_enough_and_the_sentinels_password_is_asked_for(sentinels: Sentinels) -> None:
    url = sentinels.make_user(preflight.acl_line("valkey", "9.1"), ACL_LINE, "of-the-auditor")
    for sentinel in sentinels.sentinels:
        sentinel.send("ACL", "SETUSER", "default", "resetpass", ">of-the-operator")
    narrow = Eyes(url)
    assert narrow.poll().whole
    assert (narrow.source.gaps(), narrow.source.unseen()) == ((), ())
    found = narrow.deployment.sentinels()
    assert found is not None
    assert [said for _, said in found.each()] == [Host("127.0.0.1", narrow_port(narrow))] * 3
    narrow.deployment.close()
    with Deployment(url.partition("?")[0]) as deployment:
        error = deployment.silent()
    assert error is not None
    assert "sentinel_password" in error.fix
    assert "of-the-auditor" not in str(error)


def narrow_port(eyes: Eyes) -> int:
    assert eyes.last is not None
    return int(eyes.last.nodes[0].address.rpartition(":")[2])


def test_a_right_that_a_sentinel_denies_is_told_with_its_remedy(sentinels: Sentinels) -> None:
    narrow = ACL_LINE.replace("+sentinel|get-master-addr-by-name ", "")
    url = sentinels.make_user(preflight.acl_line("valkey", "9.1"), narrow, "of-the-auditor")
    with Deployment(url) as deployment:
        error = deployment.silent()
    assert error is not None
    assert "doctor --acl" in error.fix


def test_no_port_at_all() -> None:
    with Deployment(f"redis+sentinel://127.0.0.1:{free_port()}/main", access=Access(0.5, 0.5)) as deployment:
        error = deployment.silent()
    assert error is not None
    assert "no connection" in error.why
