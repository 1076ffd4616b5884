"""kill -9 before every change of the file system while a session is put away: it is kept, whole, once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
POINTS_MIN = 12


def test_a_session_is_kept_whole_and_once_wherever_the_next_one_is_killed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.killed_archiving", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *killed, last = json.loads(done.stdout)
    assert len(killed) >= POINTS_MIN
    assert {(item["again"], *item["whole"]) for item in (*killed, last)} == {(0, True)}
    assert [item for item in killed if item["unpacked"] or item["halves"] or item["now"] != "4"] == []
    assert last["now"] == "2"
