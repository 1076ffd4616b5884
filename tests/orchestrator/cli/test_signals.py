"""Signals before and behind a session: each ends `run` by its exit code, in order, with nothing lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from orchestrator.archive.bag import Bag
from orchestrator.store import database
from tests.fakes.waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]
CONFIG = '[session]\nmode = "static"\n[alerts]\nfile = "alerts.yaml"\n'
ALERTS = """
receivers: [{name: them, webhook: {url: "http://127.0.0.1:%d/"}}]
route: {receiver: them, group_wait: 0s}
"""


def started(folder: Path) -> subprocess.Popen[str]:
    (folder / "app.py").write_text("import redis\nredis.Redis().xadd('orders', {'a': 1})\n", encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "run"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def has(process: subprocess.Popen[str], number: int, which: str) -> bool:
    """Whether a signal is caught (`SigCgt`) by the process, or waits for it (`ShdPnd`)."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    found = [line for line in status.splitlines() if line.startswith(f"{which}:")]
    return any(int(line.split()[1], 16) >> (number - 1) & 1 for line in found)


@pytest.mark.parametrize("cpu_s", [0.0, 0.15, 0.3, 0.45, 0.6, 0.75])
@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        pytest.param((signal.SIGINT, signal.SIGINT), 130, id="Ctrl-C twice"),
        pytest.param((signal.SIGTERM,), 143, id="SIGTERM"),
        pytest.param((signal.SIGTERM, signal.SIGTERM), 143, id="SIGTERM twice"),
    ],
)
def test_a_start_that_is_ended_has_the_exit_code_of_the_signal(
    tmp_path: Path, numbers: tuple[signal.Signals, ...], code: int, cpu_s: float
) -> None:
    # With a session behind the start: without one a quick machine is through before the last moment.
    (tmp_path / "streamgauge.toml").write_text('[session]\nmode = "static"\n', encoding="utf-8")
    process = started(tmp_path)
    wait_for(lambda: has(process, signal.SIGTERM, "SigCgt"), what="the first of our code")
    # By what it has done and not by the clock: the moments are the same on a machine that is busy.
    used = psutil.Process(process.pid)
    wait_for(lambda: used.cpu_times().user >= cpu_s, what="a later moment")
    for number in numbers:
        process.send_signal(number)
        # One that waits already swallows the next of its kind.
        wait_for(lambda: process.poll() is not None or not has(process, number, "ShdPnd"))  # noqa: B023
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")],
)
def test_a_signal_that_comes_inside_a_callback_of_the_interpreter_is_not_lost(
    number: signal.Signals, code: int
) -> None:
    program = f"""
import gc, os, signal, time
from orchestrator.cli import signals

def inside(phase, _about):
    if phase == "start":
        gc.callbacks.clear()
        os.kill(os.getpid(), {int(number)})
        for _ in range(1000):
            pass

signals.begin()
gc.callbacks.append(inside)
try:
    gc.collect()
    time.sleep(60)
except KeyboardInterrupt as error:
    raise SystemExit(signals.code_of(error))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 143, id="SIGTERM"),
        pytest.param(signal.SIGHUP, 129, id="SIGHUP"),
    ],
)
def test_a_signal_at_the_very_end_of_a_session_is_not_lost(
    tmp_path: Path, number: signal.Signals, code: int, times: int
) -> None:
    (tmp_path / "streamgauge.toml").write_text('[session]\nmode = "static"\n', encoding="utf-8")
    events = tmp_path / "monitor-session" / "events.jsonl"
    process = started(tmp_path)
    wait_for(lambda: events.exists() and b"session-complete" in events.read_bytes(), seconds=60)
    for _ in range(times):
        process.send_signal(number)
        wait_for(lambda: process.poll() is not None or not has(process, number, "ShdPnd"))
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (code, False), errors
    if (
        times == 1
    ):  # the second may be the first that what is behind the session sees, or the second: then it ends at once
        named = {130: "Ctrl-C (SIGINT)", 143: "SIGTERM", 129: "SIGHUP"}[code]
        assert f"exit code  {code}: ended by {named}; the report is written" in said


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, id="Ctrl-C"), pytest.param(signal.SIGTERM, 143, id="SIGTERM")],
)
def test_a_signal_while_people_are_alerted_ends_that_and_loses_nothing(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(60)
        (tmp_path / "streamgauge.toml").write_text(CONFIG, encoding="utf-8")
        (tmp_path / "alerts.yaml").write_text(ALERTS % mute.getsockname()[1], encoding="utf-8")
        process = started(tmp_path)
        connection, _ = mute.accept()  # and no answer
        with connection:
            process.send_signal(number)
            said, errors = process.communicate(timeout=20)
    assert process.returncode == code, errors
    name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    assert errors == (
        f"streamgauge: ended by {name} before everybody was alerted; `streamgauge alerts send` does it.\n"
    )
    assert f"exit code  {code}" in said
    (archive,) = (tmp_path / ".archive").glob("*.zip")
    with Bag(archive) as bag:
        assert bag.verify() == []
    with database.open_store(tmp_path / ".state" / "orchestration.db") as store:
        assert store.one("SELECT count(*) FROM runs") == 1
