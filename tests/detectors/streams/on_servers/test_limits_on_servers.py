"""Every stream rule on its limit and just past it, on a real server and by the product's own polls."""

from __future__ import annotations

import pytest

from tests.conftest import Server
from tests.detectors.eyes import watching
from tests.detectors.streams.crafted import index, use
from tests.detectors.streams.on_servers.scenes import Scene, exactly, group_of, judge, only
from tools.detectors.streams.readers import lists_attempts
from tools.detectors.thresholds import Expectation
from tools.sources.records import CodeKind


@pytest.mark.parametrize(("waiting", "told"), [(100, []), (101, ["CRITICAL"])])
def test_consumer_lag(server: Server, waiting: int, told: list[str]) -> None:
    scene = Scene(server, entries=5)
    scene.work(5)
    with watching(server) as watch:
        watch.poll()
        scene.add(waiting)
        watch.poll()
        assert watch.told("stream.consumer-lag") == []
        watch.recheck("s", "g")
        assert watch.told("stream.consumer-lag") == told
        if told:
            found = only(watch, "stream.consumer-lag")
            assert found.metrics.consumer_lag_messages == waiting


@pytest.mark.parametrize(("late_ms", "told"), [(500, []), (501, ["MEDIUM"])])
def test_time_lag(server: Server, late_ms: int, told: list[str]) -> None:
    scene = Scene(server)
    old_ms = int(server.client.time()[0]) * 1000 - 60_000
    scene.client.xadd("s", {"a": 1}, id=f"{old_ms}-0")
    scene.work()
    scene.client.xadd("s", {"a": 1}, id=f"{old_ms + late_ms}-0")
    with watching(server) as watch:
        watch.poll(3)
        assert watch.told("stream.time-lag") == []
        watch.poll()
        assert watch.told("stream.time-lag") == told
        if told:
            only(watch, "stream.time-lag")


@pytest.mark.parametrize(("growing", "told"), [(2, []), (3, ["HIGH"])])
def test_growing(server: Server, growing: int, told: list[str]) -> None:
    scene = Scene(server, entries=1, group=False)
    with watching(server) as watch:
        watch.poll()
        for _ in range(growing):
            scene.add()
            watch.poll()
        assert watch.told("stream.growing") == told
        if told:
            assert only(watch, "stream.growing").metrics.stream_len == 4


@pytest.mark.parametrize(("past_ms", "told"), [(0, []), (1, ["HIGH"])])
def test_stuck_message(server: Server, past_ms: int, told: list[str]) -> None:
    scene = Scene(server, entries=1)
    scene.read()
    scene.age("1-0", idle_ms=40_000)
    with watching(server) as watch:
        watch.poll()
        (pending,) = group_of(watch).pending
        assert pending.idle >= 40_000
        judge(watch, pending_idle=exactly(pending.idle - past_ms))
        assert watch.told("stream.stuck-message") == told
        assert watch.told("stream.ghost-pending") == []
        if told:
            assert only(watch, "stream.stuck-message").message_ids == ("1-0",)


@pytest.mark.parametrize(("past_ms", "told"), [(0, []), (1, ["HIGH"])])
def test_a_ghost_is_told_once_and_not_as_stuck(server: Server, past_ms: int, told: list[str]) -> None:
    scene = Scene(server, entries=3)
    scene.read(2)
    scene.age("1-0", idle_ms=40_000, deliveries=9)
    scene.client.xtrim("s", maxlen=1, approximate=False)
    with watching(server) as watch:
        watch.poll()
        ghost, fresh = group_of(watch).pending
        assert (ghost.gone, fresh.gone) == (True, True)
        judge(watch, pending_idle=exactly(ghost.idle - past_ms))
        assert watch.told("stream.ghost-pending") == told
        assert watch.told("stream.stuck-message") == []
        assert watch.told("stream.delivery-failure") == ([] if told else ["HIGH"])
        if told:
            assert only(watch, "stream.ghost-pending").message_ids == ("1-0",)


