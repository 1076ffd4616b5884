"""The main job, end to end: one command, a real fleet, a report that holds every fault and nothing untrue."""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec import structs

from orchestrator import replay
from orchestrator.alerts.after import Places, tell
from orchestrator.store import database
from tests.e2e.audits import ROOT, Audit, audit, command, environment, left_behind, milder, missed, untrue
from tests.fakes.clock import ManualClock
from tests.fakes.http_peer import HttpPeer
from tests.report.sarif_rules import checked
from tools.clock import SystemClock
from tools.findings.model import FINDING, Enhancement, Origin, rank_of
from tools.report import schemas
from tools.sources import session_facts
from tools.workspace import Workspace

pytestmark = pytest.mark.fleet
LOW_RANK = 3
WINDOW = "110s"
"""The slowest fault shows after 65 s, on a machine that has nothing else to do."""


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Audit]:
    """All three side by side: an audit waits most of its time."""
    kinds: dict[str, tuple[str, int | None]] = {
        "faulty": ("faulty", None),
        "healthy": ("healthy", None),
        "renamed": ("faulty", 11),
    }
    folders = {name: tmp_path_factory.mktemp(name) for name in kinds}

    def run(name: str) -> Audit:
        profile, seed = kinds[name]
        return audit(folders[name], profile, "--duration", WINDOW, rename_seed=seed)

    with ThreadPoolExecutor() as pool:
        return dict(zip(kinds, pool.map(run, kinds), strict=True))


@pytest.fixture(scope="module")
def faulty(audits: dict[str, Audit]) -> Audit:
    return audits["faulty"]


@pytest.fixture(scope="module")
def healthy(audits: dict[str, Audit]) -> Audit:
    return audits["healthy"]


@pytest.fixture(scope="module")
def renamed(audits: dict[str, Audit]) -> Audit:
    return audits["renamed"]


def holds(done: Audit) -> None:
    findings = done.findings()
    assert done.exit_code == 1, done.output
    assert missed(findings, done.faults) == []
    assert milder(findings, done.faults) == []
    assert untrue(findings, done.faults) == []


def test_every_fault_is_found_and_nothing_untrue(faulty: Audit) -> None:
    holds(faulty)


def test_the_same_holds_when_every_name_is_another(renamed: Audit) -> None:
    holds(renamed)


def test_a_healthy_fleet_raises_nothing_above_low(healthy: Audit) -> None:
    above = [f"{found.finding_id} {found.title}" for found in healthy.findings() if rank_of(found) < LOW_RANK]
    assert above == []
    assert healthy.exit_code == 0, healthy.output


@pytest.mark.parametrize("which", ["faulty", "healthy", "renamed"])
def test_nothing_is_left_behind(which: str, request: pytest.FixtureRequest) -> None:
    done: Audit = request.getfixturevalue(which)
    assert left_behind(done) == []


