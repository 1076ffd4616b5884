"""Whole sessions on a real server with real services, each as a process that can be stopped and killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import time

import pytest

from orchestrator.archive.bag import Bag
from orchestrator.session.readiness import port_open
from tests.conftest import Server
from tests.fakes.waiting import wait_for
from tests.orchestrator.session.runs import Run
from tools.clock import SystemClock
from tools.findings.model import AgentId
from tools.findings.recorder import load
from tools.synthesis.sessions import against

ALL = ("preflight", "baseline", "observe", "stop", "shutdown", "synthesize", "report", "complete")


# --- Attach ----------------------------------------------------------------------------------------------


def test_an_attach_session_runs_all_phases_and_changes_nothing(run: Run, own_server: Server) -> None:
    own_server.client.xadd("work", {"a": "b"})
    own_server.client.xgroup_create("work", "workers", id="0")
    before = own_server.client.dump("work")
    run.attach_to(own_server)
    code, output = run("attach")
    assert (code, output) == (0, "None\n")
    assert run.phases() == dict.fromkeys(ALL, "done") | {"shutdown": "skipped"}
    assert own_server.client.dump("work") == before
    assert own_server.process.poll() is None
    assert {agent.finished for agent in run.facts.agents} == {True}
    assert run.facts.ended_by == "deadline"
    assert run.facts.own_cost["polls"] == 2


def test_a_session_leaves_the_files_that_are_the_contract(run: Run, own_server: Server) -> None:
    own_server.client.xadd("work", {"a": "b"})
    run.attach_to(own_server)
    run("attach")
    session_id = run.facts.session_id
    for name in (
        "SESSION_ID", "session.env", "STOP", "events.jsonl", "recording/judgement.json", "streams/baseline.json", "streams/final_state.json",
        "streams/discovered_streams.txt", "streams/initial_topology.json", "streams/session_drift.diff",
        "findings/log-watcher.jsonl", "findings/stream-analyst.jsonl", "findings/config-auditor.jsonl",
        "findings/enhancement-scout.jsonl", "all-findings.json", "report.json", "report.html", f"REPORT_{session_id}.md",
    ):  # fmt: skip
        assert run.workspace.path(name).exists(), name
    assert run.workspace.session_id_file.read_text() == f"{session_id}\n"
    assert f"SESSION_ID={session_id}\n" in run.workspace.path("session.env").read_text()
    assert run.workspace.path("streams", "discovered_streams.txt").read_text() == "work\n"
    assert run.events("session-complete")[-1]["exitCode"] == 0


def test_a_server_that_does_not_answer_ends_in_a_valid_report(run: Run) -> None:
    run.config["redis"] = {"url": f"redis://127.0.0.1:{run.port}/0"}
    code, output = run("attach")
    assert code == 3
    assert "Redis cannot be audited" in output
    assert run.phases()["preflight"] == "failed"
    assert run.facts.ended_by == "failure"
    assert run.workspace.report(run.facts.session_id).exists()


def test_a_critical_finding_is_alerted_and_the_window_goes_on(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run.environment["SIMPLE_WATCHER"] = "critical"
    code, _ = run("attach")
    assert code == 1
    assert run.events("critical")[0]["findingId"] == "LW-001"
    assert "LW-001 orders died" in run.workspace.path("critical-alerts.log").read_text()
    assert run.facts.ended_by == "deadline"


def test_agents_that_cannot_run_are_never_all_clear(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run.config["session"]["duration"] = 60
    run.environment["SIMPLE_WATCHER"] = "crash"
    code, _ = run("attach")
    assert code == 3
    assert {agent.finished for agent in run.facts.agents} == {False}
    assert len(run.events("agent-failed")) == 4
    assert run.facts.ended_by == "failure"
    assert run.workspace.path("agent-restarts.log").read_text().count("\n") == 20


def test_a_second_session_is_refused_while_the_first_runs(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run.config["session"]["duration"] = 60
    first = run.start("attach")
    run.wait_until_observing()
    second = run("attach")
    assert second[0] == 1
    assert f"LockHeld: Another session is at work on this workspace: pid {first.pid}" in second[1]
    run.config["output"]["workspace"] = str(run.folder / "elsewhere")
    third = run("attach")
    assert "Another session is at work on this Redis and project" in third[1]
    run.config["output"] = {
        "workspace": str(run.workspace.root),
        "state_db": str(run.folder / "other" / "o.db"),
    }
    fourth = run("attach")
    assert f"LockHeld: Another session is at work on this workspace: pid {first.pid}" in fourth[1]
    assert not (run.folder / ".archive").exists()
    first.send_signal(signal.SIGTERM)
    assert run.finish(first)[0] == 143


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")],
)
def test_a_signal_ends_the_window_early_with_a_report(
    run: Run, own_server: Server, number: signal.Signals, code: int
) -> None:
    run.attach_to(own_server)
    run.config["session"]["duration"] = 600
    process = run.start("attach")
    run.wait_until_observing()
    process.send_signal(number)
    assert run.finish(process)[0] == code
    assert run.facts.ended_by == "signal"
    assert run.facts.signal == number
    assert run.phases()["report"] == "done"
    assert {agent.finished for agent in run.facts.agents} == {True}


def test_a_stop_file_ends_the_window_early(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run.config["session"]["duration"] = 600
    process = run.start("attach")
    run.wait_until_observing()
    run.workspace.stop_file.touch()
    assert run.finish(process)[0] == 0
    assert run.facts.ended_by == "stop-file"


def test_a_signal_that_its_starter_has_ignored_ends_no_window(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run.config["session"]["duration"] = 4
    run.environment["IGNORED_SIGNAL"] = "SIGHUP"  # as nohup does
    process = run.start("attach")
    run.wait_until_observing()
    process.send_signal(signal.SIGHUP)
    assert run.finish(process)[0] < 128
    assert run.facts.ended_by == "deadline"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["kill -9", "SIGSTOP"])
def test_a_watcher_that_is_killed_or_stopped_is_restarted(
    run: Run, own_server: Server, number: signal.Signals
) -> None:
    run.attach_to(own_server)
    run.config["session"]["duration"] = 60
    run.config["session"]["flush_grace"] = 3 if number is signal.SIGSTOP else 30
    process = run.start("attach")
    run.wait_until_observing()
    victim = next(event for event in run.events("agent-started") if event["agent"] == "LOG_WATCHER")
    marker = run.workspace.agent_dir(AgentId.LOG_WATCHER) / "state.json"
    wait_for(marker.exists)
    os.kill(victim["pid"], number)
    if number is signal.SIGSTOP:
        # The restart limit of a one minute window is 27 s: the window ends first, and it is killed then.
        process.send_signal(signal.SIGTERM)
        assert run.finish(process)[0] == 143
        assert any("did not end within" in gap["why"] for gap in run.gaps())
        return
    wait_for(lambda: run.events("agent-restarted"), seconds=30)
    process.send_signal(signal.SIGTERM)
    run.finish(process)
    [agent] = [agent for agent in run.facts.agents if agent.agent == "LOG_WATCHER"]
    assert (agent.attempts, agent.finished) == (2, True)


def test_a_session_killed_in_its_window_goes_on_with_resume(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run.config["session"]["duration"] = 8
    run.environment["SIMPLE_WATCHER"] = "critical"
    process = run.start("attach")
    wait_for(lambda: run.workspace.events.exists() and run.observing() and bool(run.events("critical")))
    before = run.facts
    process.kill()
    run.finish(process)
    code, _ = run("attach", "resume")
    assert code == 1
    after = run.facts
    assert (after.session_id, after.started_ms, after.deadline_ms) == (
        before.session_id,
        before.started_ms,
        before.deadline_ms,
    )
    assert len(after.dead_times) == 1
    assert [gap["source"] for gap in run.gaps()] == ["resume"]
    [finding] = load(run.workspace.findings(AgentId.LOG_WATCHER))
    assert finding.occurrences == 1
    assert len(run.events("critical")) == 1
    assert {agent.finished for agent in after.agents} == {True}
    assert run("attach", "resume")[1].splitlines()[-1].endswith("is complete. Run without --resume.")


def test_a_complete_session_is_not_touched_by_resume(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run("attach")
    facts, gaps, events = run.facts, run.gaps(), run.workspace.events.read_bytes()
    code, output = run("attach", "resume")
    assert (code, output.splitlines()[-1].rpartition(": ")[2]) == (
        1,
        f"Session {facts.session_id} is complete. Run without --resume.",
    )
    assert (run.facts, run.gaps(), run.workspace.events.read_bytes()) == (facts, gaps, events)


def test_a_session_killed_before_its_window_has_a_whole_window_after_resume(
    run: Run, own_server: Server
) -> None:
    run.attach_to(own_server)
    own_server.process.send_signal(signal.SIGSTOP)
    process = run.start("attach")
    wait_for(lambda: run.workspace.events.exists() and run.events("agent-started"))
    process.kill()
    run.finish(process)
    own_server.process.send_signal(signal.SIGCONT)
    killed = run.facts
    wait_for(lambda: SystemClock().now_ms() > killed.deadline_ms, what="the first deadline")
    code, _ = run("attach", "resume")
    assert code == 0
    assert run.facts.ended_by == "deadline"
    assert run.facts.ended_ms is not None
    assert run.facts.started_ms > killed.deadline_ms
    assert run.facts.ended_ms >= run.facts.deadline_ms
    assert run.facts.dead_times == ()


def test_a_resumed_window_keeps_its_length_and_its_index_is_made(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run.config["session"]["duration"] = 6
    process = run.start("attach")
    run.wait_until_observing()
    process.kill()
    run.finish(process)
    before = run.facts
    run.config["session"]["duration"] = 1
    run("attach", "resume")
    job = json.loads((run.workspace.agent_dir(AgentId.LOG_WATCHER) / "job-2.json").read_text())
    assert (job["window"]["started_ms"], job["window"]["deadline_ms"]) == (
        before.started_ms,
        before.deadline_ms,
    )
    assert len([event for event in run.events("agent-started") if event["agent"] == "INDEXER"]) == 2


def test_a_session_does_not_go_on_against_another_server(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run.config["session"]["duration"] = 600
    process = run.start("attach")
    run.wait_until_observing()
    process.kill()
    run.finish(process)
    before = run.facts
    run.config["redis"] = {"url": f"redis://127.0.0.1:{run.port}/0"}
    code, output = run("attach", "resume")
    assert code == 1
    assert f"UsageError: The session audited 127.0.0.1:{own_server.port}, not 127.0.0.1:{run.port}." in output
    assert run.facts == before


def test_learned_services_are_known_after_resume(run: Run) -> None:
    run.manage("orders=good", expected=[], ready_timeout=3)
    run.config["session"]["duration"] = 8
    process = run.start("managed")
    run.wait_until_observing()
    process.kill()
    run.finish(process)
    run("managed", "resume")
    job = json.loads((run.workspace.agent_dir(AgentId.LOG_WATCHER) / "job-2.json").read_text())
    assert [source["service"] for source in job["logs"]] == ["orders"]


def test_an_old_session_is_kept_beside_the_new_one(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run.config["session"]["duration"] = 1
    run("attach")
    first = run.facts.session_id
    run("attach")
    assert first != run.facts.session_id
    (told,) = run.events("previous-session-archived")
    with Bag(run.folder / ".archive" / f"{first}.zip") as bag:
        assert (bag.info.run, bag.info.incomplete, bag.verify()) == (first, "", [])
        assert told["to"] == str(bag.path)
    compared = against.result(run.workspace)
    assert compared is not None
    assert (compared.earlier, compared.counts["new"]) == (first, 0)


def test_a_workspace_behind_a_link_stays_there(run: Run) -> None:
    disk = run.folder / "disk" / "audits"
    disk.mkdir(parents=True)
    run.workspace.root.symlink_to(disk)
    for _ in range(3):
        assert run("static")[0] == 0
    assert run.workspace.root.is_symlink()
    assert (disk / "report.json").exists()
    assert sorted(path.name for path in disk.parent.iterdir()) == [".archive", "audits"]
    assert len(list((disk.parent / ".archive").glob("*.zip"))) == 2


# --- Static ----------------------------------------------------------------------------------------------


def test_a_static_session_ends_when_its_two_agents_are_done(run: Run) -> None:
    run.config["session"]["duration"] = 600
    code, _ = run("static")
    assert code == 0
    assert [agent.agent for agent in run.facts.agents] == ["CONFIG_AUDITOR", "ENHANCEMENT_SCOUT"]
    assert "baseline" not in run.phases()
    assert run.facts.redis is None


def test_a_static_session_whose_index_fails_says_so_and_does_not_wait(run: Run) -> None:
    run.config["session"]["duration"] = 600
    run.environment |= {"SIMPLE_WATCHER": "waiting", "SIMPLE_INDEXER": "crash"}
    code, _ = run("static")
    assert code == 3
    assert run.facts.ended_by == "failure"
    assert [gap["what"] for gap in run.gaps()] == ["the project's code"]


# --- Managed ---------------------------------------------------------------------------------------------


def test_a_managed_session_starts_and_stops_everything_and_leaves_nothing(run: Run) -> None:
    run.manage("orders=redis", "payments=good")
    code, output = run("managed")
    assert (code, output) == (0, "None\n")
    assert run.phases() == dict.fromkeys(ALL, "done")
    assert {event["service"] for event in run.events("service-ready")} == {"orders", "payments"}
    assert run.facts.services == ("orders", "payments")
    assert not port_open(run.port)
    assert run.left() == []
    job = json.loads((run.workspace.agent_dir(AgentId.LOG_WATCHER) / "job-1.json").read_text())
    assert [source["service"] for source in job["logs"]] == ["orders", "payments"]
    assert all(source["captured"] for source in job["logs"])
    assert len(job["root_pids"]) == 2  # the start command and the keeper


def test_a_service_that_is_not_ready_is_a_critical_finding_and_a_valid_report(run: Run) -> None:
    run.manage("orders=good", "mute=silent", ready_timeout=2)
    code, output = run("managed")
    assert code == 3
    assert "Not ready: mute (no ready signal in 2 s)" in output
    [finding] = load(run.workspace.findings(AgentId.LOG_WATCHER))
    assert finding.rule_id == "session.service-not-ready"
    assert "booting" in finding.evidence
    assert run.workspace.report(run.facts.session_id).exists()
    assert run.left() == []


def test_a_start_command_that_fails_does_not_wait_for_the_timeout(run: Run) -> None:
    run.manage("orders=crash", ready_timeout=600)
    code, output = run("managed")
    assert code == 3
    assert "the start command ended with code 1" in output
    assert run.left() == []


def test_what_the_stop_leaves_is_a_finding_and_is_killed(run: Run) -> None:
    run.manage("orders=good", "runaway=escaped", expected=["orders"])
    run.config["session"]["drain"] = 1
    code, _ = run("managed")
    assert code == 1
    [finding] = load(run.workspace.findings(AgentId.LOG_WATCHER))
    assert finding.rule_id == "session.leftover-process"
    assert run.left() == []


@pytest.mark.parametrize("moment", ["pre-flight", "window"])
def test_a_signal_at_any_moment_stops_what_was_started(run: Run, moment: str) -> None:
    run.manage("orders=good", *(["mute=silent"] if moment == "pre-flight" else []), ready_timeout=600)
    run.config["session"]["duration"] = 600
    process = run.start("managed")
    ready = (lambda: run.events("service-ready")) if moment == "pre-flight" else run.observing
    wait_for(lambda: run.workspace.events.exists() and bool(ready()))
    process.send_signal(signal.SIGINT)
    assert run.finish(process)[0] == 130
    assert run.workspace.report(run.facts.session_id).exists()
    assert not port_open(run.port)
    assert run.left() == []


def test_a_second_ctrl_c_ends_at_once_and_still_leaves_nothing(run: Run) -> None:
    run.manage("stubborn=deaf")
    run.config["session"] |= {"duration": 600, "drain": 300}
    process = run.start("managed")
    run.wait_until_observing()
    process.send_signal(signal.SIGINT)
    wait_for(lambda: "shutdown" in run.phases())
    process.send_signal(signal.SIGINT)
    assert run.finish(process)[0] == 130
    assert run.left() == []


def test_impatience_leaves_nothing_either(run: Run) -> None:
    run.manage("stubborn=deaf", "tough=deaf", "runaway=escaped", expected=["stubborn"])
    run.config["session"] |= {"duration": 600, "drain": 300}
    process = run.start("managed")
    run.wait_until_observing()
    process.send_signal(signal.SIGINT)
    wait_for(lambda: "shutdown" in run.phases())
    pressed = 0
    while process.poll() is None:
        process.send_signal((signal.SIGINT, signal.SIGTERM)[pressed % 2])
        pressed += 1
        time.sleep(0.005)
    run.finish(process)
    assert pressed > 2
    assert run.left() == []


def test_a_managed_session_that_was_killed_goes_on_with_its_services(run: Run) -> None:
    run.manage("orders=good")
    run.config["session"]["duration"] = 8
    process = run.start("managed")
    run.wait_until_observing()
    process.kill()
    run.finish(process)
    assert [line for line in run.left() if "good" in line]
    code, _ = run("managed", "resume")
    assert {gap["source"] for gap in run.gaps()} == {"resume"}
    assert len(run.gaps()) == 1
    assert run.facts.ended_by == "deadline"
    assert code == 3
    assert not port_open(run.port)
    assert run.left() == []


def test_nobody_goes_on_so_the_keeper_ends_everything_by_itself(run: Run) -> None:
    run.manage("orders=good", "stubborn=deaf", "runaway=escaped", expected=["orders", "stubborn"])
    run.config["session"] |= {"duration": 600, "keep_alive": 1, "drain": 1}
    process = run.start("managed")
    run.wait_until_observing()
    process.kill()
    run.finish(process)
    wait_for(lambda: not run.left(), seconds=30, what="the keeper's end")
    assert not port_open(run.port)
    assert list(run.workspace.path("recording", "keeper").glob("*.raw")) == []
    code, _ = run("managed", "resume")
    assert code == 1  # what outlived the stop is a finding, whoever stopped it
    assert "the services after the resume" in {gap["what"] for gap in run.gaps()}
    found = {finding.rule_id for finding in load(run.workspace.findings(AgentId.LOG_WATCHER))}
    assert found == {"session.leftover-process"}
    assert run.facts.ended_by == "failure"


def test_what_a_killed_session_left_is_ended_by_the_next(run: Run) -> None:
    run.manage("orders=good")
    run.config["session"]["duration"] = 600
    process = run.start("managed")
    run.wait_until_observing()
    process.kill()
    run.finish(process)
    run.config["session"]["duration"] = 1
    assert run("managed")[0] == 0
    assert run.left() == []


# --- The disk --------------------------------------------------------------------------------------------


def test_a_workspace_that_cannot_be_written_is_said_plainly(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    blocked = run.folder / "blocked"
    blocked.write_text("a file")
    run.config["output"]["workspace"] = str(blocked / "session")
    _, output = run("attach")
    assert "UsageError: The workspace" in output
    assert "cannot be written: Not a directory" in output


def test_a_port_of_redis_that_is_taken_is_said_plainly(run: Run) -> None:
    run.manage("orders=good")
    with socket.create_server(("127.0.0.1", run.port)):
        code, output = run("managed")
    assert code == 3
    assert f"port {run.port} is taken by pid {os.getpid()}" in output
    assert load(run.workspace.findings(AgentId.LOG_WATCHER)) == []