def test_a_pending_entry_deleted_from_the_middle_is_looked_up_and_found_gone(server: Server) -> None:
    scene = Scene(server, entries=4)
    scene.read(3)
    for entry_id in ("1-0", "2-0", "3-0"):
        scene.age(entry_id, idle_ms=40_000)
    scene.client.xdel("s", "2-0")
    with watching(server) as watch:
        watch.poll()
        assert [entry.gone for entry in group_of(watch).pending] == [False, True, False]
        assert only(watch, "stream.ghost-pending").message_ids == ("2-0",)
        assert set(only(watch, "stream.stuck-message").message_ids) == {"1-0", "3-0"}


def test_a_message_in_hand_whose_entry_a_tight_cap_took_is_no_finding(server: Server) -> None:
    scene = Scene(server, entries=3)
    with watching(server) as watch:
        for _ in range(4):
            scene.work(10)
            scene.add(5, cap=3)
            scene.read(2)
            watch.poll(step_s=1)
            assert watch.told("stream.ghost-pending") == []
            pending = [entry.id for entry in group_of(watch).pending]
            scene.client.xack("s", "g", *pending)


@pytest.mark.parametrize(("deliveries", "told"), [(3, []), (4, ["HIGH"])])
def test_delivery_failure(server: Server, deliveries: int, told: list[str]) -> None:
    scene = Scene(server, entries=1)
    scene.read()
    scene.age("1-0", deliveries=deliveries)
    with watching(server) as watch:
        watch.poll()
        assert watch.told("stream.delivery-failure") == told
        if told:
            found = only(watch, "stream.delivery-failure")
            assert (found.metrics.delivery_count, found.message_ids) == (4, ("1-0",))


def crash(scene: Scene, times: int = 1) -> None:
    """A consumer that starts again and reads its history, which counts as a delivery of each."""
    for _ in range(times):
        scene.client.xreadgroup("g", "c", {"s": "0"})


def test_a_message_that_fails_while_others_are_acknowledged_is_called_poison(server: Server) -> None:
    scene = Scene(server, entries=1)
    scene.read()
    crash(scene, 3)
    with watching(server) as watch:
        watch.poll()
        crash(scene)
        watch.poll()
        assert "poison" not in only(watch, "stream.delivery-failure").hypothesis
        scene.add(3)
        scene.work(2)
        crash(scene)
        watch.poll()
        found = only(watch, "stream.delivery-failure")
        assert "poison" in found.hypothesis
        assert found.title.startswith("Message 1-0 of s fails at every delivery")


@pytest.mark.parametrize("way", ["the consumer is deleted", "it is deleted and another group acknowledges"])
def test_what_left_unacknowledged_makes_no_poison_message(server: Server, way: str) -> None:
    scene = Scene(server, entries=4)
    scene.read()
    scene.read(3, "other")
    scene.client.xgroup_create("s", "h", "0")
    crash(scene, 3)
    with watching(server) as watch:
        watch.poll()
        crash(scene)
        scene.client.xgroup_delconsumer("s", "g", "other")
        if "another group" in way:
            scene.work(2, "c", "h")
        watch.poll()
        assert group_of(watch).info.pending == 1
        found = only(watch, "stream.delivery-failure")
        assert found.title == "Message 1-0 of s was delivered 5 times to group g"
        assert "acknowledged" not in found.hypothesis


@pytest.mark.parametrize(("left", "told"), [(4, []), (3, ["CRITICAL"])])
def test_silent_loss_of_a_group_that_stands(server: Server, left: int, told: list[str]) -> None:
    """It was given 1-0; without that entry 4 are left, and one less is one lost."""
    scene = Scene(server, entries=5)
    scene.work()
    with watching(server) as watch:
        watch.poll()
        scene.client.xtrim("s", maxlen=left, approximate=False)
        watch.poll()
        assert watch.told("stream.silent-loss") == told
        row = watch.row()
        assert (row.removed_unread.least, row.removed_unread.most) == (len(told), len(told))
        if told:
            found = only(watch, "stream.silent-loss")
            assert found.count == 1
            assert found.title.startswith("Group g lost 1 entry of s")
        watch.poll()
        assert watch.told("stream.silent-loss") == []


