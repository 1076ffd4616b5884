"""Every piece of evidence is read again: proven, gone, or false by finding, file and byte."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.made_session import Made, make
from tools.findings.model import (
    AgentId,
    Effort,
    EvidenceKind,
    Impact,
    Locator,
    LogCategory,
    Priority,
    ScoutCategory,
    Severity,
    StreamCategory,
)
from tools.findings.recorder import Recorder, load
from tools.findings.rule import Quote, Rule, Symptom
from tools.report.verify import verify
from tools.workspace import Workspace


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path)


def references(made: Made) -> int:
    return sum(
        len(found.evidence_refs) for agent in AgentId for found in load(made.workspace.findings(agent))
    )


def flip(path: Path, needle: bytes, replacement: bytes, start: int = 0) -> int:
    data = path.read_bytes()
    at = data.index(needle, start)
    path.write_bytes(data[:at] + replacement + data[at + len(needle) :])
    return data.rindex(b"\n", 0, at) + 1 if b"\n" in data[:at] else 0


def test_an_honest_session_is_proven_whole(made: Made) -> None:
    found = verify(made.workspace, made.project)
    assert (found.checked, found.proven, found.copy_only, found.failures) == (
        references(made),
        found.checked,
        0,
        (),
    )


def test_hostile_evidence_is_proven_as_well(tmp_path: Path) -> None:
    made = make(tmp_path / "hostile", " \u202e\x1b[31m password=hunter2hunter2 ```")
    found = verify(made.workspace, made.project)
    assert (found.proven, found.failures) == (found.checked, ())


def test_a_tampered_copy_is_named_by_finding_file_and_byte(made: Made) -> None:
    path = made.workspace.evidence(AgentId.LOG_WATCHER)
    byte = flip(path, b"NOGROUP", b"NOGROUT")
    found = verify(made.workspace, made.project)
    assert [(item.finding_id, item.file, item.byte) for item in found.failures] == [
        ("LW-003", "recording/evidence-log-watcher.jsonl", byte)
    ]


def test_a_tampered_poll_is_named_by_finding_file_and_byte(made: Made) -> None:
    path = made.workspace.polls
    byte = flip(path, b'"length":1300', b'"length":1301')
    found = verify(made.workspace, made.project)
    failures = {(item.finding_id, item.file, item.byte) for item in found.failures}
    assert failures == {(name, "streams/polls.jsonl", byte) for name in ("RSA-001", "RSA-002", "RSA-003")}


def test_a_finding_whose_evidence_was_rewritten_is_named(made: Made) -> None:
    path = made.workspace.findings(AgentId.LOG_WATCHER)
    flip(path, b"NOGROUP No such consumer group 'mailer'", b"all is well with the groups of mailer..")
    found = verify(made.workspace, made.project)
    assert [(item.finding_id, item.file) for item in found.failures] == [
        ("LW-003", "findings/log-watcher.jsonl")
    ]


def test_a_finding_that_is_no_finding_any_more_is_named_by_byte(made: Made) -> None:
    path = made.workspace.findings(AgentId.CONFIG_AUDITOR)
    flip(path, b'"CRITICAL"', b'"HARMLESS"')
    found = verify(made.workspace, made.project)
    assert ("findings/config-auditor.jsonl", 0) in {(item.file, item.byte) for item in found.failures}


def test_a_source_that_is_gone_leaves_its_copy(made: Made) -> None:
    (made.project / "logs" / "mail.log").unlink()
    (made.project / "audit" / "main.py").unlink()
    found = verify(made.workspace, made.project)
    assert found.failures == ()
    assert {(item.finding_id, item.reason) for item in found.gone} == {
        ("LW-003", "the source is no file that can be read again"),
        ("ES-002", "the file is gone"),
    }


def test_a_source_that_moved_on_leaves_its_copy(made: Made) -> None:
    (made.project / "logs" / "mail.log").write_text("x" * 400 + "\n", encoding="utf-8")
    (made.project / "audit" / "main.py").write_text("import redis\n" * 9, encoding="utf-8")
    found = verify(made.workspace, made.project)
    assert found.failures == ()
    assert {(item.finding_id, item.reason) for item in found.gone} == {
        ("LW-003", "rotated or rewritten since"),
        ("ES-002", "the file has changed since"),
    }


def test_a_log_of_the_session_itself_must_not_change(made: Made) -> None:
    captured = made.workspace.service_log("mail")
    captured.write_bytes((made.project / "logs" / "mail.log").read_bytes())
    journal = made.workspace.findings(AgentId.LOG_WATCHER)
    journal.write_text(
        journal.read_text(encoding="utf-8").replace(str(made.project / "logs" / "mail.log"), "logs/mail.log"),
        encoding="utf-8",
    )
    assert verify(made.workspace, made.project).failures == ()
    captured.write_bytes(captured.read_bytes().replace(b"NOGROUP", b"NOTHING"))
    found = verify(made.workspace, made.project)
    assert [(item.finding_id, item.file, item.byte) for item in found.failures] == [
        ("LW-003", "logs/mail.log", 0)
    ]


def test_a_quote_of_a_finding_that_is_not_there_is_false(made: Made) -> None:
    path = made.workspace.findings(AgentId.LOG_WATCHER)
    kept = [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if json.loads(line)["findingId"] != "LW-001"
    ]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    found = verify(made.workspace, made.project)
    assert [(item.finding_id, item.reason) for item in found.failures] == [
        ("ES-003", "there is no finding LW-001")
    ]


def test_a_quote_of_an_earlier_revision_is_proven(tmp_path: Path) -> None:
    workspace, scout, analyst = (
        Workspace(tmp_path / "ws"),
        AgentId.ENHANCEMENT_SCOUT,
        AgentId.REDIS_STREAM_ANALYST,
    )
    workspace.create()
    desks = {}
    for agent in (scout, analyst):
        (workspace.agent_dir(agent) / "attempt").write_text("1", encoding="ascii")
        desks[agent] = Recorder(workspace, agent, 1, lambda _rule, why: pytest.fail(why))
    lag = Rule("stream.x", analyst, StreamCategory.CONSUMER_LAG, "x", severity=Severity.HIGH)
    cross = Rule("scout.x", scout, ScoutCategory.CROSS_AGENT_SYNTHESIS, "x", priority=Priority.P1_HIGH)

    def see(text: str) -> Symptom:
        place = Locator(finding_id="RSA-001")
        quote = Quote(EvidenceKind.FINDING, "findings/stream-analyst.jsonl", text, place)
        return Symptom(lag, text, ("s",), (quote,), "do", stream="s", hypothesis="h", services=("s",))

    desks[analyst].record(see("first"), 1)
    quoted = replace(see("first"), rule=cross, effort=Effort.HOURS_2_4, impact=Impact.LOW)
    desks[scout].record(quoted, 2)
    desks[analyst].record(see("second"), 3)
    desks[analyst].flush()
    found = verify(workspace, tmp_path)
    assert (found.proven, found.copy_only, found.failures) == (2, 0, ())


def test_lines_of_docker_journald_and_kubectl_are_proven_by_their_copies_only(tmp_path: Path) -> None:
    workspace, agent = Workspace(tmp_path / "ws"), AgentId.LOG_WATCHER
    workspace.create()
    (workspace.agent_dir(agent) / "attempt").write_text("1", encoding="ascii")
    desk = Recorder(workspace, agent, 1, lambda _rule, why: pytest.fail(why))
    rule = Rule("log.x", agent, LogCategory.BUG, "x", severity=Severity.HIGH)
    for kind in ("docker", "journald", "kubectl"):
        place = Locator(line=1, byte_offset=0, byte_length=9)
        quote = Quote(EvidenceKind.LOG, f"{kind}:orders", f"lost {kind}", place)
        desk.record(Symptom(rule, kind, (kind,), (quote,), "do", service="orders", hypothesis="h"), 1)
    desk.flush()
    (tmp_path / "docker:orders").write_text("lost docker", encoding="utf-8")
    found = verify(workspace, tmp_path)
    assert (found.checked, found.proven, found.copy_only, found.failures) == (3, 0, 3, ())
    assert {(item.source, item.reason) for item in found.gone} == {
        (f"{kind}:orders", f"{kind} keeps this log, and is not asked again")
        for kind in ("docker", "journald", "kubectl")
    }
