"""What the keeper tells of processes."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil

from orchestrator.keeper.owned import describe_trees
from tests.fakes.waiting import wait_for

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_a_process_that_ended_meanwhile_is_not_told_as_left() -> None:
    stays, ends, zombie = (subprocess.Popen(SLEEPER) for _ in range(3))
    try:
        seen = [psutil.Process(process.pid) for process in (stays, ends, zombie)]
        ends.kill()
        ends.wait()
        zombie.kill()
        wait_for(lambda: seen[2].status() == psutil.STATUS_ZOMBIE)
        told = describe_trees(seen)
        assert [left.pid for left in told] == [stays.pid]
        assert "time.sleep(600)" in told[0].command
    finally:
        for process in (stays, ends, zombie):
            process.kill()
            process.wait()


def test_a_tree_is_told_once_with_what_is_below_it() -> None:
    [tree] = describe_trees([psutil.Process(os.getpid()), psutil.Process(os.getppid())])
    assert tree.pid == os.getppid()
    assert [below.split(":")[0] for below in tree.below] == [f"pid {os.getpid()}"]