def test_silent_loss_of_a_group_that_moved_is_told_as_at_least(server: Server) -> None:
    scene = Scene(server, entries=10)
    scene.work()
    with watching(server) as watch:
        watch.poll()
        scene.work(2)
        scene.client.xtrim("s", maxlen=2, approximate=False)
        info = watch.poll().streams[0].info
        row = watch.row()
        assert row.removed_unread.least <= 5
        if info.entries_added is None:
            assert row.unknown  # before 7.0 nothing proves it
        else:
            assert only(watch, "stream.silent-loss").count == 5


def test_silent_loss_by_another_groups_deletions(server: Server) -> None:
    scene = Scene(server, entries=3)
    scene.client.xgroup_create("s", "other", "0")
    scene.work(1, "o", "other")
    with watching(server) as watch:
        watch.poll()
        scene.work(3)
        scene.client.xdel("s", "1-0", "2-0", "3-0")
        watch.poll()
        found = only(watch, "stream.silent-loss")
        assert (found.consumer_group, found.count) == ("other", 2)
        told = watch.polls[-1].streams[0].info.max_deleted_entry_id is not None
        assert ("XDEL" in found.hypothesis) == told


def test_an_entry_deleted_ahead_of_a_group_is_told_once_it_still_stands(server: Server) -> None:
    scene = Scene(server, entries=6)
    scene.work(2)
    with watching(server) as watch:
        watch.poll()
        scene.client.xdel("s", "4-0", "5-0")
        watch.poll()
        assert watch.told("stream.silent-loss") == []
        scene.client.set("other", "work")
        watch.poll()
        row = watch.row()
        if watch.polls[-1].streams[0].info.entries_added is not None:
            assert only(watch, "stream.silent-loss").count == 2
            assert (row.removed_unread.least, row.removed_unread.most) == (2, 2)
        scene.work(9)
        watch.poll()
        assert watch.row().removed_unread.least == row.removed_unread.least


def test_an_entry_deleted_ahead_of_a_group_that_moves_on_is_not_told(server: Server) -> None:
    scene = Scene(server, entries=6)
    scene.work(2)
    with watching(server) as watch:
        watch.poll()
        scene.client.xdel("s", "4-0", "5-0")
        watch.poll()
        scene.work(9)
        watch.poll()
        assert watch.told("stream.silent-loss") == []
        assert watch.row().removed_unread.most in (2, None)


def test_a_group_nobody_reads_loses_at_high_and_with_loss_ok_nothing_is_said(server: Server) -> None:
    scene = Scene(server, entries=5)
    with watching(server) as watch:
        watch.poll()
        scene.client.xtrim("s", maxlen=2, approximate=False)
        watch.poll()
        assert watch.told("stream.silent-loss") == ["HIGH"]
        watch.expect(Expectation(stream="s", loss_ok=True))
        assert watch.told("stream.silent-loss") == []


@pytest.mark.parametrize(("past_ms", "told"), [(0, []), (1, ["CRITICAL"])])
def test_dead_consumer_by_idle_time(server: Server, past_ms: int, told: list[str]) -> None:
    scene = Scene(server, entries=3)
    scene.read()
    with watching(server) as watch:
        watch.poll(2)
        (consumer,) = group_of(watch).consumers or ()
        assert consumer.idle >= 1_000  # nothing moved: the second poll is the first one, 15 s older
        judge(watch, consumer_idle=exactly(consumer.idle - past_ms))
        assert watch.told("stream.dead-consumer") == told
        if told:
            assert only(watch, "stream.dead-consumer").consumer == "c"


