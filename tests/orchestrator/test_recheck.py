"""One finding looked for again: still there, gone, or why that cannot be told."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs
from pydantic import SecretStr

from agents import log_watcher
from agents.detecting import OF_FILES_MAX
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
SHAPES, DRIFT = "stream.schema-inconsistency", "config.schema-drift"


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


def finding(
    session: Workspace,
    rule_id: str,
    entity: tuple[str, ...],
    location: str = "",
    kind: EvidenceKind = EvidenceKind.FILE,
) -> Finding:
    rule = registry.rules()[rule_id]
    symptom = Symptom(
        rule=rule,
        title=rule_id,
        entity=entity,
        location=location,
        evidence=(Quote(kind, "app.py", "quoted"),),
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


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("redis.Redis().xadd('orders', {'a': 1})", id="other quotes"),
        pytest.param('redis.Redis().xadd("orders", {"a": 1}, approximate=True)', id="a fix that is none"),
    ],
)
def test_an_edit_that_mends_nothing_leaves_the_finding_there(wanted: Recheck, line: str) -> None:
    app = Path(wanted.facts.project_root) / "app.py"
    app.write_text(f"import redis\n{line}\n", encoding="utf-8")
    verdict = recheck(as_found(wanted))
    assert (verdict.state, "reads otherwise" in verdict.why) == ("still there", True), verdict.why


def test_a_mended_line_is_gone_though_another_of_the_session_is_not(wanted: Recheck) -> None:
    app = Path(wanted.facts.project_root) / "app.py"
    both = CODE + 'redis.Redis().xadd("orders", {"b": 2})\n'
    app.write_text(both, encoding="utf-8")
    wanted = as_found(wanted)
    other = 'redis.Redis().xadd("orders", {"b": 2})'
    finding(wanted.session, "code.xadd-no-maxlen", ("app.py",), other)
    app.write_text(both.replace('"a": 1})', '"a": 1}, maxlen=1000)'), encoding="utf-8")
    assert recheck(wanted).state == "gone"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(f"{CODE}# {'x' * 60}\n" * 12_000, "too big", id="too big"),
        pytest.param(f"{CODE}\0", "too big, binary", id="binary"),
        pytest.param(f"{CODE}x = {'(' * 3000}1{')' * 3000}\n", "app.py: ", id="nested too deeply"),
        pytest.param(None, "is not among the files", id="not there"),
    ],
)
def test_a_file_that_was_not_read_is_no_proof(wanted: Recheck, text: str | None, why: str) -> None:
    app = Path(wanted.facts.project_root) / "app.py"
    (app.parent / "other.py").write_text("import redis\n", encoding="utf-8")
    if text is None:
        app.unlink()
    else:
        app.write_text(text, encoding="utf-8")
    verdict = recheck(as_found(wanted))
    assert (verdict.state, why in verdict.why) == ("cannot be checked", True), verdict


def test_a_line_that_went_into_another_file_is_still_there(wanted: Recheck) -> None:
    app = Path(wanted.facts.project_root) / "app.py"
    wanted = as_found(wanted)
    found = recheck(wanted).found
    assert found is not None
    app.rename(app.with_name("main.py"))
    moved = wanted.finding.model_copy(update={"evidence_refs": found.evidence_refs})
    verdict = recheck(replace(wanted, finding=moved))
    assert verdict.state == "still there", verdict.why


def test_an_empty_project_is_no_proof(wanted: Recheck) -> None:
    (Path(wanted.facts.project_root) / "app.py").unlink()
    verdict = recheck(as_found(wanted))
    assert (verdict.state, "no file of the project was read" in verdict.why) == ("cannot be checked", True)


def test_more_findings_than_a_session_tells_are_no_reason_to_miss_one(wanted: Recheck) -> None:
    root = Path(wanted.facts.project_root)
    many = "".join(f'r.xadd("s{number}", {{"a": {number}}})\n' for number in range(OF_FILES_MAX + 1))
    (root / "aaa.py").write_text(f"import redis\nr = redis.Redis()\n{many}", encoding="utf-8")
    assert recheck(wanted).state == "still there"


def as_found(wanted: Recheck) -> Recheck:
    """With the finding as the rule itself has it: its files and streams."""
    found = wanted.finding.model_copy(
        update={
            "affected_files": ("app.py:2",),
            "affected_services": ("shop",),
            "affected_streams": ("orders",),
        }
    )
    return replace(wanted, finding=found)


def test_a_static_session_asks_no_server(wanted: Recheck) -> None:
    mismatch = finding(wanted.session, "config.group-name-mismatch", ("orders", "billing"))
    static = structs.replace(wanted.facts, mode="static")
    verdict = recheck(replace(wanted, finding=mismatch, facts=static))
    assert verdict.state == "gone", verdict.why


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


def test_a_server_without_the_stream_is_no_proof(wanted: Recheck, server: Server) -> None:
    wanted = replace(
        wanted,
        finding=finding(wanted.session, "stream.consumer-lag", ("orders", "billing")),
        facts=replace_started(wanted.facts),
        config=wanted.config.model_copy(update={"redis": RedisSection(url=SecretStr(server.url))}),
    )
    empty = recheck(wanted)
    assert (empty.state, "no stream at all" in empty.why) == ("cannot be checked", True), empty.why
    server.client.xadd("payments", {"a": 1})
    other = recheck(wanted)
    assert (other.state, "stream orders is not there" in other.why) == ("cannot be checked", True), other.why


def test_a_stream_that_appeared_is_gone_only_once_it_is(wanted: Recheck, server: Server) -> None:
    server.client.xadd("orders", {"a": 1})
    server.client.xadd("ordres", {"a": 1})
    found = finding(wanted.session, "config.rogue-stream", ("ordres",), kind=EvidenceKind.REDIS)
    wanted = replace(
        wanted,
        finding=found.model_copy(update={"affected_streams": ("ordres",)}),
        config=wanted.config.model_copy(update={"redis": RedisSection(url=SecretStr(server.url))}),
    )
    there = recheck(wanted)
    assert (there.state, "stream ordres is there" in there.why) == ("cannot be checked", True), there.why
    server.client.delete("ordres")
    gone = recheck(wanted)
    assert gone.state == "gone", gone.why


@pytest.mark.parametrize(
    ("text", "state", "why"),
    [
        pytest.param(f"{CODE}# {'x' * 60}\n" * 12_000, "cannot be checked", "too big", id="too big"),
        pytest.param(CODE.replace('"orders"', "NAME"), "cannot be checked", "known only at run time", id="a name at run time"),
        pytest.param(CODE.replace("})", "}, maxlen=9)"), "gone", "do not show it", id="mended"),
        pytest.param(CODE, "still there", "seen at", id="as it was"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_stream_by_its_code_is_gone_only_where_the_code_is_read(
    wanted: Recheck, server: Server, text: str, state: str, why: str
) -> None:
    server.client.xadd("orders", {"a": 1})
    project = Path(wanted.facts.project_root)
    (project / "app.py").write_text(text, encoding="utf-8")
    (project / "other.py").write_text("X = 1\n", encoding="utf-8")
    wanted = replace(
        wanted,
        finding=finding(wanted.session, "stream.missing-maxlen", ("orders", "app.py")),
        facts=replace_started(wanted.facts),
        config=wanted.config.model_copy(update={"redis": RedisSection(url=SecretStr(server.url))}),
    )
    verdict = recheck(wanted)
    assert (verdict.state, why in verdict.why) == (state, True), verdict.why


def test_a_name_known_only_at_run_time_in_another_file_is_no_proof(wanted: Recheck) -> None:
    from tools.sources.code.index import build_index, write_index

    project = Path(wanted.facts.project_root)
    write_index(wanted.session.code_index, build_index(project, (), (), START_MS))
    trim = "import redis\n\n\ndef trim(name):\n    redis.Redis().xtrim({}, maxlen=9)\n"
    (project / "other.py").write_text(trim.format("name"), encoding="utf-8")
    verdict = recheck(wanted)
    assert (verdict.state, "may hide it" in verdict.why) == ("cannot be checked", True), verdict.why
    (project / "other.py").write_text(trim.format("'orders'"), encoding="utf-8")
    assert recheck(wanted).state == "gone"


def test_another_server_is_no_proof(wanted: Recheck, server: Server) -> None:
    server.client.xgroup_create("orders", "billing", id="0", mkstream=True)
    wanted = replace(
        wanted,
        finding=finding(wanted.session, "stream.consumer-lag", ("orders", "billing")),
        facts=structs.replace(replace_started(wanted.facts), redis="redis.example:6379"),
        config=wanted.config.model_copy(update={"redis": RedisSection(url=SecretStr(server.url))}),
    )
    verdict = recheck(wanted)
    assert verdict.state == "cannot be checked"
    assert "looked at the server redis.example:6379" in verdict.why


def replace_started(facts: SessionFacts) -> SessionFacts:
    """As if the finding had been seen five seconds into the session."""
    return structs.replace(facts, started_ms=START_MS + 590_000)


@pytest.mark.parametrize(
    ("rule", "added", "samples", "said"),
    [
        pytest.param(SHAPES, "a", True, ("gone", "polls in 10s"), id="mended"),
        pytest.param(SHAPES, "b", True, ("still there", "seen at"), id="not mended"),
        pytest.param(SHAPES, "", True, ("cannot be checked", "nothing was added to orders since"), id="nothing new"),
        pytest.param(SHAPES, "a", False, ("cannot be checked", "redis.samples is off"), id="without samples"),
        pytest.param(DRIFT, "a", True, ("gone", "do not show it"), id="in line with its schema"),
        pytest.param(DRIFT, "", True, ("cannot be checked", "nothing was added to orders since"), id="no drift, nothing new"),
        pytest.param(DRIFT, "a", False, ("cannot be checked", "redis.samples is off"), id="drift, without samples"),
    ],
)  # fmt: skip
def test_a_finding_about_entries_is_gone_only_where_one_of_now_was_read(
    wanted: Recheck, server: Server, *, rule: str, added: str, samples: bool, said: tuple[str, str]
) -> None:
    server.client.xadd("orders", {"a": "1"}, id=f"{START_MS}-0")
    if added:
        server.client.xadd("orders", {added: "1"}, id=f"{START_MS + 700_000}-0")
    redis = RedisSection(url=SecretStr(server.url), samples=samples)
    found = finding(wanted.session, rule, ("orders",), kind=EvidenceKind.REDIS)
    if rule == DRIFT:
        found = found.model_copy(update={"affected_streams": ("orders",)})
    wanted = replace(
        wanted,
        finding=found,
        facts=replace_started(wanted.facts),
        config=wanted.config.model_copy(update={"redis": redis}),
    )
    verdict = recheck(wanted)
    state, why = said
    assert (verdict.state, why in verdict.why) == (state, True), verdict.why


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
    early = recheck(replace(wanted, facts=structs.replace(wanted.facts, started_ms=START_MS - 590_000)))
    assert (early.state, "took 9m50s to show, and 40s passed" in early.why) == ("cannot be checked", True), (
        early.why
    )
    say(log, "ERROR cannot open the till")
    assert recheck(wanted).state == "still there"
    log.unlink()
    say(log, "INFO all is well")
    lost = recheck(wanted)
    assert (lost.state, "may be missing" in lost.why) == ("cannot be checked", True), lost.why


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
