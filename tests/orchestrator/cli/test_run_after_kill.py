"""The next `run` after a kill -9, as a user types it: what was left is ended first, and not taken for a stranger's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from orchestrator.keeper.contract import KeeperFiles
from tests.conftest import free_port
from tests.fakes.waiting import wait_for
from tools.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]


def marked(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            if (
                str(folder) in line
                and process.status() != psutil.STATUS_ZOMBIE
                and process.pid != os.getpid()
            ):
                found.append(line)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("keeper_too", [False, True], ids=["the keeper lives", "the keeper is killed too"])
def test_the_next_run_is_managed_again_and_ends_what_was_left(tmp_path: Path, keeper_too: bool) -> None:
    start = f"echo ready; exec sleep 600 # {tmp_path}"
    (tmp_path / "streamgauge.toml").write_text(
        f"""
[redis]
url = "redis://127.0.0.1:{free_port()}/0"
start = "embedded"
[services]
start = "sh -c '{start}'"
expected = ["orders"]
"""
    )
    command = [sys.executable, "-m", "orchestrator", "run", "--duration"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    first = subprocess.Popen([*command, "600s"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    workspace = Workspace(tmp_path / "monitor-session")
    wait_for(lambda: workspace.path("session.env").exists(), seconds=60, what="the window")
    first.kill()
    first.wait()
    if keeper_too:
        state = KeeperFiles(workspace).read_state()
        assert state is not None
        os.kill(state.keeper.pid, signal.SIGKILL)
    done = subprocess.run(
        [*command, "1s"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "managed session" in done.stdout
    assert list(tmp_path.rglob("*.raw")) == []
    wait_for(lambda: not marked(tmp_path), what="the end of every process")
