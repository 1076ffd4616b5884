"""Alerts while a session runs: CRITICAL at once, all else at the end, each once, and nothing that stops a session."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from orchestrator.alerts import live as live_module
from orchestrator.alerts.after import lock_of, tell
from orchestrator.alerts.beside import LiveAlerts
from orchestrator.alerts.live import Job, Live
from orchestrator.session.lock import hold_file
from tests.fakes.http_peer import HttpPeer, Reply
from tests.fakes.waiting import wait_for
from tests.orchestrator.alerts.test_after import Scene, finding
from tools.clock import SystemClock
from tools.findings.journal import Journal
from tools.findings.model import AgentId
from tools.sources import session_facts
from tools.synthesis.sessions import against
from tools.synthesis.sessions import store as kept
from tools.synthesis.sessions.accepting import Acceptance
from tools.synthesis.sessions.against import Against
from tools.synthesis.sessions.comparison import SESSIONS_MAX
from tools.synthesis.sessions.record import begun as begun_record


class Running(Scene):
    """A session that is at work, and the looks at it."""

    def __init__(self, folder: Path, peer: HttpPeer) -> None:
        super().__init__(folder, peer)
        self.places.store.unlink()
        self.session()
        facts = session_facts.read(self.workspace)
        session_facts.write(self.workspace, structs.replace(facts, ended_by="running", phases=()))
        self.workspace.all_findings.unlink()
        self.workspace.write_text(self.workspace.session_id_file, "S1\n")
        self.live = Live(self.job, {}, self.clock)
        self.findings: list[dict[str, Any]] = []

    @property
    def job(self) -> Job:
        rules, store, workspace = map(str, self.places)
        return Job(rules=rules, store=store, workspace=workspace, shadow=False, before=None)

    def finds(self, *findings: dict[str, Any]) -> None:
        with Journal(self.workspace.findings(AgentId.REDIS_STREAM_ANALYST)) as journal:
            for item in findings:
                journal.append(item)
        self.findings += findings

    def look(self, seconds: float = 0) -> list[str]:
        self.clock.advance(seconds)
        return list(self.live.look())

    def end(self, *later: dict[str, Any]) -> list[str]:
        """The session is over: what it found, and its alerts."""
        facts = session_facts.read(self.workspace)
        self.session(*self.findings, *later, session_id=facts.session_id, started_ms=facts.started_ms)
        return self.tell()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with HttpPeer() as peer:
        yield Running(tmp_path, peer)


def test_what_is_critical_is_told_after_the_groups_wait_and_once_with_the_end(running: Running) -> None:
    running.finds(finding(1), finding(2, "HIGH"))
    assert running.look() == []
    assert running.look(29) == []
    assert running.look(2) == [
        "sent to hook (http://127.0.0.1): CRITICAL: lag 1".replace("http://127.0.0.1", running.peer.url)
    ]
    assert running.look(60) == running.look(600) == []
    running.end()
    assert running.told() == [("firing", "lag 1"), ("firing", "lag 2")]
    assert running.tell() == []


def test_what_gets_worse_is_told_at_once_too(running: Running) -> None:
    running.finds(finding(1, "HIGH"))
    assert running.look(60) == running.look(60) == []
    running.finds(finding(1))
    running.look()
    assert len(running.look(31)) == 1


def test_of_one_root_cause_one_message_is_sent_and_its_end_follows(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = finding(3)["fingerprint"]
    causes = {finding(number)["findingId"]: root for number in (1, 2)}
    monkeypatch.setattr(live_module, "_causes", lambda _: causes)
    running.finds(finding(1), finding(2))
    running.look()
    running.look(31)
    assert [request.data["title"] for request in running.peer.requests] == ["lag 1 and 1 more"]
    # The root itself is found just before the end: it belongs to the group that was told, whose interval is not over.
    cluster = {"rootFingerprint": root, "members": ["RSA-001", "RSA-002", "RSA-003"]}
    running.workspace.path("report.json").write_bytes(msgspec.json.encode({"clusters": [cluster]}))
    running.end(finding(3))
    assert running.told() == [("firing", "lag 1 and 1 more"), ("firing", "lag 3")]
    keys = {request.data["dedupKey"] for request in running.peer.requests}
    assert len(keys) == 1
    running.clock.advance(86_400)
    running.session(resolved=(1, 2, 3))
    running.tell()
    assert running.told()[2:] == [("resolved", "over: lag 1 and 2 more")]


def test_a_root_that_comes_later_joins_the_group_of_what_lasts(running: Running) -> None:
    first, second = finding(1), finding(2)
    running.finds(first)
    running.look()
    running.look(31)
    cluster = {"rootFingerprint": second["fingerprint"], "members": ["RSA-001", "RSA-002"]}
    running.workspace.path("report.json").write_bytes(msgspec.json.encode({"clusters": [cluster]}))
    running.end(second)
    assert len({request.data["dedupKey"] for request in running.peer.requests}) == 1


def test_nothing_accepted_of_a_model_mended_or_of_the_session_before_is_told(running: Running) -> None:
    entry = Acceptance(
        fingerprint=finding(1)["fingerprint"], reason="known", expires=date(2030, 1, 1), place="x:1"
    )
    running.workspace.path("recording").mkdir(exist_ok=True)
    against.write(running.workspace, Against(acceptances=(entry,)))
    running.finds(finding(1), finding(2, origin="model"), finding(3, endedAt="2025-06-15T15:07:00.000Z"))
    running.look()
    assert running.look(60) == []
    stat = running.workspace.session_id_file.stat()
    job = structs.replace(running.job, before=(stat.st_ino, stat.st_mtime_ns))
    running.finds(finding(4))
    other = Live(job, {}, running.clock)
    assert list(other.look()) == []
    assert running.told() == []


def test_a_receiver_that_refuses_is_tried_again_and_the_end_tells_it(running: Running) -> None:
    running.peer.replies[:] = [Reply(400, b"no"), Reply(200)]
    running.finds(finding(1))
    running.look()
    (line,) = running.look(31)
    assert "not taken by hook" in line
    assert running.look(5) == []
    assert len(running.look(40)) == 1
    assert running.end() == []
    assert [outcome for outcome, _ in running.ledger()] == ["failed", "sent"]


def test_what_cannot_be_done_is_said_once_and_tried_again(running: Running) -> None:
    text = running.places.rules.read_text(encoding="utf-8")
    running.places.rules.write_text("receivers: []\n", encoding="utf-8")
    running.finds(finding(1))
    (line,) = running.look()
    assert line.startswith("nobody is alerted while the session runs: ")
    assert running.look(31) == []
    running.places.rules.write_text(text, encoding="utf-8")
    running.look(31)
    assert len(running.look(31)) == 1


def test_while_another_tells_it_waits_for_no_lock(running: Running) -> None:
    running.finds(finding(1))
    running.places.store.parent.mkdir(exist_ok=True)
    with hold_file(lock_of(running.places.store), "alerts", "other"):
        assert running.look() == []
    running.look()
    assert len(running.look(31)) == 1


def test_a_torn_or_strange_line_is_passed_over(running: Running) -> None:
    path = running.workspace.findings(AgentId.LOG_WATCHER)
    path.write_bytes(b'not json\n{"findingId": 5}\n' + msgspec.json.encode(finding(1)) + b'\n{"finding')
    running.look()
    assert len(running.look(31)) == 1


@contextmanager
def started(running: Running, lines: list[str]) -> Iterator[LiveAlerts]:
    running.rules(url=running.peer.url, more="")
    text = running.places.rules.read_text(encoding="utf-8").replace("route: {", "route: {group_wait: 0s, ")
    running.places.rules.write_text(text, encoding="utf-8")
    alerts = LiveAlerts(running.job, os.environ, lines.append)
    try:
        yield alerts
    finally:
        alerts.end()


def test_the_process_tells_and_ends_when_the_session_does(running: Running) -> None:
    lines: list[str] = []
    running.clock = SystemClock()  # type: ignore[assignment]  # that of the process
    with started(running, lines) as alerts:
        running.finds(finding(1))
        wait_for(lambda: len(lines) == 1)
        assert alerts.end() == ""
    assert lines[0].startswith("alert      sent to hook")
    assert running.told() == [("firing", "lag 1")]
    assert running.end() == []


def test_a_process_that_is_killed_is_told_in_the_ledger_and_the_end_tells_the_rest(running: Running) -> None:
    running.finds(finding(1))
    running.clock = SystemClock()  # type: ignore[assignment]  # that of the process
    entered, leave = threading.Event(), threading.Event()

    class Slow(HttpPeer):
        def _answer(self, handler: Any) -> None:
            entered.set()
            leave.wait(60)
            handler.close_connection = True  # who asked is gone

    with Slow() as slow:
        running.rules(url=slow.url)
        running.peer, normal = slow, running.peer
        with started(running, []) as alerts:
            try:
                assert entered.wait(30)
                why = alerts.end(within_s=0.1)
            finally:
                leave.set()
    running.peer = normal
    assert why == "it was ended, as it was not done within 0.1 s"
    running.rules(url=normal.url)
    running.session(*running.findings)
    list(tell(running.places, {}, running.clock, shadow=False, lost=why))
    assert running.told() == [("firing", "lag 1")]
    assert running.ledger()[0] == ("ended", "alerts while the session ran")


def test_a_process_that_dies_says_so(running: Running) -> None:
    alerts = LiveAlerts(running.job, os.environ, lambda _: None)
    assert alerts.pid is not None
    os.kill(alerts.pid, signal.SIGKILL)
    os.waitid(os.P_PID, alerts.pid, os.WEXITED | os.WNOWAIT)
    assert alerts.end() == "its process ended before the session (code -9)"


def test_ctrl_c_while_it_is_waited_for_ends_it_and_costs_the_session_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts = LiveAlerts(running.job, os.environ, lambda _: None)
    process = alerts._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    wait, asked = process.wait, iter([KeyboardInterrupt])

    def interrupted(seconds: float) -> int:
        for error in asked:
            raise error
        return wait(seconds)

    monkeypatch.setattr(process, "wait", interrupted)
    assert alerts.end() == "it was ended by Ctrl-C"
    assert process.poll() == -signal.SIGKILL


def test_facts_that_cannot_be_read_end_no_look(running: Running) -> None:
    running.finds(finding(1))
    facts = running.workspace.path("session.json")
    whole = facts.read_bytes()
    facts.write_bytes(b"{")
    (said,) = running.look()
    assert said.startswith("nobody is alerted while the session runs")
    facts.write_bytes(whole)
    running.look(31)
    assert len(running.look(31)) == 1


def test_what_a_killed_session_told_and_no_complete_one_saw_any_more_is_let_go(running: Running) -> None:
    running.finds(finding(1))
    running.look()
    running.look(31)
    begun = begun_record(session_facts.read(running.workspace))
    for _ in range(2 * SESSIONS_MAX):
        running.clock.advance(86_400)
        running.session()
        kept.write(running.workspace.path(*kept.FILE), begun)
        running.tell()
        running.tell()  # `alerts send`: a session counts once
    assert running.told() == [("firing", "lag 1"), ("firing", "still: lag 1"), ("firing", "still: lag 1")]
    running.session(finding(1))
    running.tell()
    assert running.told()[3:] == [("firing", "lag 1")]


def test_in_the_middle_of_a_message_it_does_not_outlive_whoever_started_it_for_long(running: Running) -> None:
    running.finds(finding(1))
    entered, leave = threading.Event(), threading.Event()

    class Slow(HttpPeer):
        def _answer(self, handler: Any) -> None:
            entered.set()
            leave.wait(60)
            handler.close_connection = True

    with Slow() as slow:
        running.rules(url=slow.url)
        text = running.places.rules.read_text(encoding="utf-8").replace(
            "route: {", "route: {group_wait: 0s, "
        )
        running.places.rules.write_text(text, encoding="utf-8")
        alerts = LiveAlerts(structs.replace(running.job, orphan_s=0.1), os.environ, lambda _: None)
        process = alerts._process
        try:
            assert process is not None
            assert process.stdin is not None
            assert entered.wait(30)
            process.stdin.close()  # as the kernel does for one that is killed
            assert process.wait(60) == 1  # 0 is that of one that had its tries
        finally:
            leave.set()
            alerts.end(0.1)
