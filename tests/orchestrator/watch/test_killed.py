"""kill -9 before a statement of SQL, a change of a file, a connection, all along a chain: nothing is lost or doubled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.http_peer import HttpPeer

ROOT = Path(__file__).resolve().parents[3]
POINTS_MIN = 120
"""Moments at which it can be killed."""


@pytest.mark.parametrize("stride", [19, pytest.param(1, marks=pytest.mark.faults)])
def test_a_run_is_dealt_with_once_wherever_the_daemon_is_killed(tmp_path: Path, stride: int) -> None:
    with HttpPeer() as peer:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fakes.killed_chain", str(tmp_path), peer.url, str(stride)],
            cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        messages = {(item.headers["Idempotency-Key"], item.data["title"]) for item in peer.requests}
    assert sum(item["killed"] for item in found) >= POINTS_MIN // stride
    for item in found:
        once = {item["run"]: 1}
        assert item["counts"] == dict.fromkeys(item["counts"], once), item
        assert (item["again"], item["left"]) == (0, []), item
        told = [title for _, title in messages if title.startswith(f"run {item['run']} ")]
        assert len(told) == 1, item
