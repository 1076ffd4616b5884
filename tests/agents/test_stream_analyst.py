"""The Stream Analyst on a real server: polls, findings, files, restarts and gaps."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.detecting import run_detectors
from agents.loop import StopFile, run
from agents.stream_analyst import make
from tests.agents.desk import Desk
from tests.conftest import Server
from tests.detectors.streams.crafted import index, polls, stream, use, view
from tools.detectors.contract import StreamView
from tools.detectors.streams import no_consumer_group
from tools.detectors.thresholds import Expectation, Judgement
from tools.errors import UsageError
from tools.findings.evidence import read_copy
from tools.findings.journal import read_data
from tools.findings.rule import Rule, Symptom
from tools.sources.entry_samples import EntrySample, SampleJournal, read_samples
from tools.sources.records import CodeKind, Gap
from tools.sources.redis import polls as journal
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource


@pytest.fixture
def server(any_server: Server) -> Server:
    """Each server of the matrix."""
    return any_server


@pytest.fixture
def own_server(any_own_server: Server) -> Server:
    """Each server of the matrix."""
    return any_own_server


@pytest.fixture
def desk(tmp_path: Path, server: Server) -> Iterator[Desk]:
    made = Desk(tmp_path / "ws", server.url)
    yield made
    made.close()


def backlog(server: Server, entries: int = 150) -> None:
    pipe = server.client.pipeline(transaction=False)
    for _ in range(entries):
        pipe.xadd("orders", {"id": 1})
    pipe.execute()
    server.client.xgroup_create("orders", "mail", "0")
    server.client.xreadgroup("mail", "m1", {"orders": ">"}, count=5)


def test_one_look_finds_a_lag_after_its_own_second_look(server: Server, desk: Desk) -> None:
    backlog(server)
    analyst, _ = desk.attempt()
    before = desk.clock.monotonic()
    analyst.look()
    assert desk.clock.monotonic() - before >= 5
    found = desk.findings()["stream.consumer-lag"]
    assert (found.severity, found.stream, found.consumer_group) == ("CRITICAL", "orders", "mail")
    assert found.metrics.consumer_lag_messages == 145
    assert found.metrics.lag_source == "counted"
    assert found.counted_to == {"streams/polls.jsonl": 0}
    for reference in found.evidence_refs:
        assert read_copy(desk.workspace, reference) in desk.text("streams", "polls.jsonl")


def test_what_drains_within_the_second_look_is_no_finding(server: Server, desk: Desk) -> None:
    backlog(server)
    analyst, _ = desk.attempt()
    sleep = desk.clock.sleep_until

    def drain(when: float, stop: Any) -> None:
        if when - desk.clock.monotonic() > 4:
            server.client.xreadgroup("mail", "m1", {"orders": ">"}, count=1000)
        sleep(when, stop)

    desk.clock.sleep_until = drain  # type: ignore[method-assign]  # the consumer works while we wait
    analyst.look()
    assert "stream.consumer-lag" not in desk.findings()


def test_a_group_that_takes_batches_costs_one_second_look_and_is_no_finding(
    server: Server, desk: Desk
) -> None:
    backlog(server)
    analyst, _ = desk.attempt()
    sleep, waits = desk.clock.sleep_until, []

    def work(when: float, stop: Any) -> None:
        if when - desk.clock.monotonic() > 4:
            waits.append(when)
            batch()
        sleep(when, stop)

    def batch() -> None:
        server.client.xreadgroup("mail", "m1", {"orders": ">"}, count=1000)
        time.sleep(0.002)  # ids and the time of a read are milliseconds of the server
        for _ in range(150):
            server.client.xadd("orders", {"id": 1})

    desk.clock.sleep_until = work  # type: ignore[method-assign]  # the consumer works while we wait
    for _ in range(3):
        analyst.look()
        desk.clock.advance(15)
        batch()
    assert len(waits) == 1
    assert "stream.consumer-lag" not in desk.findings()


def test_the_files_are_there_after_the_first_look(server: Server, desk: Desk) -> None:
    backlog(server, 10)
    analyst, _ = desk.attempt()
    analyst.look()
    assert "orders  [HEALTHY]" in desk.text("streams", "topology_current.txt")
    assert json.loads(desk.text("streams", "topology.json"))["streams"][0]["name"] == "orders"
    pending = [json.loads(line) for line in desk.text("streams", "pending.jsonl").splitlines()]
    assert [(item["stream"], item["group"], len(item["entries"])) for item in pending] == [
        ("orders", "mail", 5)
    ]
    assert json.loads(desk.text("agents", "stream-analyst", "state.json"))["poll"] == 0
    beat = analyst.beat()
    assert (beat["polls"], beat["streams"]) == (1, 1)


def test_a_new_attempt_goes_on_where_the_last_one_was_killed(server: Server, desk: Desk) -> None:
    server.client.xadd("orders", {"id": 1})
    first, reporter = desk.attempt(1)
    for _ in range(2):
        first.look()
        desk.clock.advance(15)
    reporter.recorder.flush()
    second, _ = desk.attempt(2)
    second.look()
    assert desk.numbers() == [0, 1, 2]
    assert list(desk.findings()) == ["stream.no-consumer-group"]
    assert len({item.finding_id for item in desk.findings().values()}) == 1
    assert [poll.after_gap for poll in journal.read_polls(desk.workspace.polls)] == [False] * 3


def test_the_ledger_counts_from_the_baseline_on_over_a_restart(server: Server, desk: Desk) -> None:
    backlog(server, 10)
    with ReadOnlyClient.connect(server.url) as client:
        baseline = StreamSource(client, desk.clock).poll(0, previous=None)
    journal.write_baseline(desk.workspace.path("streams", "baseline.json"), baseline)
    first, reporter = desk.attempt(1)
    first.look()
    desk.clock.advance(15)
    server.client.xtrim("orders", maxlen=2, approximate=False)
    first.look()
    lost = desk.findings()["stream.silent-loss"]
    assert (lost.severity, lost.occurrences, lost.consumer_group) == ("CRITICAL", 3, "mail")
    for reference in lost.evidence_refs:
        copy = read_copy(desk.workspace, reference)
        assert copy in desk.text("streams", "polls.jsonl")
    reporter.recorder.flush()
    desk.clock.advance(15)
    second, _ = desk.attempt(2)
    second.look()
    (row,) = json.loads(desk.text("streams", "ledger.json"))["rows"]
    assert (row["fromPoll"], row["toPoll"]) == (0, 3)
    assert row["removedUnread"] == {"least": 3, "most": 3, "source": "derived"}
    assert desk.findings()["stream.silent-loss"].occurrences == 3


def test_what_an_attempt_died_before_telling_is_told_once_by_the_next(server: Server, desk: Desk) -> None:
    """Killed between the journal of polls and the rules: what only that interval proves is not lost."""
    backlog(server, 10)
    server.client.xadd("orders.dlq", {"id": 1})
    first, _ = desk.attempt(1)
    first.look()
    (before,) = journal.read_polls(desk.workspace.polls)
    server.client.xtrim("orders", maxlen=2, approximate=False)
    server.client.xadd("orders.dlq", {"id": 2})
    desk.clock.advance(15)
    with (
        ReadOnlyClient.connect(server.url) as client,
        journal.PollJournal(desk.workspace.polls) as kept,
    ):
        source = StreamSource(client, desk.clock)
        source.poll(0, previous=None)
        calls = {"xtrim": 1, "xadd": 1}
        kept.append(msgspec.structs.replace(source.poll(1, previous=before), calls=calls))
    for number in (2, 3):
        desk.clock.advance(15)
        analyst, reporter = desk.attempt(number)
        analyst.look()
        reporter.recorder.flush()
        found = desk.findings()
        lost, letter = found["stream.silent-loss"], found["stream.dead-letter"]
        assert (lost.severity, lost.occurrences) == ("CRITICAL", 3)
        assert (letter.occurrences, letter.counted_to["streams/polls.jsonl"]) == (1, 1)
    for reference in lost.evidence_refs:
        assert read_copy(desk.workspace, reference) in desk.text("streams", "polls.jsonl")


def test_the_baseline_of_the_session_is_used_and_polls_count_from_one(server: Server, desk: Desk) -> None:
    server.client.xadd("orders.dlq", {"id": 1})
    with ReadOnlyClient.connect(server.url) as client:
        baseline = StreamSource(client, desk.clock).poll(0, previous=None)
    journal.write_baseline(desk.workspace.path("streams", "baseline.json"), baseline)
    server.client.xadd("orders.dlq", {"id": 2})
    server.client.xadd("late", {"id": 2})
    analyst, _ = desk.attempt()
    analyst.look()
    assert desk.numbers() == [1]
    assert desk.findings()["stream.dead-letter"].occurrences == 1
    analyst.finish()
    assert desk.text("streams", "new_streams.diff") == "+ stream late\n"


def test_a_server_that_is_away_is_a_gap_and_the_next_poll_begins_anew(
    tmp_path: Path, own_server: Server
) -> None:
    desk = Desk(tmp_path / "ws", own_server.url.replace("redis://", "redis://:never-to-be-seen@"))
    own_server.client.config_set("requirepass", "never-to-be-seen")
    try:
        analyst, _ = desk.attempt()
        analyst.look()
        own_server.client.execute_command("CONFIG", "SET", "requirepass", "another-password")  # type: ignore[no-untyped-call]
        own_server.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")  # type: ignore[no-untyped-call]
        analyst.look()
        analyst.look()
        own_server.client.execute_command("CONFIG", "SET", "requirepass", "never-to-be-seen")  # type: ignore[no-untyped-call]
        analyst.look()
        gaps = list(read_data(desk.workspace.gaps))
        assert len({(gap["what"], gap["at_ms"]) for gap in gaps}) == 1
        assert [gap["until_ms"] is not None for gap in gaps] == [False, True]
        assert "credentials" in str(gaps[0]["why"])  # the dropped connection alone is opened again
        assert gaps[0]["blind"] is True
        assert [(poll.number, poll.after_gap) for poll in journal.read_polls(desk.workspace.polls)] == [
            (0, False),
            (3, True),
        ]
    finally:
        desk.close()
    written = [path.read_bytes() for path in desk.workspace.root.rglob("*") if path.is_file()]
    assert not [data for data in written if b"never-to-be-seen" in data]


def test_the_code_is_taken_up_when_its_index_appears(server: Server, desk: Desk) -> None:
    server.client.xadd("orders", {"id": 1})
    analyst, _ = desk.attempt()
    analyst.look()
    desk.workspace.code_index.write_bytes(b"not gzip")
    analyst.look()
    assert "stream.missing-maxlen" not in desk.findings()
    data = msgspec.json.encode(index(use(CodeKind.XADD, "orders")))
    desk.workspace.code_index.write_bytes(gzip.compress(data))
    analyst.look()
    found = desk.findings()["stream.missing-maxlen"]
    assert found.evidence_refs[0].source == "shop/api.py"
    assert [event["type"] for event in read_data(desk.workspace.events)] == ["error"]


def test_the_middle_of_the_window_is_written_once(server: Server, desk: Desk) -> None:
    server.client.xadd("orders", {"id": 1})
    analyst, _ = desk.attempt()
    analyst.look()
    assert not desk.workspace.path("streams", "streams_5min.txt").exists()
    desk.clock.advance(60)
    server.client.xgroup_create("orders", "mail", "0")
    analyst.look()
    assert "orders" in desk.text("streams", "streams_5min.txt")
    assert desk.text("streams", "new_streams.diff") == "+ group mail on orders\n"


def test_a_whole_window_runs_at_its_pace_and_ends_with_a_last_poll(server: Server, desk: Desk) -> None:
    server.client.xadd("orders", {"id": 1})
    analyst, reporter = desk.attempt()
    run(analyst, reporter, StopFile(desk.workspace, desk.window.deadline_ms, desk.clock, None))
    desk.finished = analyst
    assert len(desk.numbers()) == 9
    beats = list(read_data(desk.workspace.path("agents", "stream-analyst", "heartbeat.jsonl")))
    assert beats[-1]["polls"] == 9
    assert set(beats[-1]) >= {"polls", "streams", "pollMs", "findingCount"}


def test_polls_that_cost_too_much_come_less_often_and_that_is_told(tmp_path: Path, server: Server) -> None:
    desk = Desk(tmp_path / "ws", server.url, cpu_share=0.000_000_1)
    try:
        analyst, _ = desk.attempt()
        for _ in range(3):
            server.client.xadd("orders", {"id": 1})
            analyst.look()
            assert analyst.interval_s > 100
            desk.clock.advance(analyst.interval_s)
        gaps = [msgspec.convert(data, Gap) for data in read_data(desk.workspace.gaps)]
        assert [(gap.what.endswith("polls at the configured pace"), gap.blind) for gap in gaps] == [
            (True, False)
        ]
        assert "of one core" in gaps[0].why
    finally:
        desk.close()


def test_intent_is_heard(tmp_path: Path, server: Server) -> None:
    backlog(server)
    desk = Desk(
        tmp_path / "ws", server.url, Judgement(expect=(Expectation(stream="orders", consumer_lag=1000),))
    )
    try:
        analyst, _ = desk.attempt()
        before = desk.clock.monotonic()
        analyst.look()
        assert desk.clock.monotonic() - before < 5
        assert "stream.consumer-lag" not in desk.findings()
    finally:
        desk.close()


def test_hostile_names_reach_no_file_unescaped(server: Server, desk: Desk) -> None:
    server.client.xadd("evil\x1b[2J\n+ stream forged", {"id": 1})
    server.client.xadd("redis://u:hunter2hunter@h/0", {"id": 1})
    analyst, _ = desk.attempt()
    analyst.look()
    analyst.look()
    analyst.finish()
    written = [path.read_bytes() for path in desk.workspace.root.rglob("*") if path.is_file()]
    assert not [
        data for data in written if b"\x1b" in data or b"hunter2" in data or b"\n+ stream forged" in data
    ]


def test_a_job_without_a_server_is_a_usage_error(desk: Desk) -> None:
    _, reporter = desk.attempt()
    with pytest.raises(UsageError):
        make(reporter.job.model_copy(update={"redis": None}), reporter)


class Broken:
    """A rule that yields once and then breaks."""

    RULES: tuple[Rule, ...] = no_consumer_group.RULES

    def detect(self, view: StreamView) -> Iterator[Symptom]:
        yield from no_consumer_group.detect(view)
        raise RuntimeError("password=hunter2hunter")


def test_a_rule_that_breaks_is_an_event_and_blinds_no_other(desk: Desk) -> None:
    _, reporter = desk.attempt()
    seen = view(polls(stream("a"), stream("a")))
    assert run_detectors([Broken(), no_consumer_group], seen, reporter) == 2
    (event,) = read_data(desk.workspace.events)
    assert event["rule"] == "stream.no-consumer-group"
    assert "RuntimeError" in str(event["traceback"])
    assert "hunter2" not in str(event)
    assert desk.findings()["stream.no-consumer-group"].occurrences == 1


def test_a_gap_is_told_once_also_after_a_restart(desk: Desk) -> None:
    gap = Gap(what="Redis", why="away", fix="Start it.", source="streams/polls.jsonl", at_ms=1)
    for number in (1, 2):
        desk.attempt(number)[1].gap(gap)
    assert len(list(read_data(desk.workspace.gaps))) == 1


def sampled(desk: Desk) -> list[dict[str, Any]]:
    return list(read_data(desk.workspace.path("streams", "samples.jsonl")))


def test_sampled_entries_are_written_once_over_restarts_and_a_torn_line(server: Server, desk: Desk) -> None:
    pipe = server.client.pipeline(transaction=False)
    for number in range(1, 4):
        pipe.xadd("orders", {"correlationId": f"c-{number}"}, id=f"{number}-0")
    pipe.execute()
    desk.attempt(1)[0].look()
    path = desk.workspace.path("streams", "samples.jsonl")
    with path.open("ab") as file:
        file.write(b'{"line":"entry","poll":0,"str')
    for number in range(4, 20):
        server.client.xadd("orders", {"correlationId": f"c-{number}"}, id=f"{number}-0")
    desk.clock.advance(15)
    desk.attempt(2)[0].look()
    assert [(item["poll"], item["id"], item["correlationId"]) for item in sampled(desk)] == [
        (0 if number < 4 else 1, f"{number}-0", f"c-{number}") for number in range(1, 20)
    ]


def test_a_plain_id_inside_a_payload_reaches_no_file(server: Server, desk: Desk) -> None:
    payload = {
        "type": "user.created",
        "data": {"id": "anna@example.com"},
        "headers": {"id": "anna@example.com"},
    }
    server.client.xadd(
        "orders", {"payload": json.dumps(payload), "context": '{"id":"anna@example.com"}'}, id="1-0"
    )
    desk.attempt(1)[0].look()
    desk.clock.advance(15)
    desk.attempt(2)[0].look()
    assert [(item["id"], item.get("correlationId")) for item in sampled(desk)] == [("1-0", None)]
    files = [path for path in desk.workspace.root.rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        assert b"anna@example" not in (gzip.decompress(data) if path.suffix == ".gz" else data), path


def test_beyond_the_quota_samples_end_with_a_word(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    kept = SampleJournal(path, quota_bytes=300)
    for poll in range(4):
        kept.append(poll, [EntrySample(stream="s", id=f"{poll}-{n}", fields=("a",)) for n in range(2)])
    kept.close()
    records = [record for _, record in read_samples(path)]
    assert kept.full
    assert [type(record).__name__ for record in records] == ["EntrySample", "EntrySample", "Full"]


def test_more_symptoms_than_are_told_are_a_gap(desk: Desk) -> None:
    _, reporter = desk.attempt()
    seen = view(polls(stream("a"), stream("a")))
    assert run_detectors([no_consumer_group], seen, reporter, most=0) == 0
    gaps = desk.workspace.gaps.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["why"] for line in gaps] == ["there are more than the 0 that are told"]
    assert run_detectors([no_consumer_group], seen, reporter, most=1) == 1
