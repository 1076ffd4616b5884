"""Replay: the same findings from files alone, a readable difference where something is other, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from msgspec import structs

from agents.detecting import OF_FILES_MAX
from agents.looks import ConfigLook, Look, StreamLook, looks_file
from orchestrator import replay, replay_parts
from orchestrator.archive import keeping
from orchestrator.archive.form import Form
from orchestrator.cli import diff, replay_command
from orchestrator.cli.boundary import StateFolder
from orchestrator.cli.request import Request
from tests.agents.audit_jobs import START_MS
from tests.fakes.clock import ManualClock
from tests.orchestrator.replayable import CODE, VERSION, record
from tools.detectors.thresholds import Expectation, Judgement
from tools.errors import UsageError
from tools.findings.model import AgentId
from tools.sources import session_facts
from tools.sources.recording import Recording
from tools.synthesis import session_data
from tools.synthesis.sessions import making
from tools.workspace import Workspace


@pytest.fixture
def recorded(tmp_path: Path) -> Workspace:
    """A static session of two watchers, as they record it."""
    return record(tmp_path, CODE)


def test_the_findings_are_identical_byte_for_byte_and_the_session_is_not_touched(
    recorded: Workspace, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in recorded.root.rglob("*") if path.is_file()}
    target = Workspace(tmp_path / "again")
    for _ in range(2):  # a replay that lies there is made anew
        done = replay.run(recorded, target, VERSION)
        assert (done.identical, done.differences, done.partial, done.other) == (True, (), (), ())
        assert done.findings == 3
        assert target.all_findings.read_bytes() == recorded.all_findings.read_bytes()
    assert {path: path.read_bytes() for path in recorded.root.rglob("*") if path.is_file()} == before


def test_a_project_with_more_findings_than_are_told_is_replayed_alike(tmp_path: Path) -> None:
    lines = "".join(f'r.xadd("stream-of-{number}", {{}})\n' for number in range(OF_FILES_MAX + 2))
    recorded = record(tmp_path, {"app.py": f"import redis\nr = redis.Redis()\n{lines}"})
    done = replay.run(recorded, Workspace(tmp_path / "again"), VERSION)
    assert done.findings >= OF_FILES_MAX
    assert (done.identical, done.differences) == (True, ())
    scope = making.record_of(recorded, session_data.load(recorded, START_MS)).scope
    assert scope is not None
    assert "code.xadd-no-maxlen" in scope.capped_rules


def test_a_replay_can_be_replayed(recorded: Workspace, tmp_path: Path) -> None:
    replay.run(recorded, Workspace(tmp_path / "one"), VERSION)
    assert replay.run(Workspace(tmp_path / "one"), Workspace(tmp_path / "two"), VERSION).identical


def test_another_version_or_intent_gives_a_readable_difference(recorded: Workspace, tmp_path: Path) -> None:
    findings = json.loads(recorded.all_findings.read_text(encoding="utf-8"))
    gone = next(item for item in findings if item["ruleId"] == "code.xadd-no-maxlen")
    other = Judgement(expect=(Expectation(stream="orders", unbounded_ok=True, reason="it is small"),))
    done = replay.run(recorded, Workspace(tmp_path / "again"), "9.9.9", other)
    assert not done.identical
    assert any(line.startswith(f"gone: {gone['findingId']} ") for line in done.differences), done.differences
    assert done.other == (f"version 9.9.9, then {VERSION}", "limits or intent")


def test_a_recording_that_the_quota_cut_is_partial(recorded: Workspace, tmp_path: Path) -> None:
    cut = Recording(looks_file(recorded, AgentId.CONFIG_AUDITOR), quota_bytes=1)
    cut.add("ConfigLook", {})
    cut.flush()
    done = replay.run(recorded, Workspace(tmp_path / "again"), VERSION)
    assert done.partial == ("the looks of config-auditor: their quota was used up",)


def test_a_torn_recording_is_partial(recorded: Workspace, tmp_path: Path) -> None:
    file = looks_file(recorded, AgentId.ENHANCEMENT_SCOUT)
    file.write_bytes(file.read_bytes()[:-9])
    done = replay.run(recorded, Workspace(tmp_path / "again"), VERSION)
    assert [part.split(" after ")[0] for part in done.partial] == [
        "the looks of enhancement-scout: the file is torn"
    ]


@pytest.mark.parametrize(
    "name",
    ["recording/evidence-config-auditor.jsonl", "findings/log-watcher.jsonl", "recording", "session.json"],
)
def test_a_session_that_holds_a_link_is_refused_and_nothing_is_written_through_it(
    recorded: Workspace, tmp_path: Path, name: str
) -> None:
    at, outside = recorded.path(*name.split("/")), tmp_path / "outside"
    if at.exists():
        at.rename(outside)
    else:
        outside.write_text("keep me, without a line end", encoding="utf-8")
    at.symlink_to(outside)
    before = {path: path.read_bytes() for path in (outside, *outside.rglob("*")) if path.is_file()}
    with pytest.raises(UsageError, match="a link or no file"):
        replay.run(recorded, Workspace(tmp_path / "again"), VERSION)
    assert {path: path.read_bytes() for path in (outside, *outside.rglob("*")) if path.is_file()} == before


@pytest.mark.parametrize("inside", ["recording/r", "sub"])
def test_a_replay_is_never_written_into_the_session(recorded: Workspace, inside: str) -> None:
    before = sorted(recorded.root.rglob("*"))
    with pytest.raises(UsageError, match="lies in the session's folder"):
        replay.run(recorded, Workspace(recorded.root / inside), VERSION)
    assert sorted(recorded.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        pytest.param("all-findings.json", "[", "all-findings.json, which cannot be read", id="findings cut"),
        pytest.param("all-findings.json", '[{"a": 1}]', "not all that it holds", id="no findings"),
        pytest.param("all-findings.json", "[" * 100_000, "all-findings.json", id="findings nested"),
        pytest.param("recording/judgement.json", "", "judgement.json, which cannot be read", id="judgement"),
        pytest.param("session.json", "[" * 100_000, "holds no session", id="facts nested"),
    ],
)
def test_a_damaged_file_is_one_sentence_that_names_it(
    recorded: Workspace, tmp_path: Path, name: str, text: str, why: str
) -> None:
    recorded.path(*name.split("/")).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=why):
        replay.run(recorded, Workspace(tmp_path / "again"), VERSION)


def test_an_id_that_is_no_name_of_a_session_is_refused(recorded: Workspace, tmp_path: Path) -> None:
    facts = session_facts.read(recorded)
    session_facts.write(recorded, structs.replace(facts, session_id="../../x"))
    with pytest.raises(UsageError, match="holds no id of a session"):
        replay.run(recorded, Workspace(tmp_path / "again"), VERSION)


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        pytest.param("recording/looks-enhancement-scout.jsonl.gz", b"", "is missing or empty", id="no looks"),
        pytest.param(
            "findings/config-auditor.jsonl", b"[1]\n", "findings/config-auditor.jsonl cannot", id="finding"
        ),
        pytest.param(
            "recording/evidence-enhancement-scout.jsonl",
            b"[1]\n",
            "looks of enhancement-scout",
            id="evidence",
        ),
    ],
)
def test_a_damaged_recording_is_partial_and_names_the_part(
    recorded: Workspace, tmp_path: Path, name: str, data: bytes, why: str
) -> None:
    recorded.path(*name.split("/")).write_bytes(data)
    done = replay.run(recorded, Workspace(tmp_path / "again"), VERSION)
    assert any(why in part for part in done.partial), done.partial


def test_polls_that_looks_name_and_no_journal_holds_are_told(recorded: Workspace) -> None:
    for agent, kind, name in (
        (AgentId.REDIS_STREAM_ANALYST, "StreamLook", "streams/polls.jsonl"),
        (AgentId.CONFIG_AUDITOR, "ConfigLook", "config/polls.jsonl"),
    ):
        look: Look = (
            StreamLook(at_ms=1, poll=3, depth=1, code=False)
            if kind == "StreamLook"
            else ConfigLook(at_ms=1, moment="end", poll=3, baseline=False, of_files=False)
        )
        book = Recording(looks_file(recorded, agent))
        book.add(kind, look)
        book.flush()
        (told,) = replay_parts.lacking(recorded, agent)
        assert told == f"{name}: poll 3, at which {agent.slug} looked, is missing"


def test_what_cannot_be_replayed_is_said_in_one_sentence(recorded: Workspace, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("mine", encoding="utf-8")
    for target, why in ((full, "holds no replay"), (recorded.root, "holds the session itself")):
        with pytest.raises(UsageError, match=why):
            replay.run(recorded, Workspace(target), VERSION)
    assert (full / "thesis.txt").exists()
    with pytest.raises(UsageError, match="holds no session"):
        replay.run(Workspace(full), Workspace(tmp_path / "again"), VERSION)
    facts = session_facts.read(recorded)
    session_facts.write(recorded, structs.replace(facts, ended_by="running"))
    with pytest.raises(UsageError, match="has not ended"):
        replay.run(recorded, Workspace(tmp_path / "again"), VERSION)
    session_facts.write(recorded, facts)
    for agent in AgentId:
        looks_file(recorded, agent).unlink(missing_ok=True)
    with pytest.raises(UsageError, match="holds no recording of its looks"):
        replay.run(recorded, Workspace(tmp_path / "again"), VERSION)


def test_the_command_names_the_session_and_ends_with_what_came_out(
    recorded: Workspace, tmp_path: Path
) -> None:
    state = StateFolder(tmp_path / ".state")
    asked = {"session.mode": "replay"}
    lines, code = replay_command.run(Request(flags=asked), str(recorded.root), {}, tmp_path, state)
    assert code == 0
    assert "findings   identical, byte for byte" in lines
    assert (tmp_path / ".state" / "replay" / "20250615_120000" / "all-findings.json").exists()
    for flag in ({"llm.enabled": True}, {"fail_on": "high"}):
        with pytest.raises(UsageError, match=f"Leave {next(iter(flag))} out"):
            replay_command.run(Request(flags=flag), str(recorded.root), {}, tmp_path, state)
    with pytest.raises(UsageError, match="Which session"):
        replay_command.run(Request(), None, {}, tmp_path, state)
    with pytest.raises(UsageError, match=r"Leave redis\.url out"):
        replay_command.run(Request(flags={"redis.url": "redis://x"}), "x", {}, tmp_path, state)


def test_a_configuration_may_ask_for_a_replay_and_say_where_sessions_lie(
    recorded: Workspace, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "streamgauge.toml").write_text(
        f'[session]\nmode = "replay"\n[output]\nworkspace = "{recorded.root}"\nstate_db = "st/o.db"\n',
        encoding="utf-8",
    )
    state = StateFolder(tmp_path / ".state")
    with pytest.raises(UsageError, match="Only a replay takes a session"):
        replay_command.run(Request(), "20250615_120000", {}, tmp_path, state)
    lines, code = replay_command.run(Request(), "20250615_120000", {}, here, state)
    assert (code, lines[-2]) == (0, "findings   identical, byte for byte")
    assert (here / "st" / ".state" / "replay" / "20250615_120000" / "all-findings.json").exists()
    flags = {"output.workspace": tmp_path / "elsewhere"}
    _, code = replay_command.run(Request(flags=flags), "20250615_120000", {}, here, state)
    assert code == 0
    assert (tmp_path / "elsewhere" / "all-findings.json").exists()


@pytest.mark.parametrize("form", [*Form])
def test_an_archive_is_replayed_byte_for_byte_and_compared(
    recorded: Workspace, tmp_path: Path, form: Form
) -> None:
    then = recorded.all_findings.read_bytes()
    archived = keeping.keep(recorded.root, ManualClock(START_MS + 60_000), form).path
    other = record(tmp_path / "other", {**CODE, "b.py": 'r.xadd("more", {})\n'})
    clock = ManualClock(START_MS + 60_000)
    later = keeping.keep(other.root, clock, form).path
    shutil.rmtree(recorded.root)
    shutil.rmtree(other.root)
    state = StateFolder(tmp_path / ".state")
    before = archived.read_bytes()
    for name in (str(archived), "20250615_120000"):
        lines, code = replay_command.run(Request(flags={"session.mode": "replay"}), name, {}, tmp_path, state)
        assert (code, lines[-2]) == (0, "findings   identical, byte for byte")
        again = tmp_path / ".state" / "replay" / "20250615_120000" / "all-findings.json"
        assert again.read_bytes() == then
    assert archived.read_bytes() == before
    found = diff.compared(
        str(archived), str(later), tmp_path / "monitor-session", tmp_path / ".state" / "o.db"
    )
    assert (found.counts["new"], found.counts["resolved"]) == (2, 0)
    assert found.counts["persisting"] == len(json.loads(then))
