"""`streamgauge eval` as a process: its exit codes and what it says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.audits import command, environment
from tests.orchestrator.evaluation.test_eval import FOUND, GOOD, NEVER, repositories


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("eval", *options), env=environment(), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("text", "code"), [(GOOD, 0), (f"finding = [{FOUND}, {NEVER}]", 1)], ids=["all found", "one missed"]
)
def test_the_exit_code_tells_whether_the_bars_are_met(text: str, code: int, tmp_path: Path) -> None:
    done = run("--repos", str(repositories(tmp_path, text)))
    assert done.returncode == code, done.stdout + done.stderr
    assert "rules about code" in done.stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--repos", "/nowhere"), "holds no label files"),
        (("--scenarios", "/nowhere"), "/nowhere"),
        (("--llm",), "ANTHROPIC_API_KEY"),
        (("--llm", "--repos", "/nowhere"), "--llm is for scenarios"),
    ],
    ids=["no labels there", "no scenarios there", "no key", "a model for repositories"],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(options: tuple[str, ...], told: str) -> None:
    done = run(*options)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
