"""`eval` on real scenarios: a fault that is found, a healthy control, and a Ctrl-C in the middle."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.audits import command, environment, left_behind_in

pytestmark = pytest.mark.fleet
BOUND_S = 300


def eval_command(out: Path, *arguments: str) -> list[str]:
    return command("eval", "--out", str(out), *arguments)


def until(condition: Callable[[], bool], bound_s: float = 60) -> None:
    deadline = time.monotonic() + bound_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Two scenarios side by side: each has its own server, workspace and state."""
    out = tmp_path_factory.mktemp("eval") / "out"
    names = ("--scenario", "slow-consumer", "--scenario", "healthy-fan-out")
    done = subprocess.run(
        eval_command(out, *names, "--jobs", "2"),
        cwd=out.parent,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    return done, out


def test_both_are_judged_and_every_bar_is_met(
    evaluation: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, out = evaluation
    assert done.returncode == 0, done.stdout + done.stderr
    record: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    verdicts = {verdict["scenario"]: verdict for verdict in record["verdicts"]}
    assert [met["found"] for met in verdicts["slow-consumer"]["expected"]] == [True, True]
    assert verdicts["healthy-fan-out"]["falseAlarms"] == []
    assert record["totals"]["short"] == []
    assert record["totals"]["evidenceHeld"] == record["totals"]["evidenceChecked"] > 0
    table = (out / "table.txt").read_text(encoding="utf-8")
    assert table.strip() in done.stdout


def test_nothing_is_left_running(evaluation: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    assert left_behind_in(evaluation[1]) == []


def test_a_ctrl_c_stops_sessions_services_and_servers(tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = ("--scenario", "slow-consumer", "--scenario", "healthy-busy")
    process = subprocess.Popen(
        eval_command(out, *names, "--jobs", "2"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Where the tests run in the background, a shell has told them to ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no thread runs here)
    )
    try:
        until(lambda: len(list(out.glob("*/pids/*.pid"))) == 5)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=BOUND_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, output
    assert "have been stopped" in output
    assert left_behind_in(out) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--llm",), "--llm needs ANTHROPIC_API_KEY"),
        (("--scenario", "nowhere"), "There is no scenario 'nowhere'"),
        (("--repos", ".", "--scenario", "slow-consumer"), "Give one"),
        (("--scenarios", "."), "holds no scenarios"),
        (("--repeats", "0"), "repeats"),
    ],
)
def test_wrong_usage_is_told(arguments: tuple[str, ...], told: str, tmp_path: Path) -> None:
    done = subprocess.run(
        eval_command(tmp_path / "out", *arguments),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert done.returncode == 2
    assert told in done.stdout + done.stderr
