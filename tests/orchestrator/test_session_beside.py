"""A session in the background, investigators beside it, and the report that holds what they recorded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from agents.hand_in import Place, hand_in
from orchestrator import session_status, session_wait
from tests.conftest import Server
from tests.e2e.audits import command, environment
from tests.e2e.same_report import by_rules
from tests.fakes.clock import ManualClock
from tests.fakes.waiting import wait_for
from tests.report import made_session
from tools.clock import SystemClock
from tools.errors import FunctionRefused, UsageError
from tools.findings import readings
from tools.findings.journal import Journal, read_data
from tools.findings.model import AgentId
from tools.findings.readings import Reading
from tools.sources import session_facts
from tools.sources.session_facts import PhaseRun
from tools.workspace import Workspace

KEY = {"ANTHROPIC_API_KEY": "of whoever calls", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
"""As a coding agent has them: they are not for the session."""
CODE = 'import redis\n\n\ndef place(client: redis.Redis, order: dict) -> None:\n    client.xadd("orders", order)\n'
STATIC = ("--mode", "static", "--project")
CLAIM = {
    "title": "Orders are placed without an id",
    "category": "MISSING_SCHEMA",
    "severity": "LOW",
    "files": ["orders.py"],
    "hypothesis": "Nothing in the entry tells one order from another.",
    "recommendation": "Add an id in place().",
    "quotes": [{"source": "orders.py", "text": 'client.xadd("orders", order)'}],
    "confidence": 0.6,
}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment() | KEY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def pid(workspace: Workspace) -> int:
    return int(workspace.path(".lock").read_text(encoding="ascii").split()[1].rstrip(","))


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Of a static session with somebody to wait for, whose window is over."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "orders.py").write_text(CODE, encoding="utf-8")
    made = Workspace(tmp_path / "monitor-session")
    begun = run(
        tmp_path, "session", "start", "--mode", "static", "--project", "shop", "--workspace", str(made.root)
    )
    try:
        assert begun.returncode == 0, begun.stdout + begun.stderr
        assert told(begun)["stage"] in {"window", "stopping", "held"}
        held = run(tmp_path, "session", "wait")
        assert held.returncode == 0, held.stdout + held.stderr
        assert (told(held)["stage"], told(held)["takesFindings"]) == ("held", True)
        yield made
    finally:
        with suppress(OSError, ValueError, IndexError):
            os.kill(pid(made), signal.SIGKILL)


def test_what_is_recorded_while_it_waits_is_in_the_report_that_run_writes(
    workspace: Workspace, tmp_path: Path
) -> None:
    place = Place(workspace, tmp_path / "shop", SystemClock())
    invented = CLAIM | {"quotes": [{"source": "orders.py", "text": 'client.xadd("payments", order)'}]}
    claims = {"agent": "CONFIG_AUDITOR", "findings": [CLAIM, invented]}
    came = hand_in(place, claims, "tests 1.0")
    ids = came["findingIds"]
    assert isinstance(ids, list)
    assert len(ids) == 1
    assert came["rejected"] == 1
    goes_on_after_a_kill(workspace, tmp_path)
    assert run(tmp_path, "session", "done").returncode == 0
    over = run(tmp_path, "session", "wait", "--until", "report")
    assert over.returncode == 0
    stand = told(over)
    assert (stand["stage"], stand["takesFindings"], stand["recordedByModels"]) == ("over", False, 1)
    assert stand["handedIn"]["rejected"] == 1
    report = Path(stand["report"]).read_text(encoding="utf-8")
    assert ids[0] in report
    assert "beside the session tests 1.0 handed in" in report
    assert "off: rules only" in report
    assert run(tmp_path, "verify").returncode == 0
    with pytest.raises(FunctionRefused, match="takes no findings any more"):
        hand_in(place, claims, "tests 1.0")
    (tmp_path / "alone").mkdir()
    alone = run(tmp_path / "alone", "run", *STATIC, "../shop", "--workspace", "plain", "--no-llm")
    assert alone.returncode == stand["exitCode"], alone.stderr
    said = by_rules(workspace, counts=False)
    assert [gap["source"] for gap in said.pop("sourceGaps")] == ["resume"]
    said_alone = by_rules(Workspace(tmp_path / "alone" / "plain"), counts=False)
    assert said_alone.pop("sourceGaps") == []
    assert said["findings"]
    assert said == said_alone


def goes_on_after_a_kill(workspace: Workspace, folder: Path) -> None:
    """Kill the session while it waits, and resume it: it waits again."""
    os.kill(pid(workspace), signal.SIGKILL)
    wait_for(lambda: not session_status.is_alive(workspace), seconds=60, what="the end of its process")
    gone = run(folder, "session", "wait")
    assert (gone.returncode, told(gone)["stage"]) == (3, "killed")
    resumed = run(folder, "session", "start", "--resume", *STATIC, "shop")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    again = run(folder, "session", "wait")
    assert (again.returncode, told(again)["stage"], told(again)["takesFindings"]) == (0, "held", True)


class Investigators:
    """Two that hand in findings, one after the other, until they are refused."""

    def __init__(self, workspace: Workspace, project: Path) -> None:
        self._place = Place(workspace, project, SystemClock())
        self.taken: list[str] = []
        self._pool = ThreadPoolExecutor(2)
        self._work = [self._pool.submit(self._hand_in, name) for name in (1, 2)]

    def _hand_in(self, name: int) -> str:
        for number in range(10_000):
            # A finding of its own each: it is about another line.
            claim = CLAIM | {"files": [f"orders.py:{name}{number:05}"]}
            try:
                came = hand_in(self._place, {"agent": "CONFIG_AUDITOR", "findings": [claim]}, "tests 1.0")
            except FunctionRefused as refused:
                return str(refused)
            ids = came["findingIds"]
            assert isinstance(ids, list)
            assert len(ids) == 1, came
            self.taken += ids
        raise AssertionError("nobody refused")

    def refusals(self) -> set[str]:
        """What each was told in the end."""
        with self._pool:
            return {work.result(timeout=60) for work in self._work}


def is_over_with_all(workspace: Workspace, working: Investigators) -> None:
    (refusal,) = working.refusals()
    assert "takes no findings any more" in refusal
    stand = session_status.read(workspace.root, SystemClock())
    assert stand.report is not None
    report = Path(stand.report).read_text(encoding="utf-8")
    findings = workspace.all_findings.read_text(encoding="utf-8")
    assert working.taken
    assert [name for name in working.taken if f'"{name}"' not in findings] == []
    assert working.taken[0] in report
    use = session_facts.read(workspace).handed_in
    assert use is not None
    assert (use.own_findings, use.rejected) == (len(working.taken), 0)


def test_a_stop_while_investigators_work_keeps_what_they_recorded(tmp_path: Path, own_server: Server) -> None:
    project = tmp_path / "shop"
    project.mkdir()
    (project / "orders.py").write_text(CODE, encoding="utf-8")
    workspace = Workspace(tmp_path / "monitor-session")
    options = ("--mode", "attach", "--project", "shop", "--redis-url", own_server.url, "--duration", "600s")
    begun = run(tmp_path, "session", "start", *options, "--hold", "3s", "--workspace", str(workspace.root))
    try:
        assert (begun.returncode, told(begun)["stage"]) == (0, "window"), begun.stdout + begun.stderr
        working = Investigators(workspace, project)
        wait_for(lambda: len(working.taken) > 4, what="findings that are handed in")
        assert run(tmp_path, "session", "stop").returncode == 0
        wait_for(lambda: not session_status.is_alive(workspace), seconds=90, what="the end of the session")
    finally:
        with suppress(OSError, ValueError, IndexError):
            os.kill(pid(workspace), signal.SIGKILL)
    is_over_with_all(workspace, working)
    assert session_facts.read(workspace).ended_by == "stop-file"


def test_a_stop_after_the_window_ends_the_waiting(workspace: Workspace, tmp_path: Path) -> None:
    working = Investigators(workspace, tmp_path / "shop")
    wait_for(lambda: len(working.taken) > 4, what="findings that are handed in")
    assert run(tmp_path, "session", "stop").returncode == 0
    wait_for(lambda: not session_status.is_alive(workspace), seconds=90, what="the end of the session")
    is_over_with_all(workspace, working)


def test_a_signal_ends_the_waiting_and_the_report_is_written(workspace: Workspace, tmp_path: Path) -> None:
    os.kill(pid(workspace), signal.SIGTERM)
    wait_for(lambda: not session_status.is_alive(workspace), seconds=60, what="the end of the session")
    stand = session_status.read(workspace.root, SystemClock())
    assert (stand.stage, stand.exit_code) == ("over", 143)
    assert stand.report is not None
    assert [event["reason"] for event in read_data(workspace.events) if event["type"] == "hold-over"] == [
        "hurried"
    ]
    with pytest.raises(UsageError, match="No session is at work"):
        session_wait.mark(workspace.root, "stop")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("start", "--no-such-option"), "No such option: --no-such-option"),
        (("start", "--mode", "replay"), "streamgauge run --mode replay SESSION"),
        (("start",), "Nothing says what to audit"),
        (("status",), "holds no session"),
        (("wait", "--until", "dawn"), "There is no moment 'dawn'"),
        (("stop",), "No session is at work"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = run(tmp_path, "session", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_what_nobody_has_explained_is_named(tmp_path: Path) -> None:
    made = made_session.make(tmp_path)
    before = session_status.read(made.workspace.root, ManualClock()).unexplained
    about = before["REDIS_STREAM_ANALYST"]
    reading = Reading(
        kind="explanation", finding_ids=about[:1], hypothesis="h", model="m", prompt_version="mcp", at="2026"
    )
    readings.write(made.workspace, AgentId.ENHANCEMENT_SCOUT, (reading,))
    after = session_status.read(made.workspace.root, ManualClock()).unexplained
    assert after == before | {"REDIS_STREAM_ANALYST": about[1:]}


@pytest.mark.parametrize(
    ("phases", "events", "stage"),
    [
        ({"preflight": "running"}, (), "beginning"),
        ({"preflight": "done", "observe": "running"}, (), "window"),
        ({"observe": "done", "stop": "running"}, (), "stopping"),
        ({"observe": "done", "stop": "running"}, ("held", "hold-over"), "ending"),
        ({"observe": "done", "stop": "running"}, ("held",), "held"),
        ({"observe": "done", "stop": "running"}, ("held", "resumed"), "stopping"),
        ({"observe": "done", "stop": "running"}, ("held", "hold-over", "resumed", "held"), "held"),
        ({"observe": "done", "stop": "done", "synthesize": "running"}, ("held", "hold-over"), "ending"),
    ],
)
def test_the_stage_follows_from_phases_and_events(
    tmp_path: Path, phases: dict[str, Any], events: tuple[str, ...], stage: str
) -> None:
    made = made_session.make(tmp_path)
    runs = tuple(PhaseRun(name=name, started_ms=1, status=status) for name, status in phases.items())
    facts = session_facts.read(made.workspace)
    session_facts.write(made.workspace, structs.replace(facts, phases=runs, ended_by="running"))
    with Journal(made.workspace.events) as journal:
        for kind in events:
            journal.append({"type": kind})
    lock = made.workspace.path(".lock")
    lock.write_text(f"pid {2**22 + 1}, session x\n", encoding="ascii")
    assert session_status.read(made.workspace.root, ManualClock()).stage == "killed"
    lock.write_text(f"pid {os.getpid()}, session x\n", encoding="ascii")
    assert session_status.read(made.workspace.root, ManualClock()).stage == stage