def test_dead_consumer_with_none_registered_is_told_at_the_second_poll(server: Server) -> None:
    Scene(server, entries=3)
    with watching(server) as watch:
        watch.poll()
        assert watch.told("stream.dead-consumer") == []
        watch.poll()
        assert watch.told("stream.dead-consumer") == ["CRITICAL"]
        only(watch, "stream.dead-consumer")


def test_no_consumer_group_is_told_at_the_second_poll(server: Server) -> None:
    Scene(server, entries=3, group=False)
    with watching(server) as watch:
        watch.poll()
        assert watch.told("stream.no-consumer-group") == []
        watch.poll()
        assert watch.told("stream.no-consumer-group") == ["MEDIUM"]
        only(watch, "stream.no-consumer-group")


@pytest.mark.parametrize(("rising", "told"), [(2, []), (3, ["HIGH"])])
def test_missing_ack(server: Server, rising: int, told: list[str]) -> None:
    scene = Scene(server, entries=20)
    with watching(server) as watch:
        for step in range(rising + 1):
            for entry_id in scene.read(2):
                scene.age(entry_id, idle_ms=5_000)
            watch.poll()
            if step < 3:
                assert watch.told("stream.missing-ack") == []
        assert watch.told("stream.missing-ack") == told
        if told:
            only(watch, "stream.missing-ack")


@pytest.mark.parametrize(("length", "told"), [(9_999, []), (10_000, ["MEDIUM"])])
def test_unbounded_without_code(server: Server, length: int, told: list[str]) -> None:
    scene = Scene(server, entries=length - 1)
    scene.work(length)
    with watching(server) as watch:
        watch.poll()
        scene.add()
        scene.work()
        watch.poll()
        assert watch.told("stream.unbounded") == told
        if told:
            only(watch, "stream.unbounded")


def test_unbounded_and_missing_maxlen_by_the_code(server: Server) -> None:
    Scene(server, entries=1)
    capped = index(use(CodeKind.XADD, "s", maxlen="100"))
    with watching(server, code=capped) as watch:
        watch.poll()
        assert watch.told("stream.unbounded") == []
        assert watch.told("stream.missing-maxlen") == []
        watch.code = index(use(CodeKind.XADD, "s"))
        assert watch.told("stream.unbounded") == ["MEDIUM"]
        assert watch.told("stream.missing-maxlen") == ["MEDIUM"]
        only(watch, "stream.missing-maxlen")


@pytest.mark.parametrize(("consumers", "told"), [(1, []), (2, ["INFO"])])
def test_competing_consumers(server: Server, consumers: int, told: list[str]) -> None:
    scene = Scene(server, entries=3)
    for number in range(consumers):
        scene.work(1, f"c{number}")
    with watching(server) as watch:
        watch.poll()
        assert watch.told("stream.competing-consumers") == told
        if told:
            only(watch, "stream.competing-consumers")
            shortest = min(item.idle for item in group_of(watch).consumers or ())
            judge(watch, consumer_idle=exactly(shortest) if shortest else 0.0)
            assert len(watch.told("stream.competing-consumers")) <= 1


def records(scene: Scene, count: int) -> None:
    """So many consumers that came and went."""
    pipe = scene.client.pipeline(transaction=False)
    for number in range(count):
        pipe.execute_command("XGROUP", "CREATECONSUMER", "s", "g", f"pod-{number}")
    pipe.execute()


@pytest.mark.parametrize(("leaked", "told"), [(20, []), (21, ["LOW"])])
def test_consumer_leak(server: Server, leaked: int, told: list[str]) -> None:
    scene = Scene(server)
    records(scene, leaked)
    with watching(server) as watch:
        for _ in range(200):
            scene.add()
            scene.work(1, "alive")
            watch.poll()
            idle = {item.name: item.idle for item in group_of(watch).consumers or ()}
            alive = idle.pop("alive")
            if alive + 1 < min(idle.values()):
                break
        judge(watch, leaked_idle=exactly(min(idle.values()) - 1))
        if not lists_attempts(group_of(watch).consumers or ()):
            told = []  # before 7.2 a worker that asks and gets nothing is as idle as one that is gone
        assert watch.told("stream.consumer-leak") == told
        assert watch.told("stream.dead-consumer") == []
        if told:
            assert "XGROUP DELCONSUMER s g" in only(watch, "stream.consumer-leak").recommendation


