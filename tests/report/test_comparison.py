"""Section 1 against the last session: what the report, its JSON and the exit code make of a comparison."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from orchestrator.cli import summary
from orchestrator.session.exit_code import exit_code
from tests.report.made_session import SESSION_ID, START_MS, Made, make, record
from tools.findings.model import AgentId, ConfigCategory, EvidenceKind, LogCategory, Severity
from tools.findings.recorder import Recorder
from tools.findings.rule import Quote, Rule, Symptom
from tools.report.write import write_report
from tools.sources import file_marks, session_facts
from tools.sources.change import ChangeBase
from tools.sources.session_facts import AgentRun
from tools.synthesis import cross_agent, session_data
from tools.synthesis.sessions import against, making, store
from tools.synthesis.sessions.accepting import Acceptance
from tools.synthesis.sessions.against import Against
from tools.synthesis.sessions.comparison import SessionComparison, past_of
from tools.synthesis.sessions.record import SessionRecord

GONE, CROSS = f"v1:{'a' * 20}", f"v1:{'b' * 20}"
HOSTILE = "</td> | `x` \u202e [l](http://e.example)"
NEWS = Rule("log.error", AgentId.LOG_WATCHER, LogCategory.BUG, "an error", severity=Severity.HIGH)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path)


def as_earlier(made: Made) -> SessionRecord:
    """What the session looked like the night before."""
    found = making.record_of(made.workspace, session_data.load(made.workspace, START_MS))
    return structs.replace(found, session_id="20250614_150640", started_ms=START_MS - 86_400_000)


def add(made: Made, title: str = "mail: a new trouble") -> None:
    symptom = Symptom(
        rule=NEWS,
        title=title,
        entity=("mail", "new"),
        evidence=(Quote(EvidenceKind.LOG, "mail.log", "it failed"),),
        recommendation="Look at mail.",
        service="mail",
    )
    record(made.workspace, AgentId.LOG_WATCHER, [symptom])


def summary_of(found: SessionComparison) -> list[str]:
    return list(
        summary.lines(
            health="OK",
            findings=(),
            gaps=0,
            report=None,
            workspace=Path("w"),
            exit_code=0,
            fail_on="high",
            compared=found,
        )
    )


def code(made: Made, fail_on: str) -> int:
    return exit_code(made.workspace, fail_on=fail_on, failed=False, signal=None)


def test_the_report_says_what_is_new_and_what_persists(made: Made) -> None:
    earlier = as_earlier(made)
    add(made, f"mail: a new trouble {HOSTILE}")
    against.write(made.workspace, Against(record=earlier))
    report = write_report(made.workspace, made.project, made.clock)
    assert report.dashboard is not None
    compared = report.dashboard.comparison
    assert compared is not None
    assert (compared.new, compared.persisting, compared.resolved) == (1, 18, 0)
    text = made.workspace.report(SESSION_ID).read_text(encoding="utf-8")
    assert (
        "| against the last session | 1 new, 18 persisting, 0 resolved (against `20250614_150640`) |" in text
    )
    assert "### Against session `20250614_150640`" in text
    assert "### Trend" in text
    assert HOSTILE not in text
    assert report.comparison is not None
    assert [row.state for row in report.comparison.findings] == ["new"]
    data = json.loads((made.workspace.root / "report.json").read_text(encoding="utf-8"))
    assert [point["sessionId"] for point in data["comparison"]["trend"]] == ["20250614_150640", SESSION_ID]


def test_a_record_says_what_was_joined(made: Made) -> None:
    found = as_earlier(made).findings
    names = {known.fingerprint for known in found}
    joined = [known.joins for known in found if known.rule_id == cross_agent.RULE.id]
    assert joined
    assert all(len(joins) > 1 and names.issuperset(joins) for joins in joined)
    assert not any(known.joins for known in found if known.rule_id != cross_agent.RULE.id)


def test_a_report_made_again_compares_alike(made: Made) -> None:
    against.write(made.workspace, Against(record=as_earlier(made)))
    first = write_report(made.workspace, made.project, made.clock)
    assert write_report(made.workspace, made.project, made.clock).comparison == first.comparison


def test_without_an_earlier_session_the_report_says_so(made: Made) -> None:
    against.write(made.workspace, Against())
    write_report(made.workspace, made.project, made.clock)
    text = made.workspace.report(SESSION_ID).read_text(encoding="utf-8")
    assert "| against the last session | not compared: there is no complete earlier session" in text


def test_what_is_kept_beside_a_session_may_be_damaged(made: Made) -> None:
    made.workspace.path(*against.FILE).write_bytes(b"\x1f\x8b damaged")
    report = write_report(made.workspace, made.project, made.clock)
    assert [failure.section for failure in report.failures] == ["comparison"]
    assert report.dashboard is not None


def test_only_what_is_new_ends_a_run_with_1_where_that_is_asked(made: Made) -> None:
    against.write(made.workspace, Against(record=as_earlier(made)))
    write_report(made.workspace, made.project, made.clock)
    assert (code(made, "high"), code(made, "new:info")) == (1, 3)  # 3: the made session has a blind gap
    add(made)
    write_report(made.workspace, made.project, made.clock)
    assert (code(made, "new:high"), code(made, "new:critical")) == (1, 3)


def test_what_got_worse_counts_as_new(made: Made) -> None:
    earlier = as_earlier(made)
    milder = tuple(structs.replace(known, level="LOW", rank=3) for known in earlier.findings)
    against.write(made.workspace, Against(record=structs.replace(earlier, findings=milder)))
    write_report(made.workspace, made.project, made.clock)
    assert code(made, "new:critical") == 1


def test_without_a_comparison_everything_is_new(made: Made) -> None:
    assert code(made, "new:high") == 1


def test_what_is_accepted_does_not_end_a_run_with_1_until_it_expires(made: Made) -> None:
    known = as_earlier(made).findings
    entries = [
        Acceptance(fingerprint=item.fingerprint, reason="agreed | so", expires=date(2025, 6, 15), place="f:1")
        for item in known
    ]
    unused = Acceptance(fingerprint=f"v1:{0:020x}", reason="old", expires=date(2030, 1, 1), place="f:9")
    against.write(made.workspace, Against(acceptances=(*entries, unused)))
    report = write_report(made.workspace, made.project, made.clock)
    assert report.comparison is not None
    assert {view.state for view in report.comparison.acceptances} == {"in force", "not looked for"}
    assert code(made, "info") == 3
    expired = tuple(structs.replace(entry, expires=date(2025, 6, 14)) for entry in entries)
    against.write(made.workspace, Against(acceptances=expired))
    report = write_report(made.workspace, made.project, made.clock)
    assert report.comparison is not None
    assert {view.state for view in report.comparison.acceptances} == {"expired"}
    assert code(made, "info") == 1
    assert "| expired |" in made.workspace.report(SESSION_ID).read_text(encoding="utf-8")


CHANGE = ChangeBase(asked="main", commit="c" * 40, how="revision")


@pytest.mark.parametrize(
    ("seen", "change", "state"),
    [
        pytest.param("", {}, "unused", id="all was looked at"),
        pytest.param("", {"agents": 3}, "not looked for", id="an agent did not finish"),
        pytest.param("", {"polls": False}, "not looked for", id="without a server"),
        pytest.param("past", {"polls": False}, "unused", id="a session of its kind saw it once"),
        pytest.param("earlier", {"polls": False}, "not looked for", id="it is open still"),
        pytest.param("earlier", {}, "unused", id="it is resolved"),
        pytest.param("last", {"polls": False}, "not looked for", id="the last session of the series has it"),
        pytest.param("past", {"change": CHANGE}, "not looked for", id="a change alone"),
    ],
)
def test_an_entry_is_unused_only_where_the_session_looked_for_its_finding(
    made: Made, seen: str, change: dict[str, Any], state: str
) -> None:
    earlier = as_earlier(made)
    gone = structs.replace(
        earlier.findings[0],
        fingerprint=f"v1:{0:020x}",
        agent="stream-analyst",
        rule_id="stream.consumer-lag",
        streams=("orders",),
        group=None,
        files=(),
    )
    with_it = structs.replace(earlier, findings=(*earlier.findings, gone))
    facts = session_facts.read(made.workspace)
    runs = tuple(AgentRun(agent=agent, attempts=1, finished=True) for agent in AgentId)[
        : change.get("agents", 4)
    ]
    session_facts.write(made.workspace, structs.replace(facts, agents=runs, change=change.get("change")))
    file_marks.write(made.workspace, {"web/main.py": "1 1 1 1"})
    if not change.get("polls", True):
        made.workspace.polls.unlink()
    against.write(
        made.workspace,
        Against(
            record=with_it if seen == "earlier" else earlier,
            last=with_it if seen == "last" else None,
            past=(past_of(with_it),) if seen == "past" else (),
            acceptances=(
                Acceptance(fingerprint=gone.fingerprint, reason="old", expires=date(2030, 1, 1), place="f:9"),
            ),
        ),
    )
    report = write_report(made.workspace, made.project, made.clock)
    assert report.comparison is not None
    assert [view.state for view in report.comparison.acceptances] == [state]


def test_an_entry_names_what_its_finding_became(made: Made) -> None:
    earlier = as_earlier(made)
    edited = next(known for known in earlier.findings if known.files)
    old = structs.replace(edited, fingerprint=f"v1:{0:020x}")
    others = tuple(known for known in earlier.findings if known is not edited)
    entry = Acceptance(fingerprint=old.fingerprint, reason="old", expires=date(2030, 1, 1), place="f:9")
    against.write(
        made.workspace,
        Against(record=structs.replace(earlier, findings=(*others, old)), acceptances=(entry,)),
    )
    report = write_report(made.workspace, made.project, made.clock)
    assert report.comparison is not None
    (view,) = report.comparison.acceptances
    assert (view.state, view.now) == ("in force", edited.fingerprint)
    text = made.workspace.report(SESSION_ID).read_text(encoding="utf-8")
    assert f"| in force: its finding is `{edited.fingerprint}` now, write that |" in text
    kept = store.in_workspace(made.workspace)
    assert kept is not None
    assert [it.formerly for it in kept.findings if it.formerly] == [(old.fingerprint,)]
    said = [text for text in summary_of(report.comparison) if text.startswith("accepted")]
    assert said == [
        f"accepted   in force: {old.fingerprint} at f:9; its finding is {edited.fingerprint} now, write that"
    ]


def test_a_finding_about_a_stream_that_is_gone_is_resolved_once_its_agent_finished(made: Made) -> None:
    earlier = as_earlier(made)
    gone = next(known for known in earlier.findings if known.agent == AgentId.REDIS_STREAM_ANALYST.slug)
    cross = structs.replace(
        gone, fingerprint=CROSS, agent=AgentId.ENHANCEMENT_SCOUT.slug, rule_id=cross_agent.RULE.id
    )
    gone = structs.replace(gone, fingerprint=GONE, seen_after_ms=0)
    earlier = structs.replace(
        earlier, findings=(*earlier.findings, gone, structs.replace(cross, seen_after_ms=0))
    )
    against.write(made.workspace, Against(record=earlier))
    facts = session_facts.read(made.workspace)
    for agents, states in (((), {"not observed"}), (tuple(AgentId), {"resolved"})):
        runs = tuple(AgentRun(agent=agent.value, attempts=1, finished=True) for agent in agents)
        session_facts.write(made.workspace, structs.replace(facts, agents=runs))
        found = against.conclude(made.workspace, session_data.load(made.workspace, START_MS))
        assert found is not None
        assert {row.state for row in found.findings if row.fingerprint in {GONE, CROSS}} == states, (
            found.findings
        )


def test_what_the_last_session_left_open_stays_open_where_another_is_named(made: Made) -> None:
    earlier = as_earlier(made)
    gone = next(known for known in earlier.findings if known.agent == AgentId.REDIS_STREAM_ANALYST.slug)
    gone = structs.replace(gone, fingerprint=GONE)
    named = structs.replace(earlier, session_id="20250601_150640")
    last = structs.replace(earlier, carried=(gone,))
    against.write(made.workspace, Against(record=named, last=last))
    found = against.conclude(made.workspace, session_data.load(made.workspace, START_MS))
    assert found is not None
    assert found.earlier == named.session_id
    kept = store.in_workspace(made.workspace)
    assert kept is not None
    assert [known.fingerprint for known in kept.carried] == [GONE]
    assert found.over == ()


def test_what_the_last_session_had_is_over_though_another_is_named(made: Made) -> None:
    earlier = as_earlier(made)
    facts = session_facts.read(made.workspace)
    runs = tuple(AgentRun(agent=agent.value, attempts=1, finished=True) for agent in AgentId)
    session_facts.write(made.workspace, structs.replace(facts, agents=runs))
    gone = next(known for known in earlier.findings if known.agent == AgentId.REDIS_STREAM_ANALYST.slug)
    edited = next(known for known in earlier.findings if known.files)
    others = tuple(known for known in earlier.findings if known is not edited)
    came = (
        structs.replace(gone, fingerprint=GONE, seen_after_ms=0),
        structs.replace(edited, fingerprint=f"v1:{0:020x}"),
    )
    named = structs.replace(earlier, session_id="20250601_150640")
    last = structs.replace(earlier, findings=(*others, *came))
    against.write(made.workspace, Against(record=named, last=last))
    found = against.conclude(made.workspace, session_data.load(made.workspace, START_MS))
    assert found is not None
    assert found.counts["resolved"] == 0
    assert (found.over, found.renamed) == ((GONE,), ((f"v1:{0:020x}", edited.fingerprint),))


def test_what_was_put_right_within_the_window_does_not_end_a_run_with_1(made: Made) -> None:
    for agent in AgentId:
        made.workspace.findings(agent).unlink(missing_ok=True)
    recorder = Recorder(made.workspace, AgentId.CONFIG_AUDITOR, None, lambda *why: print(why))
    rule = Rule("config.x", AgentId.CONFIG_AUDITOR, ConfigCategory.PORT_CONFLICT, "x", severity=Severity.HIGH)
    evidence = (Quote(EvidenceKind.FILE, "a.yml", "it is so"),)
    symptom = Symptom(
        rule=rule,
        title="x",
        entity=("x",),
        evidence=evidence,
        recommendation="Mend it.",
        expected="a",
        actual="b",
    )
    finding = recorder.record(symptom, START_MS)
    assert finding is not None
    for ended, expected in ((False, 1), (True, 3)):  # 3: the made session has a blind gap
        if ended:
            recorder.end(finding.fingerprint, START_MS + 1, ["a.yml"])
        assert (code(made, "high"), code(made, "new:high")) == (expected, expected)
    recorder.close()


def test_a_damaged_journal_resolves_nothing(made: Made) -> None:
    journal = made.workspace.findings(AgentId.REDIS_STREAM_ANALYST)
    lines = journal.read_bytes().splitlines(keepends=True)
    facts = session_facts.read(made.workspace)
    runs = tuple(AgentRun(agent=agent.value, attempts=1, finished=True) for agent in AgentId)
    session_facts.write(made.workspace, structs.replace(facts, agents=runs))
    against.write(made.workspace, Against(record=as_earlier(made)))
    journal.write_bytes(b"".join([b'{"damaged": 1}\n', *lines[1:]]))
    found = against.conclude(made.workspace, session_data.load(made.workspace, START_MS))
    assert found is not None
    assert (found.counts["resolved"], found.counts["not observed"] > 0) == (0, True)
