"""From sessions to messages: told once, across sessions and failures; nothing of a model, nothing accepted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from orchestrator.alerts import memory
from orchestrator.alerts.after import Places, tell
from orchestrator.alerts.observing import observed
from orchestrator.session.lock import hold_file
from orchestrator.store import database
from orchestrator.store.database import open_store
from tests.fakes.clock import ManualClock
from tests.fakes.http_peer import HttpPeer, Reply
from tools.errors import LockHeld, UsageError
from tools.sources import session_facts
from tools.sources.session_facts import PhaseRun, SessionFacts
from tools.synthesis.sessions import against
from tools.synthesis.sessions.comparison import Compared, SessionComparison, State
from tools.workspace import Workspace

START_MS = 1_750_000_000_000
DAY_S = 86_400


def finding(number: int, severity: str | None = "CRITICAL", **more: Any) -> dict[str, Any]:
    return {
        "findingId": f"RSA-{number:03}",
        "fingerprint": f"v1:{number:020x}",
        "agentId": "REDIS_STREAM_ANALYST",
        "ruleId": "stream.consumer-lag",
        "category": "CONSUMER_LAG",
        "title": f"lag {number}",
        "timestamp": "2025-06-15T15:06:40.000Z",
        "severity": severity,
        "stream": "orders",
    } | more


class Scene:
    """Sessions in one workspace, and a webhook that is told."""

    def __init__(self, folder: Path, peer: HttpPeer) -> None:
        self.workspace, self.clock, self.peer = (
            Workspace(folder / "monitor-session"),
            ManualClock(START_MS),
            peer,
        )
        self.places = Places(
            folder / "alerts.yaml", folder / ".state" / "orchestration.db", self.workspace.root
        )
        self.rules(url=peer.url)
        database.create(self.places.store)

    def rules(self, *, url: str, more: str = "") -> None:
        self.places.rules.write_text(
            f"receivers:\n  - {{name: hook, webhook: {{url: '{url}'}}}}\n  - {{name: console, console: {{}}}}\n"
            f"route: {{receiver: hook, match: {{severity: '>=high'}}}}\n{more}",
            encoding="utf-8",
        )

    def session(self, *findings: dict[str, Any], resolved: tuple[int, ...] = (), **facts: Any) -> None:
        self.workspace.create()
        ends = PhaseRun(name="complete", started_ms=START_MS, status="done")
        values: dict[str, Any] = {
            "session_id": f"S{self.clock.now_ms()}",
            "version": "0.1.0",
            "mode": "attach",
            "project_root": "/project",
            "redis": None,
            "started_ms": self.clock.now_ms(),
            "deadline_ms": self.clock.now_ms(),
            "ended_by": "deadline",
            "phases": (ends,),
        }
        session_facts.write(self.workspace, SessionFacts(**values | facts))
        self.workspace.all_findings.write_bytes(msgspec.json.encode(findings))
        rows = tuple(self.row(number, State.RESOLVED) for number in resolved)
        self.compared(rows)

    def compared(self, rows: tuple[Compared, ...], **more: Any) -> None:
        result = SessionComparison(
            earlier="",
            earlier_ended_ms=None,
            later="",
            counts={},
            flapping=0,
            accepted=0,
            notes=(),
            findings=rows,
            **more,
        )
        self.workspace.path(*against.RESULT).write_bytes(msgspec.json.encode(result))

    def row(self, number: int, state: State, accepted: str = "", was: str = "") -> Compared:
        item = finding(number)
        return Compared(
            state=state, fingerprint=item["fingerprint"], finding_id=item["findingId"], session_id="", rule_id="",
            category="", level="CRITICAL", title="", services=(), streams=(), accepted=accepted, was=was,
        )  # fmt: skip

    def accept(self, number: int) -> None:
        self.compared((self.row(number, State.PERSISTING, accepted="known"),))

    def tell(self, *, shadow: bool = False) -> list[str]:
        return list(tell(self.places, {}, self.clock, shadow=shadow))

    def told(self) -> list[tuple[str, str]]:
        return [(request.data["status"], request.data["title"]) for request in self.peer.requests]

    def ledger(self) -> list[tuple[str, str]]:
        with open_store(self.places.store) as store:
            return [(row["outcome"], row["title"]) for row in store.rows("SELECT * FROM alerts ORDER BY id")]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with HttpPeer() as peer:
        yield Scene(tmp_path, peer)


def test_nights_of_the_same_trouble_are_one_message_and_one_end(scene: Scene) -> None:
    for _ in range(4):
        scene.session(finding(1), finding(2, "LOW"))
        scene.tell()
        scene.clock.advance(DAY_S)
    scene.session(finding(2, "LOW"), resolved=(1,))
    scene.tell()
    assert scene.told() == [("firing", "lag 1"), ("resolved", "over: lag 1")]
    assert [outcome for outcome, _ in scene.ledger()] == ["sent", "sent"]


def test_what_goes_on_under_another_fingerprint_is_told_once(scene: Scene) -> None:
    scene.session(finding(1))
    scene.tell()
    scene.clock.advance(DAY_S)
    scene.session({**finding(1), "fingerprint": finding(2)["fingerprint"]})
    scene.compared((scene.row(2, State.UPDATED, was=finding(1)["fingerprint"]),))
    scene.tell()
    scene.tell()  # of one session twice: nothing changes
    scene.clock.advance(DAY_S)
    scene.session(resolved=(2,))
    scene.tell()
    assert scene.told() == [("firing", "lag 1"), ("resolved", "over: lag 1")]


def test_silence_ends_nothing(scene: Scene) -> None:
    scene.session(finding(1))
    scene.tell()
    scene.clock.advance(DAY_S)
    scene.session()  # it did not look: the comparison calls nothing resolved
    scene.tell()
    assert scene.told() == [("firing", "lag 1")]


def test_a_healthy_night_is_quiet(scene: Scene) -> None:
    scene.session()
    assert scene.tell() == []
    assert (scene.told(), scene.ledger()) == ([], [])


def test_one_root_cause_is_one_message(scene: Scene) -> None:
    scene.session(finding(1), finding(2, "HIGH"), finding(3, "HIGH"), finding(4))
    cluster = {"rootFingerprint": finding(1)["fingerprint"], "members": ["RSA-001", "RSA-002", "RSA-003"]}
    scene.workspace.path("report.json").write_text(json.dumps({"clusters": [cluster]}), encoding="utf-8")
    scene.tell()
    assert sorted(scene.told()) == [("firing", "lag 1 and 2 more"), ("firing", "lag 4")]


def test_what_a_model_found_what_is_accepted_and_advice_alert_nobody(scene: Scene) -> None:
    scene.session(finding(1, origin="model"), finding(2), finding(3, None, priority="P0_CRITICAL"))
    scene.accept(2)
    scene.tell()
    assert scene.told() == []


def test_what_is_accepted_after_it_was_told_is_over(scene: Scene) -> None:
    scene.session(finding(1))
    scene.tell()
    scene.clock.advance(DAY_S)
    scene.session(finding(1))
    scene.accept(1)
    scene.tell()
    assert scene.told()[-1] == ("resolved", "over: lag 1")


def test_a_session_that_failed_is_told_once(scene: Scene) -> None:
    failed = PhaseRun(name="preflight", started_ms=START_MS, status="failed", detail="Redis does not answer")
    scene.session(ended_by="failure", phases=(failed,), session_id="S1")
    scene.tell()
    scene.clock.advance(600)
    scene.tell()
    assert scene.told() == [("firing", "session S1 failed in preflight: Redis does not answer")]


def test_sessions_of_two_projects_that_began_at_the_same_second_are_told_both(scene: Scene) -> None:
    failed = PhaseRun(name="preflight", started_ms=START_MS, status="failed", detail="no Redis")
    for project in ("/one", "/two"):
        scene.session(ended_by="failure", phases=(failed,), session_id="S1", project_root=project)
        scene.tell()
    assert len(scene.told()) == 2


def test_a_receiver_that_fails_is_tried_again_and_another_is_told(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.peer.replies = [Reply(503)] * 3 + [Reply(200)]
    scene.session(finding(1))
    (line,) = scene.tell()
    assert "not taken by hook" in line
    assert "said so to console" in line
    assert "the receiver hook does not take alerts" in capsys.readouterr().out
    assert len(scene.peer.requests) == 3
    assert scene.tell() == []  # its time has not come
    scene.clock.advance(60)
    scene.tell()
    assert len({request.headers["Idempotency-Key"] for request in scene.peer.requests}) == 1
    assert scene.ledger() == [("failed", "lag 1"), ("sent", "lag 1")]


def test_a_receiver_that_is_silent_costs_its_tries_once(scene: Scene) -> None:
    """And what it says of itself is a line like any other."""
    scene.peer.replies = [Reply(503, b"\x1b[2J down\r\nBcc: x")]
    scene.session(finding(1), finding(2), finding(3))
    lines = scene.tell()
    assert (len(lines), len(scene.peer.requests)) == (3, 3)
    assert all("not taken by hook" in line and line.isprintable() for line in lines)
    assert "not tried: answered 503" in lines[2]
    scene.peer.replies = [Reply(200)]
    scene.clock.advance(60)
    assert all("sent to hook" in line for line in scene.tell())
    assert len(scene.peer.requests) == 6


def test_a_peer_that_asks_for_a_moment_gets_it(scene: Scene) -> None:
    scene.peer.replies = [Reply(429, headers={"Retry-After": "20"}), Reply(200)]
    scene.session(finding(1))
    before = scene.clock.now_ms()
    scene.tell()
    assert scene.clock.now_ms() - before >= 20_000
    assert len(scene.peer.requests) == 2


def test_killed_between_sending_and_remembering_it_is_sent_again_under_the_same_id(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.session(finding(1))
    saved = memory.save
    calls: list[int] = []

    def dies(*arguments: Any, **more: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        saved(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(memory, "save", dies)
        with pytest.raises(KeyboardInterrupt):
            scene.tell()
    scene.tell()
    assert len(scene.peer.requests) == 2
    assert len({request.headers["Idempotency-Key"] for request in scene.peer.requests}) == 1
    scene.tell()
    assert len(scene.peer.requests) == 2


def test_a_shadow_prints_all_sends_nothing_and_is_not_taken_for_told(scene: Scene) -> None:
    scene.session(finding(1))
    (line,) = scene.tell(shadow=True)
    assert line.startswith("would send to hook (http://127.0.0.1")
    assert scene.tell(shadow=True) == []
    assert scene.told() == []
    scene.tell()
    assert scene.told() == [("firing", "lag 1")]
    assert [outcome for outcome, _ in scene.ledger()] == ["shadow", "sent"]


def test_what_was_kept_back_is_in_the_ledger_with_the_reason(scene: Scene) -> None:
    scene.rules(
        url=scene.peer.url,
        more="silences: [{match: {stream: orders}, until: 2030-01-01, author: ana, comment: known}]\n",
    )
    scene.session(finding(1))
    scene.tell()
    assert (scene.told(), scene.ledger()) == ([], [("suppressed", "lag 1")])


def test_a_variable_that_is_missing_is_told_and_stops_no_other(scene: Scene) -> None:
    text = scene.places.rules.read_text(encoding="utf-8").replace(
        "route:", "  - {name: pager, pagerduty: {}}\nroute:"
    )
    scene.places.rules.write_text(text, encoding="utf-8")
    scene.session(finding(1))
    lines = scene.tell()
    assert "PAGERDUTY_ROUTING_KEY" in lines[0]
    assert scene.told() == [("firing", "lag 1")]


def test_hostile_text_and_secrets_do_not_leave(scene: Scene) -> None:
    secret = "redis://default:hunter2pass@10.0.0.9:6379"
    scene.session(finding(1, title=f"lag\x1b[2J of {secret}"))
    scene.tell()
    sent = scene.peer.requests[0].body.decode()
    assert "hunter2pass" not in sent
    assert "\\u001b" not in sent


def test_one_process_at_a_time_and_none_while_the_session_runs(scene: Scene) -> None:
    scene.session(finding(1))
    lock = scene.places.store.with_name("orchestration.db.alerts.lock")
    with hold_file(lock, "alerts", "other"), pytest.raises(LockHeld):
        scene.tell()
    with (
        hold_file(scene.workspace.path(".lock"), "workspace", "x"),
        pytest.raises(UsageError, match="is at work"),
    ):
        scene.tell()
    assert scene.told() == []


def test_a_session_that_did_not_end_says_so_and_resolves_nothing(scene: Scene) -> None:
    scene.session(finding(1))
    facts = session_facts.read(scene.workspace)
    session_facts.write(scene.workspace, structs.replace(facts, phases=(), ended_by="running"))
    scene.workspace.all_findings.unlink()
    seen = observed(scene.workspace, START_MS)
    assert [item.labels.event for item in seen.episodes] == ["run.incomplete"]
    assert seen.resolved == ()


def test_what_the_last_session_had_ends_though_another_is_the_baseline(scene: Scene) -> None:
    old, now, gone = (finding(number)["fingerprint"] for number in (1, 2, 3))
    scene.session()
    scene.compared((), over=(gone,), renamed=((old, now),))
    seen = observed(scene.workspace, START_MS)
    assert [key.split()[-1] for key in seen.resolved] == [gone]
    assert [(was.split()[-1], name.split()[-1]) for was, name in seen.renamed] == [(old, now)]
