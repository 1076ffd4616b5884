"""Killed (-9) in each phase and gone on with: nothing lost, nothing doubled, nothing started twice, nothing left."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from orchestrator.session.readiness import port_open
from tests.conftest import Server
from tests.fakes.waiting import wait_for
from tests.orchestrator.session.runs import Run
from tools.clock import SystemClock
from tools.findings.model import AgentId
from tools.findings.recorder import load

PHASES = ("preflight", "baseline", "observe", "stop", "shutdown", "synthesize", "report", "complete")
MOMENTS = {
    **{phase: f'session.json:"name": "{phase}"' for phase in PHASES},
    "the server is wished for": 'wish.json:"redis":true',
    "the services are wished for": 'wish.json:"services":true',
    "the stop is wished for": 'wish.json:"services":false,"redis":true,"daemons":[],"end":"no"',
    "the keeper may go": 'wish.json:"end":"leave"',
}
ALWAYS = ("baseline", "observe", "synthesize", "the services are wished for", "the stop is wished for")
"""The others are tried by `make faults`."""


def some(moments: Iterable[str]) -> list[ParameterSet]:
    """A few moments each time, all of them with `--faults`."""
    marks = {True: (), False: (pytest.mark.faults,)}
    return [pytest.param(moment, marks=marks[moment in ALWAYS]) for moment in moments]


def begin_and_die(run: Run, mode: str, moment: str) -> None:
    run.environment["KILL_AT"] = moment
    code, output = run(mode)
    assert code == -signal.SIGKILL, output
    del run.environment["KILL_AT"]


def findings(run: Run) -> list[tuple[str, int]]:
    found = load(run.workspace.findings(AgentId.LOG_WATCHER))
    return [(finding.finding_id, finding.occurrences) for finding in found]


def starts(run: Run) -> int:
    return Path(run.environment["FLEET_STARTS"]).read_text().count("\n")


@pytest.mark.parametrize("moment", some(MOMENTS))
def test_a_managed_session_goes_on_wherever_it_was_killed(run: Run, moment: str) -> None:
    run.manage("orders=redis", "payments=good")
    run.config["session"]["duration"] = 5
    run.environment |= {"SIMPLE_WATCHER": "critical", "FLEET_STARTS": str(run.folder / "starts")}
    begin_and_die(run, "managed", MOMENTS[moment])
    session_id = run.workspace.session_id_file.read_text()
    code, output = run("managed", "resume")
    assert code == 1, output
    assert run.workspace.session_id_file.read_text() == session_id
    assert findings(run) == [("LW-001", 1)]
    assert run.phases() == dict.fromkeys(PHASES, "done")
    assert run.workspace.report(run.facts.session_id).exists()
    assert starts(run) == 1
    assert {gap["source"] for gap in run.gaps()} <= {"resume"}
    assert len(run.events("critical")) == 1
    assert not port_open(run.port)
    assert run.left() == []


@pytest.mark.parametrize("phase", some(PHASES))
def test_an_attach_session_goes_on_wherever_it_was_killed(run: Run, own_server: Server, phase: str) -> None:
    own_server.client.xadd("work", {"a": "b"})
    run.attach_to(own_server)
    run.config["session"]["duration"] = 5
    run.environment["SIMPLE_WATCHER"] = "critical"
    begin_and_die(run, "attach", f'session.json:"name": "{phase}"')
    code, output = run("attach", "resume")
    assert code == 1, output
    assert findings(run) == [("LW-001", 1)]
    assert run.phases() == dict.fromkeys(PHASES, "done") | {"shutdown": "skipped"}
    over = phase in {"stop", "shutdown", "synthesize", "report", "complete"}
    assert [gap["blind"] for gap in run.gaps()] == ([] if phase in PHASES[:3] else [not over])
    assert len(run.events("critical")) == 1
    assert run.left() == []


def test_the_dead_time_begins_with_the_last_sign_of_life(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run.config["session"]["duration"] = 12
    process = run.start("attach")
    run.wait_until_observing()
    process.kill()
    run.finish(process)
    died_ms = SystemClock().now_ms()
    wait_for(lambda: SystemClock().now_ms() > died_ms + 2000)
    assert run("attach", "resume")[0] == 3
    [(from_ms, until_ms)] = run.facts.dead_times
    assert died_ms - 3000 < from_ms <= died_ms
    assert until_ms > died_ms + 2000
    [gap] = run.gaps()
    assert gap["at_ms"] == from_ms


def test_a_session_may_be_killed_again_and_again(run: Run) -> None:
    run.manage("orders=redis", "runaway=escaped", expected=["orders"])
    run.config["session"] |= {"duration": 4, "drain": 1}
    run.environment |= {"SIMPLE_WATCHER": "critical", "FLEET_STARTS": str(run.folder / "starts")}
    begin_and_die(run, "managed", 'wish.json:"services":true')
    for phase in PHASES[1:]:
        run.environment["KILL_AT"] = f'session.json:"name": "{phase}"'
        assert run("managed", "resume")[0] == -signal.SIGKILL, phase
    del run.environment["KILL_AT"]
    assert run("managed", "resume")[0] == 1
    found = load(run.workspace.findings(AgentId.LOG_WATCHER))
    assert [(finding.rule_id, finding.occurrences) for finding in found] == [
        ("test.scripted", 1),
        ("session.leftover-process", 1),
    ]
    assert starts(run) == 1
    assert run.left() == []


def test_services_that_died_with_the_session_end_the_window_and_accuse_nobody(run: Run) -> None:
    run.manage("orders=redis")
    run.config["session"] |= {"duration": 60, "keep_alive": 0.2}
    begin_and_die(run, "managed", 'session.json:"name": "observe"')
    run.wait_until_nothing_is_left()
    code, _ = run("managed", "resume")
    assert code == 3
    assert run.facts.ended_by == "failure"
    assert findings(run) == []
    [services, server] = [gap for gap in run.gaps() if "after the resume" in gap["what"]]
    assert "nobody went on with the session within 0.2 s" in services["why"]
    assert server["what"].startswith("Redis")


def test_a_resume_into_the_keepers_own_stop_accuses_nobody(run: Run) -> None:
    run.manage("stubborn=deaf")
    run.config["session"] |= {"duration": 60, "keep_alive": 0.2, "drain": 6}
    begin_and_die(run, "managed", 'session.json:"name": "observe"')
    wait_for(lambda: '"stopping"' in run.workspace.path("recording", "keeper", "state.json").read_text())
    code, _ = run("managed", "resume")
    assert code == 1  # the deaf one outlived its stop, whoever stopped it
    assert run.facts.ended_by == "failure"
    found = load(run.workspace.findings(AgentId.LOG_WATCHER))
    assert {finding.rule_id for finding in found} == {"session.leftover-process"}
    assert not run.events("service-gone")
    assert [gap for gap in run.gaps() if "the services after the resume" in gap["what"]]
    assert run.left() == []


def test_another_mode_in_the_workspace_of_a_killed_session_ends_what_that_left(
    run: Run, own_server: Server
) -> None:
    run.manage(start="echo PASSWORD=hunter2hunter2; echo ready; exec sleep 600", expected=["orders"])
    begin_and_die(run, "managed", 'session.json:"name": "observe"')
    run.config = {key: value for key, value in run.config.items() if key != "services"}
    run.attach_to(own_server)
    assert run("attach")[0] == 0
    assert run.left() == []
    assert list(run.folder.rglob("*.raw")) == []
    assert not run.workspace.path("recording", "keeper").exists()