@pytest.mark.parametrize("which", ["faulty", "healthy", "renamed"])
def test_every_claim_is_proven(which: str, request: pytest.FixtureRequest) -> None:
    done: Audit = request.getfixturevalue(which)
    checked = subprocess.run(
        command("verify", "--workspace", str(done.workspace.root)),
        cwd=done.project.parent,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_report_has_its_eight_sections_and_the_causes(faulty: Audit) -> None:
    text = faulty.report()
    for number in range(1, 9):
        assert f"\n## {number}. " in text
    assert "```mermaid" in text
    clusters = json.loads(faulty.workspace.path("findings", "cross-agent-clusters.json").read_bytes())
    lag = next(fault for fault in faulty.faults if fault["id"] == "payments-overloaded")
    findings = {finding.finding_id: finding for finding in faulty.findings()}
    joined = [
        cluster
        for cluster in clusters
        if any(findings[member].rule_id == "stream.consumer-lag" for member in cluster["members"])
        and any(findings[member].category in {"TIMEOUT", "RETRY_STORM"} for member in cluster["members"])
    ]
    assert joined, f"the time-outs are not joined to the lag of {lag['entity']}"


def traced(done: Audit, wanted: str) -> dict[str, Any]:
    """What `streamgauge trace` says of an id, as JSON that fits its schema."""
    asked = subprocess.run(
        command("trace", wanted, "--json", "--workspace", str(done.workspace.root)),
        cwd=done.project.parent,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    data: dict[str, Any] = json.loads(asked.stdout)
    jsonschema.validate(data, schemas.export()["trace.schema.json"])
    return data


def cited(done: Audit, source: str) -> str:
    """The text at the place that a step names."""
    path, _, poll = source.partition(" poll ")
    if poll:
        return f'"number":{poll},' if f'"number":{poll},' in done.workspace.path(path).read_text() else ""
    path, _, number = source.rpartition(":")
    return done.workspace.path(path).read_text(encoding="utf-8").splitlines()[int(number) - 1]


def test_a_stuck_message_is_traced_from_its_publish_to_the_list_it_pends_on(faulty: Audit) -> None:
    shown = json.loads(faulty.workspace.path("report.json").read_bytes())["flows"]["shown"]
    stuck = next(
        flow for flow in shown if flow["kind"] == "message" and "consumed-never-acked" in flow["flags"]
    )
    (flow,) = traced(faulty, f"{stuck['stream']}:{stuck['key']}")["flows"]
    assert "consumed-never-acked" in flow["flags"]
    assert flow["pendingIn"] == stuck["pendingIn"]
    actions = [step["action"] for step in flow["steps"]]
    assert (actions[0], actions[-1]) == ("published", "pending")
    assert "acked" not in actions
    for step in flow["steps"]:
        for source in (step["source"], *step["also"]):
            assert stuck["key"] in cited(faulty, source) or " poll " in source
            assert cited(faulty, source)


def test_an_order_is_traced_over_its_services_in_order(faulty: Audit) -> None:
    shown = json.loads(faulty.workspace.path("report.json").read_bytes())["flows"]["shown"]
    order = max(
        (flow for flow in shown if flow["kind"] == "correlation"), key=lambda flow: len(flow["services"])
    )
    (flow,) = traced(faulty, order["key"])["flows"]
    steps = flow["steps"]
    assert len(set(flow["services"])) >= 3
    assert [step["atMs"] for step in steps] == sorted(step["atMs"] for step in steps)
    assert steps[0]["action"] == "published"
    assert {step["origin"] for step in steps} == {"log", "sample", "poll"}
    first = steps[0]["messageId"]
    taken = [number for number, step in enumerate(steps) if step["action"] in {"consumed", "delivered"}]
    assert first is not None
    assert taken
    assert any(steps[number]["messageId"] == first for number in taken)


def test_no_flow_of_a_healthy_fleet_is_flagged(healthy: Audit) -> None:
    flows = json.loads(healthy.workspace.path("report.json").read_bytes())["flows"]
    assert flows["correlations"] > 0
    assert flows["flagged"] == {}


@pytest.mark.parametrize("which", ["faulty", "healthy"])
def test_a_replay_finds_the_same_byte_for_byte(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    done: Audit = request.getfixturevalue(which)
    outcome = replay.run(
        done.workspace, Workspace(tmp_path / "again"), session_facts.read(done.workspace).version
    )
    assert outcome.partial == ()
    assert outcome.differences == ()
    assert outcome.identical


def test_all_findings_is_sorted_by_rank_and_valid(faulty: Audit) -> None:
    data = json.loads(faulty.workspace.all_findings.read_bytes())
    findings = [FINDING.validate_python(entry) for entry in data]
    assert [rank_of(finding) for finding in findings] == sorted(rank_of(finding) for finding in findings)
    assert len(findings) == len(faulty.findings())


def test_the_contract_of_the_workspace_is_kept(faulty: Audit) -> None:
    names = [
        "SESSION_ID",
        "session.env",
        "STOP",
        "events.jsonl",
        "critical-alerts.log",
        "logs/startup.log",
        "logs/shutdown.log",
        "logs/merged.log",
        "streams/discovered_streams.txt",
        "streams/baseline.json",
        "streams/initial_topology.json",
        "streams/topology_current.txt",
        "streams/topology.json",
        "streams/polls.jsonl",
        "streams/pending.jsonl",
        "streams/samples.jsonl",
        "streams/streams_5min.txt",
        "streams/final_state.json",
        "streams/session_drift.diff",
        "config/config_files.txt",
        "config/stream_files.txt",
        "config/code_stream_names.txt",
        "config/doc_stream_names.txt",
        "config/drift_analysis.txt",
        "config/code_group_names.txt",
        "config/redis_group_names.txt",
        "config/runtime_groups.txt",
        "config/required_env_vars.txt",
        "config/env_audit.txt",
        "findings/es-static.txt",
        "findings/cross-agent-clusters.json",
        "all-findings.json",
        "report.html",
        "report.json",
        "report.sarif",
        ".gitignore",
    ]
    missing = [name for name in names if not faulty.workspace.path(name).exists()]
    assert missing == []


def test_no_secret_of_the_fleet_stands_in_any_file(faulty: Audit) -> None:
    startup = "sk_" + "live_"
    holding = [
        str(path)
        for path in faulty.workspace.root.rglob("*")
        if path.is_file() and startup.encode() in path.read_bytes()
    ]
    assert holding == []


def test_a_static_audit_needs_no_server_and_no_window(tmp_path: Path) -> None:
    done = audit(tmp_path, "faulty", "--mode", "static")
    rules = {finding.rule_id for finding in done.findings()}
    wanted = {"code.xadd-no-maxlen", "code.xreadgroup-no-ack", "code.console-logging", "code.no-dead-letter"}
    assert wanted <= rules
    run = checked(done.workspace.path("report.sarif").read_text(encoding="utf-8"))
    in_files = {item.finding_id for item in done.findings() if getattr(item, "affected_files", ())}
    assert {result["properties"]["findingId"] for result in run["results"]} == in_files
    assert left_behind(done) == []


@pytest.mark.parametrize("which", ["faulty", "healthy", "renamed"])
def test_a_night_alerts_once_for_a_root_cause_and_the_next_not_at_all(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """By the rules that `alerts init` writes, all sent to a peer that keeps what it is told."""
    done: Audit = request.getfixturevalue(which)
    report = json.loads(done.workspace.path("report.json").read_bytes())
    members = {
        name: cluster["rootFingerprint"] for cluster in report["clusters"] for name in cluster["members"]
    }
    measured = [found for found in done.findings() if found.origin is Origin.MEASURED]
    measured = [found for found in measured if not isinstance(found, Enhancement)]
    told = [found for found in measured if rank_of(found) <= 1]
    causes = {members.get(found.finding_id, found.fingerprint) for found in told}
    # The rule for security has a route of its own, and so messages of its own.
    milder = [found for found in measured if str(found.category) == "SECURITY" and rank_of(found) == 2]
    others = {members.get(found.finding_id, found.fingerprint) for found in milder}
    assert bool(causes) == (which != "healthy")
    with HttpPeer() as peer:
        text = (ROOT / "session_templates" / "alerts.yaml").read_text(encoding="utf-8")
        text = text.replace("    console: {}\n", f"    webhook: {{url: '{peer.url}'}}\n", 1)
        (tmp_path / "alerts.yaml").write_text(
            text.replace("per_hour: 20", "per_hour: 1000"), encoding="utf-8"
        )
        places = Places(tmp_path / "alerts.yaml", tmp_path / "store.db", done.workspace.root)
        database.create(places.store)
        clock = ManualClock(SystemClock().now_ms())
        first = list(tell(places, {}, clock, shadow=False))
        messages = len(peer.requests)
        assert len(first) == messages == len(causes) + len(others)
        keys = [request.data["dedupKey"] for request in peer.requests]
        assert len(set(keys)) == len(causes | others)
        # The next night finds the same, in a session of its own.
        night = Workspace(tmp_path / "next")
        shutil.copytree(
            done.workspace.root, night.root, ignore=shutil.ignore_patterns("recording-*", "*.sock")
        )
        facts = session_facts.read(night)
        session_facts.write(night, structs.replace(facts, session_id="20990101_000000"))
        clock.advance(86_400)
        assert list(tell(places._replace(workspace=night.root), {}, clock, shadow=False)) == []
        assert len(peer.requests) == messages