@pytest.mark.parametrize(("leaked", "told"), [(999, []), (1_000, ["MEDIUM"])])
def test_consumer_leak_beyond_what_is_read(server: Server, leaked: int, told: list[str]) -> None:
    scene = Scene(server, entries=1)
    records(scene, leaked)
    scene.work(1, "alive")
    with watching(server) as watch:
        watch.poll()
        assert (group_of(watch).consumers is None) == bool(told)
        assert watch.told("stream.consumer-leak") == told
        if told:
            only(watch, "stream.consumer-leak")


def test_too_many_records_do_not_hide_a_dead_group(server: Server) -> None:
    scene = Scene(server, entries=3)
    scene.work(1, "alive")
    records(scene, 1_000)
    with watching(server) as watch:
        watch.poll(20)
        assert watch.told("stream.dead-consumer") == []
        watch.poll()
        assert watch.told("stream.dead-consumer") == ["CRITICAL"]
        only(watch, "stream.dead-consumer")
        scene.work(1, "alive")
        watch.poll()
        assert watch.told("stream.dead-consumer") == []


@pytest.mark.parametrize(("watched_s", "told"), [(59, []), (60, ["LOW"])])
def test_orphaned(server: Server, watched_s: int, told: list[str]) -> None:
    Scene(server, entries=3, group=False)
    with watching(server, code=index(use(CodeKind.XADD, "other"))) as watch:
        watch.poll(4, step_s=watched_s / 3)
        assert watch.told("stream.orphaned") == told
        if told:
            only(watch, "stream.orphaned")


@pytest.mark.parametrize(("fields", "told"), [(("a", "a"), []), (("a", "b"), ["MEDIUM"])])
def test_schema_inconsistency(server: Server, fields: tuple[str, str], told: list[str]) -> None:
    scene = Scene(server)
    for name in fields * 3:
        scene.client.xadd("s", {name: "1", "kind": "order"})
    with watching(server) as watch:
        watch.poll()
        assert watch.told("stream.schema-inconsistency") == told
        if told:
            only(watch, "stream.schema-inconsistency")


@pytest.mark.parametrize(("added", "told"), [(0, []), (1, ["HIGH"])])
def test_dead_letter(server: Server, added: int, told: list[str]) -> None:
    scene = Scene(server, group=False)
    scene.add(2, stream="orders:dlq")
    with watching(server) as watch:
        watch.poll(2)
        if added:
            scene.add(added, stream="orders:dlq")
        watch.poll()
        assert watch.told("stream.dead-letter") == told
        if told:
            assert only(watch, "stream.dead-letter").count == added


def test_readers_without_a_group_make_no_group_a_note(server: Server) -> None:
    scene = Scene(server, entries=1, group=False)
    with watching(server) as watch:
        for _ in range(5):
            scene.add()
            scene.client.xread({"s": "0"})
            watch.poll()
        assert watch.told("stream.no-consumer-group") == ["INFO"]
        assert watch.told("stream.growing") == []


def test_growth_is_told_from_a_missing_cap(server: Server) -> None:
    """Every group keeps up: a note where the code sets no cap, nothing once something trims."""
    scene = Scene(server, entries=1)
    with watching(server, code=index(use(CodeKind.XADD, "s"))) as watch:
        for _ in range(5):
            scene.add(2)
            scene.work(5)
            watch.poll()
        assert watch.told("stream.growing") == ["LOW"]
        scene.client.xtrim("s", maxlen=3, approximate=False)
        for _ in range(5):
            scene.add(2)
            scene.work(5)
            watch.poll()
        assert watch.told("stream.growing") == []
