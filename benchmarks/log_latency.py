"""How soon a line is a finding, and what the Log Watcher takes while nothing is wrong: 20,000 lines/s over 50 files."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import machine
from benchmarks.bars import LOG_LATENCY, LOG_REST
from benchmarks.log_lines import FORMS, Mix, writer
from benchmarks.log_reader import job_for
from benchmarks.results import Report, Row
from tools.findings.model import AgentId
from tools.workspace import Workspace

FILES = 50
LINES_PER_S = 20_000
_TURN_S = 0.05
_WARM_S = 15.0
_QUIET_S = 30.0
_ERRORS = 200
_STOP_S = 30.0
_LOST_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Written:
    """An error line: what it says, and when it was written."""

    word: str
    at: float


def measure(folder: Path, report: Report) -> None:
    """Two spells with one watcher: quiet lines alone, then errors among them, each of a kind of its own."""
    folder.mkdir()
    workspace = Workspace(folder.parent / "latency-workspace")
    job = job_for(folder, workspace, merged=False)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "agents.watcher"],
        cwd=machine.ROOT, env=machine.environment(), stdin=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    try:
        machine.pin(process.pid, machine.cores()[0])
        process.stdin.write(job.encode() + b"\n")
        process.stdin.flush()
        load = _Load(folder)
        load.run(_WARM_S)
        share, lines = _share(process.pid, load)
        found = _latencies(load, workspace.findings(AgentId.LOG_WATCHER))
        workspace.stop_file.touch()
        process.wait(_STOP_S)
    finally:
        process.kill()
        process.wait()
    report.row(
        Row(
            "CPU while nothing is wrong",
            share,
            LOG_REST,
            f"{lines:,.0f} lines/s over {FILES} files for {_QUIET_S:.0f} s, after {_WARM_S:.0f} s of the same",
        )
    )
    p99 = statistics.quantiles(found, n=100)[98] if len(found) > 1 else None
    lost = _ERRORS - len(found)
    report.row(
        Row(
            "from a line written to its finding, p99",
            p99 if not lost else None,
            LOG_LATENCY,
            f"{len(found)} errors, median {statistics.median(found):.2f} s, longest {max(found):.2f} s"
            if found
            else "",
            f"{lost} findings did not come within {_LOST_AFTER_S:.0f} s" if lost else "",
        )
    )


class _Load:
    """Writes quiet lines at an even pace, and now and then one error."""

    def __init__(self, folder: Path) -> None:
        forms = list(FORMS)
        self._quiet = [writer(forms[at % len(forms)], Mix(0, 0, 0), at) for at in range(FILES)]
        self._files = [(folder / f"service-{at}.log").open("ab", buffering=0) for at in range(FILES)]
        self._chance = random.Random(3)
        self.lines = 0

    def run(self, seconds: float, errors: int = 0) -> list[Written]:
        """Write for so long, errors spread evenly over it."""
        written: list[Written] = []
        began, done = time.monotonic(), 0
        while (passed := time.monotonic() - began) < seconds:
            while len(written) < errors * passed / seconds:
                written.append(self._error())
            due = int(passed * LINES_PER_S / FILES)
            self._write(due - done)
            done = due
            time.sleep(max(0.0, _TURN_S - (time.monotonic() - began - passed)))
        return written

    def _write(self, count: int) -> None:
        for service, file in zip(self._quiet, self._files, strict=True):
            service.at_ms = round(time.time() * 1000) - count
            file.write("".join(service.lines(count)).encode())
            self.lines += count

    def _error(self) -> Written:
        word = "".join(self._chance.choices("ghijklmnopqrstuvwxyz", k=14))
        at = self._chance.randrange(FILES)
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())
        self._files[at].write(f"{when},000 ERROR shop.worker: {word} was lost\n".encode())
        return Written(word, time.monotonic())


def _share(pid: int, load: _Load) -> tuple[float, float]:
    """CPU of the watcher in percent of a core, and lines a second, over a quiet spell."""
    process = psutil.Process(pid)
    before, lines, began = process.cpu_times(), load.lines, time.monotonic()
    load.run(_QUIET_S)
    passed, after = time.monotonic() - began, process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return 100 * spent / passed, (load.lines - lines) / passed


def _latencies(load: _Load, findings: Path) -> list[float]:
    """Seconds from each error line to the line in the journal that tells of it, seen within a hundredth of a second."""
    watch = subprocess.Popen(
        [sys.executable, "-c", _SEEN, str(findings)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert watch.stdout is not None
    assert watch.stdin is not None
    try:
        written = load.run(_ERRORS * 0.1, _ERRORS)
        time.sleep(_LOST_AFTER_S)
        watch.stdin.close()
        seen = dict(line.split() for line in watch.stdout)
    finally:
        watch.kill()
        watch.wait()
    return [float(seen[one.word]) - one.at for one in written if one.word in seen]


_SEEN = """
import re, select, sys, time
seen, rest = set(), b""
with open(sys.argv[1], "rb") as file:
    file.seek(0, 2)
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        data = rest + file.read()
        whole, _, rest = data.rpartition(b"\\n")
        for word in re.findall(rb"([g-z]{14}) was lost", whole):
            if word not in seen:
                seen.add(word)
                print(word.decode(), time.monotonic(), flush=True)
"""
"""Reads the journal beside the load, so that neither waits for the other."""
