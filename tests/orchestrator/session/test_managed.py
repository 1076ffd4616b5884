"""Managed sessions of systems that start badly or do not want to end: one clear finding, the right exit code, nothing left."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.orchestrator.session.runs import Run
from tools.findings.model import AgentId, LogFinding
from tools.findings.recorder import load
from tools.report.verify import verify

ZOO = Path(__file__).parents[2] / "fakes" / "zoo.sh"
FLOOD = "import os\nblock = b'x' * 99 + b'\\n'\nblock *= 10000\nwhile True: os.write(1, block)"


def python(program: str) -> str:
    return shlex.join([sys.executable, "-c", program])


def found(run: Run) -> list[LogFinding]:
    return [
        item for item in load(run.workspace.findings(AgentId.LOG_WATCHER)) if isinstance(item, LogFinding)
    ]


def the_one(run: Run) -> LogFinding:
    [finding] = found(run)
    return finding


def manage_zoo(run: Run, **session: object) -> None:
    run.manage(start=f"exec bash {shlex.quote(str(ZOO))} {shlex.quote(str(run.folder))}", expected=["zoo"])
    run.config["session"] |= {"drain": 0.9, "duration": 600} | session


def animals_of(run: Run) -> list[str]:
    marks = ("deaf", "escaped", "daemon", "unmarked")
    return sorted(mark for finding in found(run) for mark in marks if f"# {mark}" in finding.title)


def wait_for_window(run: Run) -> None:
    run.wait_until_observing()


# --- The process zoo -------------------------------------------------------------------------------------


def test_a_stop_leaves_nothing_of_the_zoo_and_tells_each_animal(run: Run) -> None:
    manage_zoo(run, duration=2)
    code, _ = run("managed")
    assert code == 1
    assert animals_of(run) == ["daemon", "deaf", "escaped", "unmarked"]
    assert {finding.rule_id for finding in found(run)} == {"session.leftover-process"}
    assert all("pid " in finding.evidence for finding in found(run))
    assert verify(run.workspace, run.project).ok
    assert run.left() == []


def test_ctrl_c_leaves_nothing_of_the_zoo(run: Run) -> None:
    manage_zoo(run)
    process = run.start("managed")
    wait_for_window(run)
    process.send_signal(signal.SIGINT)
    assert run.finish(process)[0] == 130
    assert animals_of(run) == ["daemon", "deaf", "escaped", "unmarked"]
    assert run.left() == []


def test_after_a_kill_the_keeper_leaves_nothing_of_the_zoo(run: Run) -> None:
    manage_zoo(run, keep_alive=1)
    process = run.start("managed")
    wait_for_window(run)
    process.kill()
    run.finish(process)
    assert [line for line in run.left() if "# deaf" in line]
    run.wait_until_nothing_is_left()
    assert list(run.workspace.path("recording", "keeper").glob("*.raw")) == []


def test_killed_with_its_keeper_the_zoo_is_ended_by_the_next_session(run: Run) -> None:
    manage_zoo(run)
    process = run.start("managed")
    wait_for_window(run)
    keeper = run.keeper_pid()
    process.kill()
    os.kill(keeper, signal.SIGKILL)
    run.finish(process)
    assert [line for line in run.left() if "# daemon" in line]
    manage_zoo(run, duration=1)
    assert run("managed")[0] == 1
    assert run.left() == []


def test_a_killed_keeper_is_replaced_while_the_session_goes_on(run: Run) -> None:
    run.manage("orders=good")
    run.config["session"] |= {"duration": 12, "heartbeat": 30}
    process = run.start("managed")
    wait_for_window(run)
    os.kill(run.keeper_pid(), signal.SIGKILL)
    code, output = run.finish(process)
    assert (code, output) == (0, "None\n")
    assert [event["attempt"] for event in run.events("keeper-restarted")] == [2]
    assert run.workspace.service_log("orders").read_text().startswith("ready\nworking\n")
    assert run.left() == []


# --- Starts that fail ------------------------------------------------------------------------------------


def test_a_port_that_is_used_already_is_told_with_its_holder(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = int(held.getsockname()[1])
        run.manage("orders=good", list=[{"name": "orders", "port": port}])
        code, output = run("managed")
    assert code == 3
    assert f"its port {port} is held by pid {os.getpid()}" in output
    assert the_one(run).severity == "CRITICAL"
    assert str(os.getpid()) in the_one(run).evidence
    assert run.left() == []


def test_a_service_that_finds_its_port_used_is_told_with_the_holder(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = int(held.getsockname()[1])
        program = f"import socket; socket.create_server(('127.0.0.1', {port}))"
        run.manage(start=f"exec {python(program)}", expected=["orders"])
        code, output = run("managed")
    assert code == 3
    assert "the start command ended with code 1" in output
    assert the_one(run).rule_id == "session.service-not-ready"
    assert "Address already in use" in the_one(run).evidence


FAILING = [
    pytest.param("exit 7", "the start command ended with code 7", id="fails"),
    pytest.param("no-such-program-anywhere", "the start command ended with code 127", id="is not there"),
    pytest.param("true", "ended with code 0 and nothing of it runs", id="ends at once"),
    pytest.param("echo booting; exec sleep 600", "no ready signal in 2 s", id="never gets ready"),
    pytest.param(f"exec {python(FLOOD)}", "could not be read in time", id="floods and never gets ready"),
]


@pytest.mark.parametrize(("start", "how"), FAILING)
def test_a_start_that_comes_to_nothing_is_one_finding_and_exit_code_3(run: Run, start: str, how: str) -> None:
    run.manage(start=start, expected=["orders"], ready_timeout=2)
    comes_to_nothing(run, how, "orders")


@pytest.mark.parametrize(
    ("start", "how"),
    [
        pytest.param("exit 7", "the start command ended with code 7", id="fails"),
        pytest.param("exec sleep 600", "no ready signal in 2 s", id="hangs without a word"),
    ],
)
def test_so_it_is_where_no_name_is_known(run: Run, start: str, how: str) -> None:
    run.manage(start=start, expected=[], ready_timeout=2)
    comes_to_nothing(run, how, "the start command")


def comes_to_nothing(run: Run, how: str, blamed: str) -> None:
    code, output = run("managed")
    assert code == 3, output
    assert how in output
    finding = the_one(run)
    assert finding.rule_id == "session.service-not-ready"
    assert finding.severity == "CRITICAL"
    assert blamed in finding.title
    assert run.workspace.report(run.facts.session_id).exists()
    assert run.left() == []


def test_services_that_became_daemons_are_audited_and_ended(run: Run) -> None:
    fleet = shlex.join([sys.executable, str(ZOO.with_name("fleet.py")), "orders=good"])
    run.manage(start=f"(setsid {fleet} &) ; exit 0", expected=["orders"])
    run.config["session"]["drain"] = 1
    code, output = run("managed")
    assert code == 1, output
    assert {finding.rule_id for finding in found(run)} == {"session.leftover-process"}
    assert "working" in run.workspace.service_log("orders").read_text()
    assert run.left() == []


def test_a_flood_after_the_start_is_told_and_what_was_not_read_is_a_gap(run: Run) -> None:
    run.manage(start=f"echo ready; exec {python(FLOOD)}", expected=["orders"])
    code, _ = run("managed")
    assert code == 3
    assert [finding.rule_id for finding in found(run)] == ["session.output-flood"]
    assert any("faster than" in gap["why"] for gap in run.gaps())
    assert run.left() == []


def test_a_start_that_refuses_never_has_its_stop_command_run(run: Run) -> None:
    mark = run.folder / "stopped"
    run.manage(start="echo it runs already; exit 1", expected=["orders"], stop=f"touch {mark}")
    assert run("managed")[0] == 3
    assert not mark.exists()


# --- Commands of their own -------------------------------------------------------------------------------


def test_each_service_may_have_a_command_a_folder_and_variables_of_its_own(run: Run) -> None:
    folder = run.project / "web"
    folder.mkdir()
    (run.project / ".env").write_text("GREETING=hello\nFLEET=from the file\n")
    say = "import os, time\nprint('ready', os.getcwd(), os.environ['GREETING'], os.environ['PORT'], flush=True)\ntime.sleep(600)"
    entries = [
        {"name": "web", "start": f"exec {python(say)}", "folder": str(folder), "env": {"PORT": "5000"}},
        {"name": "worker", "start": f"exec {python(say)}", "env": {"PORT": "5100"}},
    ]
    run.manage(start=None, expected=[], list=entries, env_file=str(run.project / ".env"))
    assert run("managed")[0] == 0
    first = {name: run.workspace.service_log(name).read_text().splitlines()[0] for name in ("web", "worker")}
    assert first == {
        "web": f"ready {folder} hello 5000",
        "worker": f"ready {run.project} hello 5100",
    }
    assert run.left() == []


def test_a_service_is_ready_once_it_answers_over_http_and_has_its_group(run: Run) -> None:
    port = free_port()
    program = (
        "import http.server, os, redis\n"
        "redis.Redis.from_url(os.environ['FLEET_REDIS']).xgroup_create('work', 'workers', mkstream=True)\n"
        f"http.server.HTTPServer(('127.0.0.1', {port}), http.server.SimpleHTTPRequestHandler).serve_forever()"
    )
    entry = {
        "name": "orders",
        "start": f"exec {python(program)}",
        "ready_http": f"http://127.0.0.1:{port}/",
        "ready_stream": "work",
        "ready_group": "workers",
    }
    run.manage(start=None, expected=[], list=[entry])
    code, output = run("managed")
    assert (code, output) == (0, "None\n")
    assert [event["service"] for event in run.events("service-ready")] == ["orders"]


def test_a_group_that_never_comes_is_not_ready(run: Run) -> None:
    entry = {
        "name": "orders",
        "start": "echo ready; exec sleep 600",
        "ready_stream": "work",
        "ready_group": "workers",
    }
    run.manage(start=None, expected=[], list=[entry], ready_timeout=1)
    assert run("managed")[0] == 3
    assert the_one(run).title == "orders is not ready: no ready signal in 1 s"


def test_a_quiet_worker_is_not_waited_for_longer_than_the_timeout(run: Run) -> None:
    entries = [
        {"name": "web", "start": "echo ready; exec sleep 600"},
        {"name": "worker", "start": "exec sleep 600", "ready_alive": True},
    ]
    run.manage(start=None, expected=[], list=entries, ready_timeout=1)
    code, output = run("managed")
    assert (code, output) == (0, "None\n")
    assert [(gap["what"], gap["blind"]) for gap in run.gaps()] == [("whether worker is ready", False)]


def test_a_worker_that_ended_is_not_a_quiet_one(run: Run) -> None:
    entries = [
        {"name": "web", "start": "echo ready; exec sleep 600"},
        {"name": "worker", "start": "true", "ready_alive": True},
    ]
    run.manage(start=None, expected=[], list=entries, ready_timeout=1)
    assert run("managed")[0] == 3
    assert the_one(run).title == "worker is not ready: no ready signal in 1 s"


def test_a_missing_file_of_variables_is_said_before_anything_starts(run: Run) -> None:
    run.manage("orders=good", env_file=str(run.project / "nowhere.env"))
    code, output = run("managed")
    assert code == 1
    assert "UsageError: services.env_file:" in output
    assert "nowhere.env is no file." in output
    assert run.left() == []
