"""What real processes use, between two calls."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.fakes.waiting import wait_for
from tools.clock import SystemClock
from tools.sources.usage import Root, UsageMeter

BUSY = "import sys; print('up', flush=True)\nwhile True: pass"
IDLE = "import time; print('up', flush=True); time.sleep(60)"
PARENT = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'x = bytearray(30_000_000); import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True)\ntime.sleep(60)"
)
MB = 1024 * 1024


class Children:
    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, code: str) -> tuple[int, bytes]:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        self.processes.append(process)
        assert process.stdout is not None
        return process.pid, process.stdout.readline()

    def stop(self) -> None:
        for process in self.processes:
            for child in psutil.Process(process.pid).children() if process.poll() is None else ():
                child.kill()
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children()
    yield made
    made.stop()


def cpu_s(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


def test_cpu_is_of_the_interval_and_not_since_the_process_began(children: Children) -> None:
    busy, _ = children.start(BUSY)
    idle, _ = children.start(IDLE)
    meter, roots = UsageMeter(SystemClock()), {"busy": Root(busy), "idle": Root(idle)}
    assert [usage.cpu_percent for usage in meter.measure(roots).values()] == [None, None]
    before = cpu_s(busy)
    wait_for(lambda: cpu_s(busy) - before > 0.3)
    used = meter.measure(roots)
    assert (used["busy"].cpu_percent or 0) > 5
    assert (used["idle"].cpu_percent or 0) < (used["busy"].cpu_percent or 0) / 2
    psutil.Process(busy).suspend()
    meter.measure(roots)
    time.sleep(0.05)  # an interval in which a suspended process uses nothing
    assert meter.measure(roots)["busy"].cpu_percent == 0.0


def test_descendants_belong_to_it_unless_they_are_looked_at_themselves(children: Children) -> None:
    parent, line = children.start(PARENT)
    child = int(line)
    wait_for(lambda: psutil.Process(child).memory_info().rss > 30 * MB)
    meter = UsageMeter(SystemClock())
    whole = meter.measure({"parent": Root(parent)})["parent"]
    assert (whole.processes, whole.pid) == (2, parent)
    assert whole.rss_bytes > 35 * MB
    apart = meter.measure({"parent": Root(parent), "child": Root(child)})
    assert (apart["parent"].processes, apart["child"].processes) == (1, 1)
    assert apart["child"].rss_bytes > 30 * MB
    assert apart["child"].cpu_percent is not None  # it was measured before, as a part of its parent
    assert meter.measure({"parent": Root(parent, alone=True)})["parent"].processes == 1


def test_what_is_gone_or_another_process_by_now_is_left_out(children: Children) -> None:
    pid, _ = children.start(IDLE)
    started_ms = round(psutil.Process(pid).create_time() * 1000)
    meter = UsageMeter(SystemClock())
    assert meter.measure({"x": Root(pid, started_ms)})["x"].program.startswith("python")
    assert meter.measure({"x": Root(pid, started_ms - 5000)}) == {}
    children.processes[0].kill()
    wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert meter.measure({"x": Root(pid)}) == {}
    children.processes[0].wait()
    assert meter.measure({"x": Root(pid), "self": Root(os.getpid())}).keys() == {"self"}
