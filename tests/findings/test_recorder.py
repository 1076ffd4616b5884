"""Recorder, journal, evidence: nothing lost, nothing doubled, everything provable."""

from __future__ import annotations

import fcntl
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tools.errors import JournalCorrupt, StaleAttempt
from tools.findings import evidence, journal
from tools.findings.fingerprint import fingerprint
from tools.findings.model import (
    AgentId,
    EvidenceKind,
    Locator,
    LogCategory,
    Severity,
    StreamCategory,
    StreamFinding,
    StreamMetrics,
    rank_of,
    stream_shown,
)
from tools.findings.recorder import Recorder, load
from tools.findings.rule import Quote, Rule, Symptom
from tools.workspace import Workspace

AGENT = AgentId.LOG_WATCHER
RULE = Rule("log.error", AGENT, LogCategory.BUG, "an error", severity=Severity.HIGH)


def symptom(text: str = "boom", position: int | None = None, **changes: object) -> Symptom:
    quote = Quote(EvidenceKind.LOG, "logs/a.log", text, Locator(line=1, byte_offset=0, byte_length=4))
    plain = Symptom(
        rule=RULE,
        title=f"{text} in a",
        entity=("a", text),
        evidence=(quote,),
        recommendation="mend a.py",
        service="a",
        hypothesis="it broke",
        position=None if position is None else ("logs/a.log", position),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # keyword names are checked by replace


class Desk:
    """A workspace with one recorder."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.workspace.create()
        self.rejected: list[tuple[str, str]] = []
        self.attempts(1)
        self.recorder = self.open()

    def attempts(self, number: int) -> None:
        (self.workspace.agent_dir(AGENT) / "attempt").write_text(str(number), encoding="ascii")

    def open(self, attempt: int = 1) -> Recorder:
        return Recorder(self.workspace, AGENT, attempt, lambda rule, why: self.rejected.append((rule, why)))

    def lines(self) -> list[dict[str, object]]:
        text = self.workspace.findings(AGENT).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "ws")


def test_a_new_symptom_is_on_disk_as_a_valid_finding_at_once(desk: Desk) -> None:
    finding = desk.recorder.record(symptom(), 1_000)
    assert finding is not None
    assert finding.finding_id == "LW-001"
    assert load(desk.workspace.findings(AGENT)) == [finding]
    assert desk.lines()[0]["timestamp"] == "1970-01-01T00:00:01.000Z"


def test_repeats_raise_occurrences_and_add_no_finding(desk: Desk) -> None:
    for at in range(5):
        desk.recorder.record(symptom(), at)
    assert len(desk.lines()) == 1
    assert desk.recorder.flush() == 1
    assert [(line["occurrences"], line["revision"]) for line in desk.lines()] == [(1, 1), (5, 2)]
    assert desk.recorder.flush() == 0


def test_a_worse_sighting_is_written_at_once_with_its_own_evidence(desk: Desk) -> None:
    desk.recorder.record(symptom(), 0)
    worse = symptom(severity=Severity.CRITICAL, evidence=(Quote(EvidenceKind.LOG, "logs/a.log", "worse"),))
    finding = desk.recorder.record(worse, 1)
    assert finding is not None
    assert (finding.evidence, rank_of(finding), finding.revision) == ("worse", 0, 2)


def test_words_figures_and_evidence_of_a_state_come_from_one_sighting(tmp_path: Path) -> None:
    workspace, agent = Workspace(tmp_path / "ws"), AgentId.REDIS_STREAM_ANALYST
    workspace.create()
    (workspace.agent_dir(agent) / "attempt").write_text("1", encoding="ascii")
    recorder = Recorder(workspace, agent, 1, lambda _rule, why: pytest.fail(why))
    rule = Rule("stream.x", agent, StreamCategory.CONSUMER_LAG, "x", severity=Severity.HIGH)
    for lag in (5, 70):
        recorder.record(
            symptom(
                f"{lag} behind",
                rule=rule,
                entity=("s",),
                stream="s",
                metrics=StreamMetrics(consumer_lag_messages=lag),
            ),
            lag,
        )
    recorder.flush()
    (finding,) = load(workspace.findings(agent))
    assert isinstance(finding, StreamFinding)
    assert (finding.title, finding.evidence, finding.metrics.consumer_lag_messages) == (
        "70 behind in a",
        "70 behind",
        70,
    )
    assert (finding.finding_id, finding.occurrences) == ("RSA-001", 2)


@pytest.mark.parametrize(
    ("later", "stream", "members"),
    [
        pytest.param({"stream": "s:{}", "members": ("s:3", "s:1")}, "s:{}", ("s:3", "s:1"), id="others"),
        pytest.param({"stream": "s:2"}, "s:2", (), id="one alone"),
        pytest.param({"stream": "s:2", "severity": Severity.LOW}, "s:{}", ("s:2",), id="one alone, milder"),
        pytest.param({"stream": "s:{}", "members": ("s:1", "s:4"), "severity": Severity.LOW}, "s:{}", ("s:1", "s:4"), id="others, milder"),
    ],
)  # fmt: skip
def test_members_of_a_family_are_those_of_the_newest_sighting(
    tmp_path: Path, later: dict[str, object], stream: str, members: tuple[str, ...]
) -> None:
    workspace, agent = Workspace(tmp_path / "ws"), AgentId.REDIS_STREAM_ANALYST
    workspace.create()
    (workspace.agent_dir(agent) / "attempt").write_text("1", encoding="ascii")
    recorder = Recorder(workspace, agent, 1, lambda _rule, why: pytest.fail(why))
    rule = Rule("stream.x", agent, StreamCategory.CONSUMER_LAG, "x", severity=Severity.HIGH)
    first = symptom(
        rule=rule,
        entity=("s:{}",),
        stream="s:{}",
        members=("s:1", "s:2"),
        more_members=3,
        message_ids=("1-0",),
    )
    recorder.record(first, 1)
    recorder.record(symptom(rule=rule, entity=("s:{}",), message_ids=("2-0",), **later), 2)  # type: ignore[arg-type]  # as above
    recorder.flush()
    (finding,) = load(workspace.findings(agent))
    assert isinstance(finding, StreamFinding)
    assert (finding.stream, finding.members, finding.more_members) == (stream, members, 0)
    assert (stream_shown(finding), finding.message_ids) == (members[0] if members else stream, ("2-0",))


def test_a_milder_sighting_never_lowers_a_severity(desk: Desk) -> None:
    desk.recorder.record(symptom(), 0)
    desk.recorder.record(symptom(severity=Severity.LOW), 1)
    desk.recorder.flush()
    assert desk.lines()[-1]["severity"] == "HIGH"


@pytest.mark.parametrize("killed_after", range(1, 8))
def test_a_restart_at_any_point_counts_every_occurrence_once(desk: Desk, killed_after: int) -> None:
    seen = [("boom", 10), ("bang", 20), ("boom", 30), ("boom", 40), ("bang", 50), ("boom", 60), ("boom", 70)]
    for text, position in seen[:killed_after]:
        desk.recorder.record(symptom(text, position), position)
    if killed_after % 2:
        desk.recorder.flush()
    desk.attempts(2)
    second = desk.open(2)
    for text, position in seen:
        second.record(symptom(text, position), position)
    second.flush()
    found = {finding.finding_id: finding.occurrences for finding in load(desk.workspace.findings(AGENT))}
    assert found == ({"LW-001": 5, "LW-002": 2} if killed_after > 0 else {})


def test_an_older_attempt_may_not_write(desk: Desk) -> None:
    desk.attempts(2)
    with pytest.raises(StaleAttempt, match="attempt 2"):
        desk.recorder.record(symptom(), 0)
    assert desk.lines() == []


def test_what_is_no_valid_finding_is_reported_and_not_written(desk: Desk) -> None:
    assert desk.recorder.record(symptom(recommendation=""), 0) is None
    assert desk.lines() == []
    assert desk.rejected[0][0] == "log.error"


def test_secrets_never_reach_the_journals(desk: Desk) -> None:
    secret = "hunter2hunter2"
    leaking = symptom(
        f"password={secret}",
        title=f"password={secret}",
        hypothesis=f"password={secret}",
        recommendation=f"password={secret}",
        pattern=f"password={secret}",
    )
    desk.recorder.record(leaking, 0)
    for path in desk.workspace.root.rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes()


def test_evidence_is_read_back_and_a_changed_byte_is_noticed(desk: Desk) -> None:
    finding = desk.recorder.record(symptom("the very bytes ü €"), 0)
    assert finding is not None
    reference = finding.evidence_refs[0]
    assert evidence.read_copy(desk.workspace, reference) == "the very bytes ü €"
    path = desk.workspace.evidence(AGENT)
    path.write_bytes(path.read_bytes().replace(b"very", b"vary"))
    with pytest.raises(ValueError, match="hash"):
        evidence.read_copy(desk.workspace, reference)


def test_the_same_piece_is_stored_once_also_after_a_restart(desk: Desk) -> None:
    desk.recorder.record(symptom(), 0)
    other = symptom(entity=("a", "another"))
    desk.recorder.record(other, 0)
    desk.open().record(symptom(entity=("a", "third")), 0)
    assert len(desk.workspace.evidence(AGENT).read_bytes().splitlines()) == 1


@pytest.mark.parametrize("cut", range(1, 30, 4))
def test_a_torn_last_line_is_cut_off_kept_aside_and_never_fatal(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.jsonl"
    with journal.Journal(path) as first:
        first.append({"n": 1})
        first.append({"n": 2, "text": "long enough to tear"})
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert [data["n"] for data in journal.read_data(path)] == [1]
    with journal.Journal(path) as second:
        second.append({"n": 3})
    assert [data["n"] for data in journal.read_data(path)] == [1, 3]
    assert path.with_name("a.jsonl.torn").read_bytes().rstrip(b"\n") == whole[whole.index(b"\n") + 1 : -cut]


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":\n{"n":3}\n')
    with pytest.raises(JournalCorrupt, match=r"a\.jsonl: byte 8"):
        list(journal.read_data(path))


def test_fingerprints_tell_rules_entities_and_places_apart_and_nothing_else() -> None:
    parts = [
        ("r", ("a", "b"), ""),
        ("r", ("ab",), ""),
        ("r", ("a",), "b"),
        ("ra", ("b",), ""),
        ("r", (), "ab"),
    ]
    prints = {fingerprint(*part) for part in parts}
    assert len(prints) == len(parts)
    assert fingerprint("r", ("a",), "x  =\t1") == fingerprint("r", ("a",), " x = 1 ")


def test_ids_follow_the_order_of_first_sight_per_agent(desk: Desk) -> None:
    texts = ["one", "two", "one", "three"]
    for at, text in enumerate(texts):
        desk.recorder.record(symptom(text), at)
    assert [finding.finding_id for finding in desk.recorder.findings] == ["LW-001", "LW-002", "LW-003"]


def test_a_rule_of_another_agent_cannot_pose_as_a_finding_of_this_one(desk: Desk) -> None:
    foreign = Rule("x", AGENT, StreamCategory.CONSUMER_LAG, "wrong category", severity=Severity.LOW)
    assert desk.recorder.record(symptom(rule=foreign), 0) is None
    assert desk.rejected


def test_severity_sorts_by_rank_and_never_by_name() -> None:
    ranks = [severity.rank for severity in Severity]
    assert all(left < right for left, right in itertools.pairwise(ranks))


def test_a_writer_that_stands_still_in_its_turn_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LOCK_WAIT_S", 0.05)
    path = tmp_path / "events.jsonl"
    with journal.Journal(path) as first, path.open("rb") as stopped:
        first.append({"a": 1})
        fcntl.flock(stopped, fcntl.LOCK_EX)
        assert first.append({"a": 2}) == (8, 7)
        with journal.Journal(path) as second:
            assert second.append({"a": 3}) == (16, 7)
    assert [data["a"] for data in journal.read_data(path)] == [1, 2, 3]


def test_an_attempt_that_ends_while_it_waits_for_its_turn_does_not_write(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk.workspace.findings(AGENT).open("rb") as newer:
        fcntl.flock(newer, fcntl.LOCK_EX)

        def give_way(_seconds: float) -> None:
            desk.attempts(2)
            fcntl.flock(newer, fcntl.LOCK_UN)

        monkeypatch.setattr("tools.findings.journal.time.sleep", give_way)
        with pytest.raises(StaleAttempt):
            desk.recorder.record(symptom(), 0)
    assert desk.lines() == []


def test_an_id_is_never_given_twice(desk: Desk) -> None:
    desk.recorder.record(symptom("a"), 0)
    desk.recorder.record(symptom("b"), 0)
    first, second = desk.lines()
    desk.workspace.findings(AGENT).write_text(
        "".join(f"{json.dumps(line)}\n" for line in (second, first | {"fingerprint": second["fingerprint"]}))
    )
    reopened = desk.open()
    reopened.record(symptom("c"), 0)
    assert desk.lines()[-1]["findingId"] == "LW-003"


def test_a_line_that_is_no_finding_is_named(desk: Desk) -> None:
    desk.workspace.findings(AGENT).write_text('{"a": 1}\n')
    with pytest.raises(JournalCorrupt, match="byte 0: not a finding"):
        desk.open()
