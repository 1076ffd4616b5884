"""A watcher killed and one stopped in the middle: both restarted, logged, and no finding lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.e2e.audits import Audit, command, environment, fleet, left_behind, milder, missed, untrue
from tools.workspace import Workspace

pytestmark = pytest.mark.fleet
KILL = {"LOG_WATCHER": signal.SIGKILL, "REDIS_STREAM_ANALYST": signal.SIGSTOP}
AFTER_S = 25


def events(workspace: Workspace) -> list[dict[str, object]]:
    try:
        lines = workspace.events.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def hit_watchers(workspace: Workspace, audit: subprocess.Popen[str]) -> None:
    """Wait until the window is `AFTER_S` old, then kill one watcher and stop another."""
    started = 0.0
    while audit.poll() is None and not (started and time.time() - started > AFTER_S):
        pids = {
            event["agent"]: event["pid"] for event in events(workspace) if event["type"] == "agent-started"
        }
        if set(KILL) <= set(pids) and not started:
            started = time.time()
        time.sleep(0.1)
    for agent, number in KILL.items():
        pid = pids[agent]
        assert isinstance(pid, int)
        os.kill(pid, number)


@pytest.fixture(scope="module")
def hit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    folder = tmp_path_factory.mktemp("hit")
    module, port, project = fleet(), free_port(), folder / "shop"
    mapping = module.assemble("faulty", project, None, port)
    workspace = Workspace(folder / "monitor-session")
    arguments = ["run", "--project", str(project), "--workspace", str(workspace.root), "--duration", "110s"]
    output = folder / "output.txt"
    with output.open("w", encoding="utf-8") as file:
        audit = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
        hit_watchers(workspace, audit)
        code = audit.wait(timeout=400)
    text = output.read_text(encoding="utf-8")
    return Audit(code, text, workspace, project, port, module.load_faults(mapping))


def test_both_are_restarted_and_logged(hit: Audit) -> None:
    restarts = hit.workspace.path("agent-restarts.log").read_text(encoding="utf-8")
    for agent in KILL:
        assert agent in restarts or agent.lower().replace("_", "-") in restarts


def test_no_finding_is_lost_or_doubled(hit: Audit) -> None:
    findings = hit.findings()
    assert hit.exit_code == 1, hit.output
    assert missed(findings, hit.faults) == []
    assert milder(findings, hit.faults) == []
    assert untrue(findings, hit.faults) == []
    fingerprints = [finding.fingerprint for finding in findings]
    assert len(fingerprints) == len(set(fingerprints))


def test_nothing_is_left_behind(hit: Audit) -> None:
    assert left_behind(hit) == []
    assert Path(hit.workspace.root, "SESSION_ID").is_file()
