"""`watch` as it is typed, and as the process that it is: seen soon, told to begin anew, killed, ended."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.session.lock import hold_file
from orchestrator.watch import about, trial
from orchestrator.watch.daemon import Daemon
from tests.fakes.clock import ManualClock
from tests.fakes.drip import Drip
from tests.fakes.http_peer import HttpPeer
from tests.fakes.waiting import wait_for
from tests.orchestrator.cli.test_archive_command import typed
from tests.orchestrator.watch.scenes import OtherOrchestrator, Parts, config_of, counted, events, rules
from tools.clock import SystemClock

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATION = """
[watch]
look_every = "200ms"
heartbeat = "200ms"
{more}
[[watch.databases]]
path = "other.db"
"""


class Project:
    """A folder, another orchestrator, and a daemon in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: list[subprocess.Popen[str]] = []
        self.other = OtherOrchestrator(folder / "other.db", SystemClock())
        self.configure()

    def configure(self, more: str = "") -> None:
        (self.folder / "streamgauge.toml").write_text(CONFIGURATION.format(more=more), encoding="utf-8")

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", "from orchestrator.__main__ import main; main()", "watch"]
        daemon = subprocess.Popen(
            [*command, "--config", str(self.folder / "streamgauge.toml")],
            cwd=self.folder, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.daemons.append(daemon)
        return daemon

    def told(self, journal: str = "monitor") -> list[str]:
        return [item["event"] for item in events(self.folder / "logs" / f"{journal}.jsonl")]

    def count(self, event: str) -> int:
        return self.told().count(event)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    found = Project(tmp_path)
    yield found
    for daemon in found.daemons:
        daemon.kill()
        daemon.communicate()


def test_a_daemon_sees_runs_takes_a_new_configuration_survives_a_kill_and_ends_when_it_is_told(
    project: Project,
) -> None:
    project.other.begin("first", "build")
    daemon = project.start()
    wait_for(lambda: project.count("RUN_CREATED") == 1, what="the first run")
    other = project.start()
    said, _ = other.communicate(timeout=30)
    assert (other.returncode, f"pid {daemon.pid}" in said) == (75, True)
    project.configure("stall_after = 'soon'")
    daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: project.count("CONFIG_REFUSED") == 1, what="the refusal")
    project.configure("stall_after = '1h'")
    daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: project.count("CONFIG_RELOADED") == 1, what="the new configuration")
    daemon.kill()
    said, _ = daemon.communicate(timeout=30)
    assert "streamgauge.toml:5: watch.stall_after" in said
    project.other.end("first")
    project.other.begin("second")
    daemon = project.start()
    project.other.end("second", "FAILED")
    wait_for(lambda: project.told("archival").count("REPORT_GENERATED") == 2, what="both reports")
    wait_for(lambda: len(counted(project.folder)["rows"]) == 2, what="both rows")
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate(timeout=30)
    assert daemon.returncode == 0
    assert project.told()[-1] == "WATCH_STOPPED"
    assert counted(project.folder) == {
        effect: {"first": 1, "second": 1} for effect in counted(project.folder)
    }
    assert "HEARTBEAT" in project.told()


def test_a_receiver_that_takes_no_end_does_not_hold_up_the_end_of_the_daemon(tmp_path: Path) -> None:
    clock = SystemClock()
    other = OtherOrchestrator(tmp_path / "other.db", clock)
    with Drip(b"") as peer:
        (tmp_path / "alerts.yaml").write_text(rules(peer.url), encoding="utf-8")
        config = config_of(tmp_path, databases=[{"path": other.path}], look_every=0.2)
        other.begin("r")
        other.end("r")

        def stop_in_the_middle() -> None:
            wait_for((tmp_path / "reports" / "r_summary.json").exists, what="the report")
            wait_for(lambda: begun_to_tell(config.output.state_db), what="the alert")
            os.kill(os.getpid(), signal.SIGTERM)

        said: list[str] = []
        with ThreadPoolExecutor(1) as pool:
            stopping = pool.submit(stop_in_the_middle)
            Daemon(lambda: config, {}, clock, said.append, leave_s=0.1).run()
            stopping.result(timeout=30)
        assert said[-1] == "what the chain is at is left in the middle; the next start goes on with it"
        assert events(tmp_path / "logs" / "monitor.jsonl")[-1]["event"] == "WATCH_STOPPED"
    # A daemon's process ends here, and the thread with it; ours goes on.
    left = [thread for thread in threading.enumerate() if thread.name == "chain"]
    wait_for(
        lambda: not any(thread.is_alive() for thread in left), seconds=60, what="the thread that was left"
    )
    with HttpPeer() as peer_again:
        (tmp_path / "alerts.yaml").write_text(rules(peer_again.url), encoding="utf-8")
        again = Parts(tmp_path, ManualClock(clock.now_ms() + 3_600_000), databases=[{"path": other.path}])
        wait_for(lambda: [*again.tick(), again.ledger.counts()][-1] == {"closed": 1}, what="the chain's end")
        assert len(peer_again.requests) == 1
        again.close()


def begun_to_tell(store: Path) -> bool:
    with closing(sqlite3.connect(store)) as connection:
        query = "SELECT 1 FROM chain_steps WHERE step = 'alert' AND attempts = 1"
        return connection.execute(query).fetchone() is not None


# --- As it is typed --------------------------------------------------------------------------------------


@pytest.fixture
def typed_in(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.folder)
    return project


def test_a_database_that_cannot_be_watched_ends_it_at_once(
    typed_in: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    typed_in.other.sql("DROP TABLE workstreams")
    code, _, said = typed(capfd, "watch")
    assert code == 2
    assert f"{typed_in.folder / 'other.db'}: the table workstreams is missing" in said


def test_the_set_up_is_checked_without_changing_anything(
    typed_in: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in typed_in.folder.iterdir())
    code, out, _ = typed(capfd, "watch --check")
    assert code == 0
    assert "no daemon runs on this database" in out
    assert sorted(path.name for path in typed_in.folder.iterdir()) == before
    typed_in.other.path.unlink()
    code, out, _ = typed(capfd, "watch --check")
    assert (code, "there is no database" in out) == (1, True)


def test_two_orders_at_once_are_refused(typed_in: Project, capfd: pytest.CaptureFixture[str]) -> None:
    assert typed(capfd, "watch --check --status")[0] == 2


def test_a_trial_goes_through_the_whole_chain_and_leaves_no_work(tmp_path: Path) -> None:
    with HttpPeer() as peer:
        (tmp_path / "alerts.yaml").write_text(rules(peer.url), encoding="utf-8")
        lines = list(trial.run(config_of(tmp_path), {}, ManualClock()))
        assert [well for _, well in lines] == [True] * 5
        assert [item.data["title"].split(" finished")[0] for item in peer.requests] == [
            "run trial-1750000000000"
        ]
    assert counted(tmp_path)["archives"] == {"trial-1750000000000": 1}


def test_the_state_of_the_last_chain_is_told(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert list(about.examine(config, ManualClock())) == []
    list(trial.run(config, {}, ManualClock()))
    told = list(about.status(config, ManualClock()))
    assert told[0] == "watch      does not run; `streamgauge watch` starts it"
    lock = tmp_path / ".state" / "orchestration.db.watch.lock"
    with hold_file(lock, "watch", "watch"):
        assert "runs (pid " in next(about.status(config, ManualClock()))
