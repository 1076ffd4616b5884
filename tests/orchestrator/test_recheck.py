"""One finding looked for again: still there, gone, or why that cannot be told."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents import log_watcher
from agents.job import LogSource
from orchestrator.config.model import Config, LogSourceSection, LogsSection, OutputSection, RedisSection
from orchestrator.recheck import Recheck, recheck
from tests.agents.audit_jobs import START_MS, job_of, reporter_of
from tests.conftest import Server
from tests.fakes.clock import ManualClock
from tests.report.made_session import record
from tools.detectors import registry
from tools.detectors.thresholds import Judgement, Limits
from tools.findings.model import AgentId, EvidenceKind, Finding
from tools.findings.recorder import load
from tools.findings.rule import Quote, Symptom
from tools.sources.session_facts import SessionFacts
from tools.workspace import Workspace

CODE = 'import redis\nredis.Redis().xadd("orders", {"a": 1})\n'


@pytest.fixture
def wanted(tmp_path: Path) -> Recheck:
    """A session on a project with one file; what is looked for is set by each test."""
    project = tmp_path / "shop"
    project.mkdir()
    (project / "app.py").write_text(CODE, encoding="utf-8")
    session = Workspace(tmp_path / "monitor-session")
    session.create()
    facts = SessionFacts(
        session_id="20250615_120000",
        version="0.1.0",
        mode="attach",
        project_root=str(project),
        redis=None,
        started_ms=START_MS,
        deadline_ms=START_MS + 60_000,
        ended_ms=START_MS + 60_000,
    )
    config = Config(output=OutputSection(state_db=tmp_path / ".state" / "o.db"))
    limits = Limits(consumer_lag=0, lag_recheck=0)
    return Recheck(
        finding=finding(
            session, "code.xadd-no-maxlen", ("app.py",), 'redis.Redis().xadd("orders", {"a": 1})'
        ),
        session=session,
        facts=facts,
        config=config,
        judgement=Judgement(limits=limits),
        mask_key=None,
        clock=ManualClock(START_MS + 100_000),
        watch_s=10,
    )


def finding(session: Workspace, rule_id: str, entity: tuple[str, ...], location: str = "") -> Finding:
    rule = registry.rules()[rule_id]
    symptom = Symptom(
        rule=rule,
        title=rule_id,
        entity=entity,
        location=location,
        evidence=(Quote(EvidenceKind.FILE, "app.py", "quoted"),),
        recommendation="Mend it.",
        stream="orders",
        expected="one",
        actual="other",
    )
    record(session, rule.agent, [symptom])
    return load(session.findings(rule.agent))[-1]


def test_a_finding_about_code_is_there_until_the_code_is_mended(wanted: Recheck) -> None:
    app = Path(wanted.facts.project_root) / "app.py"
    found = recheck(wanted)
    assert (found.state, found.found and found.found.fingerprint) == (
        "still there",
        wanted.finding.fingerprint,
    )
    app.write_text("\n\n" + CODE, encoding="utf-8")
    assert recheck(wanted).state == "still there"
    app.write_text(CODE.replace("1})", "1}, maxlen=1000)"), encoding="utf-8")
    assert recheck(wanted).state == "gone"


def test_a_project_that_is_not_there_is_no_proof(wanted: Recheck, tmp_path: Path) -> None:
    (tmp_path / "shop").rename(tmp_path / "elsewhere")
    verdict = recheck(wanted)
    assert (verdict.state, "is not there" in verdict.why) == ("cannot be checked", True)


def test_a_finding_about_a_group_is_there_until_it_has_read_everything(
    wanted: Recheck, server: Server
) -> None:
    server.client.xgroup_create("orders", "billing", id="0", mkstream=True)
    server.client.xadd("orders", {"a": 1})
    wanted = replace(
        wanted,
        finding=finding(wanted.session, "stream.consumer-lag", ("orders", "billing")),
        facts=replace_started(wanted.facts),
        config=wanted.config.model_copy(update={"redis": RedisSection(url=SecretStr(server.url))}),
    )
    assert recheck(wanted).state == "still there"
    server.client.xreadgroup("billing", "b-1", {"orders": ">"})
    verdict = recheck(wanted)
    assert verdict.state == "gone", verdict.why
    assert "polls in 10s" in verdict.why
    early = recheck(replace(wanted, watch_s=2))
    assert early.state == "cannot be checked"
    assert "took 5s to show" in early.why


def replace_started(facts: SessionFacts) -> SessionFacts:
    """As if the finding had been seen five seconds into the session."""
    from msgspec import structs

    return structs.replace(facts, started_ms=START_MS + 590_000)


def test_a_server_that_does_not_answer_is_no_proof(wanted: Recheck) -> None:
    wanted = replace(wanted, finding=finding(wanted.session, "stream.consumer-lag", ("orders", "billing")))
    assert "redis.url is not set" in recheck(wanted).why
    url = RedisSection(url=SecretStr("redis://127.0.0.1:1/0"))
    verdict = recheck(replace(wanted, config=wanted.config.model_copy(update={"redis": url})))
    assert (verdict.state, "127.0.0.1:1" in verdict.why) == ("cannot be checked", True)


def test_a_finding_about_lines_is_looked_for_in_what_was_written_since(
    wanted: Recheck, tmp_path: Path
) -> None:
    log = tmp_path / "web.log"
    log.write_text("2025-06-15T12:00:00Z INFO started\n", encoding="utf-8")
    job = job_of(AgentId.LOG_WATCHER, tmp_path / "shop", wanted.session.root, "redis://127.0.0.1:1/0")
    job = job.model_copy(update={"logs": (LogSource(service="web", path=str(log)),)})
    with ExitStack() as stack:
        reporter = reporter_of(job, ManualClock(START_MS), stack)
        watcher = log_watcher.make(job, reporter)
        watcher.look()
        say(log, "ERROR cannot open the till")
        watcher.finish()
        watcher.close()
        (found,) = reporter.recorder.findings
    sources = LogsSection(sources=(LogSourceSection(service="web", path=str(log)),))
    wanted = replace(wanted, finding=found, config=wanted.config.model_copy(update={"logs": sources}))
    verdict = recheck(wanted)
    assert (verdict.state, "has logged nothing since" in verdict.why) == ("cannot be checked", True)
    say(log, "INFO all is well")
    assert recheck(wanted).state == "gone"
    say(log, "ERROR cannot open the till")
    assert recheck(wanted).state == "still there"


def say(log: Path, text: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(f"2025-06-15T12:00:09Z {text}\n")


@pytest.mark.parametrize(
    ("rule_id", "why"),
    [
        pytest.param("log.silence", "judges a whole window", id="silence"),
        pytest.param("session.leftover-port", "starting and stopping", id="the session's own"),
        pytest.param("code.of-yesterday", "has no rule", id="rule of another version"),
        pytest.param("log.error", "no log source is configured", id="no logs"),
    ],
)
def test_what_cannot_be_checked_says_why(wanted: Recheck, rule_id: str, why: str) -> None:
    agent = AgentId.LOG_WATCHER if rule_id.startswith("log") else wanted.finding.agent_id
    other = wanted.finding.model_copy(update={"rule_id": rule_id, "agent_id": agent})
    verdict = recheck(replace(wanted, finding=other))
    assert verdict.state == "cannot be checked"
    assert why in verdict.why
