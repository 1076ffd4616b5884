"""A followed program never outlives us, however we die, and never makes us wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fakes.processes import has_ended
from tests.fakes.waiting import wait_for
from tools.sources.logs.child import Child

ROOT = Path(__file__).resolve().parents[3]
HOWS = [pytest.param("exec", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux only")), "stay"]
DRIVER = """\
import os, sys, time
from tools.sources.logs.child import Child
child = Child(["/bin/sh", "-c", "echo ready; exec sleep 300"], os.environ, merged=True, how=sys.argv[1])
while child.read(100) is None:
    time.sleep(0.01)
print(child.pid, flush=True)
time.sleep(300)
"""


@pytest.fixture
def children() -> Iterator[list[Child]]:
    made: list[Child] = []
    yield made
    for child in made:
        child.close()


def start(children: list[Child], script: str, how: str = "exec", *, merged: bool = False) -> Child:
    children.append(Child(["/bin/sh", "-c", script], os.environ, merged=merged, how=how))
    return children[-1]


def output(child: Child) -> bytes:
    found = b""
    until = time.monotonic() + 20
    while True:
        assert time.monotonic() < until
        block = child.read(65536)
        if block == b"":
            return found
        found += block or b""
        time.sleep(0.01 * (block is None))


@pytest.mark.parametrize("how", HOWS)
def test_it_dies_with_us_even_by_sigkill(how: str) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, how], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    leader = psutil.Process(int(driver.stdout.readline()))
    program = [leader, *leader.children(recursive=True)]
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    driver.stdout.close()
    wait_for(lambda: all(has_ended(process.pid) for process in program), what="the program's end")


@pytest.mark.parametrize("how", HOWS)
def test_closing_kills_what_it_started_too(children: list[Child], how: str) -> None:
    child = start(children, "sleep 300 & echo $!; wait", how)
    wait_for(lambda: child.ready)
    below = int(child.read(100) or b"")
    assert not has_ended(below)
    child.close()
    wait_for(lambda: has_ended(below) and has_ended(child.pid))


@pytest.mark.parametrize("how", HOWS)
def test_its_output_words_and_exit_code_are_known(children: list[Child], how: str) -> None:
    child = start(children, "echo one; echo two >&2; printf half >&2; exit 3", how)
    assert output(child) == b"one\n"
    wait_for(lambda: child.ended() is not None)
    assert (child.ended(), child.words(), child.words(last=True)) == (3, ["two"], ["half"])


def test_both_outputs_come_in_order_where_they_are_merged(children: list[Child]) -> None:
    child = start(children, "for i in 1 2 3; do echo out $i; echo err $i >&2; done", merged=True)
    assert output(child).split(b"\n")[:4] == [b"out 1", b"err 1", b"out 2", b"err 2"]
    assert child.words(last=True) == []


def test_nothing_is_waited_for(children: list[Child]) -> None:
    child = start(children, "read never; echo $? ; exec sleep 300")
    wait_for(lambda: child.ready)
    assert child.read(100) == b"1\n", "its standard input is empty"
    assert (child.read(100), child.ready, child.words(), child.ended()) == (None, False, [], None)


def test_a_program_that_is_quicker_than_we_are_is_held_up(children: list[Child]) -> None:
    child = start(children, "yes 'a line' & echo $! >&2; wait")
    words: list[str] = []

    def is_told() -> bool:
        words.extend(child.words())
        return bool(words)

    wait_for(is_told)
    writer = psutil.Process(int(words[0]))
    wait_for(lambda: writer.status() == psutil.STATUS_SLEEPING, what="a full pipe")


def test_one_that_leaves_its_output_to_another_is_over_when_it_ends(children: list[Child]) -> None:
    child = start(children, "sleep 300 & exit 0")
    wait_for(lambda: child.ended() == 0)
    assert output(child) == b""


def test_a_closed_pipe_ends_it_as_it_ends_any_program(children: list[Child]) -> None:
    child = start(children, "grep SigIgn /proc/self/status")
    if sys.platform == "linux":
        ignored = int(output(child).split()[1], 16)
        assert not ignored & 1 << (signal.SIGPIPE - 1)


def test_a_program_that_is_not_there_says_so(children: list[Child]) -> None:
    children.append(Child(["/no/such/program"], os.environ, merged=False))
    wait_for(lambda: children[0].ended() is not None)
    assert (children[0].ended(), children[0].words()) == (
        127,
        ["/no/such/program cannot be started: No such file or directory"],
    )
