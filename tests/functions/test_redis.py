"""Functions about Redis, on real servers: what they tell, how they page, what they cost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from tests.fakes.clock import ManualClock
from tests.functions.desks import desk_of, good, pages, refused
from tests.functions.scene import Scene, make
from tests.report import made_session
from tests.servers.cluster import Cluster
from tests.servers.standalone import Server, server_binary
from tools.functions.live_streams import id_before, next_id
from tools.functions.redis_desk import raw_of
from tools.sources.redis.names import display

START = made_session.START_MS


@pytest.fixture
def scene(tmp_path: Path, server: Server) -> Scene:
    return make(tmp_path, server)


def test_a_stream_is_told_without_its_payloads(scene: Scene) -> None:
    answer = good("redis_stream", scene.desk, stream="orders")
    assert answer.data["stream"]["length"] == 30
    assert answer.data["stream"]["last-entry-id"] == f"{START + 29}-0"
    assert "yyyy" not in answer.text
    # Opening the connection, finding the key, asking: no more.
    assert answer.data["cost"]["commands"] <= 9
    again = good("redis_stream", scene.desk, stream="orders")
    assert again.data["cost"]["commands"] == 2
    assert again.data["cost"]["roundTrips"] == 2


def test_groups_and_consumers_are_told_by_name(scene: Scene) -> None:
    groups = good("redis_groups", scene.desk, stream="orders").data["items"]
    assert [(one["name"], one["pending"]) for one in groups] == [("billing", 15), ("idle-group", 0)]
    consumers = good("redis_consumers", scene.desk, stream="orders", group="billing").data["items"]
    assert [(one["name"], one["pending"]) for one in consumers] == [("b-1", 12), ("b-2", 3)]


def test_pending_entries_are_paged_oldest_first(scene: Scene) -> None:
    found = pages("redis_pending", scene.desk, stream="orders", group="billing", limit=4)
    assert [one["id"] for one in found] == [f"{START + number}-0" for number in range(15)]
    of_one = pages("redis_pending", scene.desk, stream="orders", group="billing", consumer="b-2", limit=2)
    assert [one["id"] for one in of_one] == [f"{START + number}-0" for number in range(12, 15)]


def test_pending_entries_that_are_not_idle_so_long_are_left_out(scene: Scene) -> None:
    assert pages("redis_pending", scene.desk, stream="orders", group="billing", idle_ms=3_600_000) == []
    every = pages("redis_pending", scene.desk, stream="orders", group="billing", idle_ms=1, limit=4)
    assert len(every) == 15


def test_a_long_list_is_filtered_in_parts_that_go_on(scene: Scene, server: Server) -> None:
    pipe = server.client.pipeline()
    for number in range(6000):
        pipe.xadd("long", {"n": "1"}, id=f"{number + 1}-0")
    pipe.xgroup_create("long", "g", id="0")
    pipe.execute()
    server.client.xreadgroup("g", "c", {"long": ">"}, count=6000)
    server.client.xclaim("long", "g", "c", 0, ["5900-0"], idle=7_200_000)
    first = good("redis_pending", scene.desk, stream="long", group="g", idle_ms=3_600_000)
    assert first.data["items"] == []
    assert first.next_page == "4000-0"
    found = pages("redis_pending", scene.desk, stream="long", group="g", idle_ms=3_600_000)
    assert [one["id"] for one in found] == ["5900-0"]


@pytest.mark.parametrize("newest_first", [False, True])
def test_entries_are_paged_in_both_orders(scene: Scene, newest_first: bool) -> None:
    found = pages("redis_entries", scene.desk, stream="orders", newest_first=newest_first, limit=7)
    ids = [f"{START + number}-0" for number in range(30)]
    assert [one["id"] for one in found] == (ids[::-1] if newest_first else ids)
    some = pages(
        "redis_entries", scene.desk, stream="orders", start=ids[3], end=ids[5], newest_first=newest_first
    )
    assert sorted(one["id"] for one in some) == ids[3:6]


def test_values_are_masked_by_the_field_and_cut(scene: Scene) -> None:
    entry = good("redis_entries", scene.desk, stream="orders", limit=1).data["items"][0]
    fields = {one["name"]: one for one in entry["fields"]}
    assert fields["password"] == {"name": "password", "value": "[masked:password]"}
    assert fields["note"]["value"].startswith("token [masked:")
    assert fields["body"] == {"name": "body", "value": "y" * 300, "bytes": 900}


def test_large_entries_are_read_one_at_a_time(scene: Scene, server: Server) -> None:
    for number in range(4):
        server.client.xadd("large", {"blob": "z" * 400_000}, id=f"{number + 1}-1")
    server.client.config_resetstat()
    answer = good("redis_entries", scene.desk, stream="large", limit=50)
    assert [one["id"] for one in answer.data["items"]] == ["1-1"]
    assert server.client.info("commandstats")["cmdstat_xrange"]["calls"] == 1
    found = pages("redis_entries", scene.desk, stream="large", limit=50)
    assert [one["id"] for one in found] == [f"{number + 1}-1" for number in range(4)]


def test_a_stream_with_a_strange_name_is_found_by_what_is_shown(scene: Scene, server: Server) -> None:
    for raw in (b"a\x1b[31m\\x41", b"\xff\xfe", "täglich\u202e".encode(), b"with space ~2", b"orders@db7"):
        server.client.xadd(raw, {"a": "1"})
        assert raw_of(display(raw)) == raw
        assert good("redis_stream", scene.desk, stream=display(raw)).data["name"] == display(raw)


def test_what_is_not_there_is_refused_by_name(scene: Scene, server: Server) -> None:
    server.client.set("plain", "x")
    assert "is a key of type string" in refused("redis_stream", scene.desk, stream="plain")
    assert "no stream 'nope'" in refused("redis_groups", scene.desk, stream="nope")
    assert "NOGROUP" in refused("redis_pending", scene.desk, stream="orders", group="nope")
    assert "must be an entry id" in refused("redis_entries", scene.desk, stream="orders", start="+")
    assert "was masked" in refused("redis_stream", scene.desk, stream="[masked:token]")


def test_a_user_without_the_right_is_told_which_one(scene: Scene, server: Server) -> None:
    server.client.acl_setuser(
        "narrow", enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all", "-xpending"]
    )
    try:
        made = made_session.Made(scene.desk.workspace, scene.project, ManualClock(0))
        desk = desk_of(made, url=server.url.replace("redis://", "redis://narrow:pw@"))
        assert "does not let this user call XPENDING" in refused(
            "redis_pending", desk, stream="orders", group="billing"
        )
    finally:
        server.client.acl_deluser("narrow")


def test_streams_of_another_database_go_by_their_mark(tmp_path: Path, server: Server) -> None:
    made = made_session.make(tmp_path)
    desk = desk_of(made, server, databases=(0, 3))
    with redis.Redis.from_url(server.url.removesuffix("0") + "3") as other:
        other.xadd("orders", {"a": "1"}, id="5-5")
    server.client.xadd("orders", {"a": "1"}, id="7-7")
    assert good("redis_stream", desk, stream="orders@db3").data["stream"]["last-entry-id"] == "5-5"
    assert good("redis_stream", desk, stream="orders").data["stream"]["last-entry-id"] == "7-7"


def test_streams_of_a_cluster_are_asked_of_the_node_that_holds_them(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    cluster = Cluster(tmp_path / "cluster", server_binary())
    try:
        for number in range(12):
            cluster.client.xadd(f"functions-{number}", {"a": "1"}, id="5-5")
        desk = desk_of(made_session.make(tmp_path), url=cluster.url)
        told = [good("redis_stream", desk, stream=f"functions-{number}").data for number in range(12)]
        assert len({one["server"] for one in told}) == 3
        assert {one["stream"]["length"] for one in told} == {1}
        assert len(good("redis_info", desk, section="keyspace").data["servers"]) == 3
        assert "no stream" in refused("redis_stream", desk, stream="functions-99")
    finally:
        cluster.stop()


def test_info_is_one_section(scene: Scene) -> None:
    (found,) = good("redis_info", scene.desk, section="keyspace").data["servers"].values()
    assert found["db0"].startswith("keys=1,")
    assert "Input should be" in refused("redis_info", scene.desk, section="everything")


def test_clients_are_listed_once_in_a_minute(scene: Scene, server: Server) -> None:
    server.client.config_resetstat()
    first = good("redis_clients", scene.desk)
    again = good("redis_clients", scene.desk)
    assert first.data["at"] == again.data["at"]
    assert again.data["cost"]["commands"] == 0
    assert server.client.info("commandstats")["cmdstat_client|list"]["calls"] == 1


def test_the_recording_tells_streams_without_asking(tmp_path: Path) -> None:
    scene = make(tmp_path)
    found = good("redis_streams", scene.desk).data
    assert [one["name"] for one in found["items"]] == ["audit", "invoices", "orders", "telemetry"]
    assert found["poll"] == made_session.POLLS
    orders = found["items"][2]
    assert orders["length"] == 100 + 30 * made_session.POLLS
    assert orders["groups"][0]["lag"] == 25 * made_session.POLLS
    assert [one["name"] for one in pages("redis_streams", scene.desk, name="*i*", limit=1)] == [
        "audit",
        "invoices",
    ]


def test_a_history_is_that_of_the_polls(tmp_path: Path) -> None:
    scene = make(tmp_path)
    rows = pages("redis_history", scene.desk, stream="orders", limit=9)
    assert [one["poll"] for one in rows] == list(range(made_session.POLLS + 1))
    assert [one["length"] for one in rows] == [100 + 30 * number for number in range(made_session.POLLS + 1)]
    some = good("redis_history", scene.desk, stream="audit", group="auditors", every=10, from_poll=5).data[
        "items"
    ]
    assert [(one["poll"], one["groups"][0]["pending"]) for one in some] == [
        (10, 200),
        (20, 400),
        (30, 600),
        (40, 800),
    ]
    assert "No poll has a stream" in refused("redis_history", scene.desk, stream="nope")


@pytest.mark.parametrize(
    ("entry_id", "after", "before"),
    [("5-0", "5-1", f"4-{2**64 - 1}"), (f"5-{2**64 - 1}", "6-0", f"5-{2**64 - 2}"), ("0-1", "0-2", "0-0")],
)
def test_ids_next_to_an_id(entry_id: str, after: str, before: str) -> None:
    assert (next_id(entry_id), id_before(entry_id)) == (after, before)


def test_two_threads_take_turns_at_the_server(scene: Scene) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: good("redis_stream", scene.desk, stream="orders").data, range(12)))
    assert {answer["stream"]["length"] for answer in answers} == {30}
