"""Processes as the Log Watcher sees them: a real leak is found and proven, a restart begins everything anew."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.job import LogSource, ServiceSpec, WatcherJob, Window
from agents.log_watcher import LogWatcher, make
from agents.loop import Reporter
from agents.watcher import open_reporter
from orchestrator.session.sampling import Sampler, Subjects
from tests.fakes.clock import ManualClock
from tools.findings.model import AgentId, LogFinding
from tools.findings.recorder import load
from tools.report.verify import verify
from tools.sources import recording
from tools.workspace import Workspace

SERVICE = """
import mmap, sys
MB, kept, last = 1 << 20, [], None
def take(megabytes):
    block = mmap.mmap(-1, megabytes * MB)
    for page in range(0, megabytes * MB, 4096):
        block[page] = 1
    return block
base = take(60)
for number, line in enumerate(sys.stdin):
    word = line.strip()
    if word == "leak":
        kept.append(take(6))
    elif word == "use":
        last = take(6 + number % 3)
    elif word == "once" and number == 4:
        kept.append(take(120))
    print("done", flush=True)
"""
EVERY_S = 30.0


class Pair:
    """Two services with pidfiles and logs, their samples, and attempts of the Log Watcher, on a clock of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, ManualClock()
        self.workspace = Workspace(folder / "ws")
        self.workspace.create()
        self.specs = tuple(ServiceSpec(name=name, pidfile=f"{name}.pid") for name in ("orders", "mail"))
        self.sampler = Sampler(self.workspace, self.clock, folder)
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.attempt = 0
        self.watcher: tuple[LogWatcher, Reporter] | None = None

    def start(self, name: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        (self.folder / f"{name}.pid").write_text(str(process.pid), encoding="ascii")
        self.processes[name] = process
        self.tell(name, "")

    def tell(self, name: str, word: str) -> None:
        process = self.processes[name]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.communicate()

    def log(self, name: str, *lines: str) -> None:
        with (self.folder / f"{name}.log").open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def watch(self) -> None:
        self.attempt += 1
        (self.workspace.agent_dir(AgentId.LOG_WATCHER) / "attempt").write_text(str(self.attempt))
        now = self.clock.now_ms()
        job = WatcherJob(
            agent=AgentId.LOG_WATCHER, attempt=self.attempt, session_id="x", mode="attach",
            workspace=self.workspace.root, project_root=self.folder, services=self.specs,
            logs=tuple(LogSource(service=name, path=f"{name}.log") for name in ("orders", "mail")),
            window=Window(started_ms=now, deadline_ms=now + 600_000, middle_ms=0),
        )  # fmt: skip
        reporter = open_reporter(job, self.clock)
        self.watcher = (make(job, reporter), reporter)

    def look(self, seconds: float = 0) -> None:
        """Ticks for so long, at least one."""
        assert self.watcher is not None
        watcher, reporter = self.watcher
        for _ in range(max(1, round(seconds))):
            watcher.look()
            self.clock.advance(1)
        reporter.recorder.flush()

    def kill_watcher(self) -> None:
        """As kill -9 leaves it."""
        assert self.watcher is not None
        watcher, reporter = self.watcher
        watcher.close()
        reporter.recorder.close()
        reporter.events.close()
        reporter.gaps.close()
        self.watcher = None

    def sample(self) -> None:
        self.sampler.sample(Subjects(services=self.specs), EVERY_S)

    def run(self, words: dict[str, str], count: int) -> None:
        """Every 30 s each service does what its word says, and is sampled."""
        for _ in range(count):
            for name, word in words.items():
                self.tell(name, word)
            self.sample()
            self.look(EVERY_S)

    def findings(self, rule: str) -> list[LogFinding]:
        found = load(self.workspace.findings(AgentId.LOG_WATCHER))
        return [item for item in found if isinstance(item, LogFinding) and item.rule_id == rule]

    def close(self) -> None:
        if self.watcher is not None:
            self.kill_watcher()
        for name in list(self.processes):
            self.stop(name)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    for name in ("orders", "mail"):
        made.log(name)
        made.start(name)
    made.clock.advance(10**9)  # the real processes are old by this clock
    yield made
    made.close()


# --- Memory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("healthy", ["use", "once", "idle"])
def test_the_service_that_leaks_is_found_and_the_one_beside_it_is_not(pair: Pair, healthy: str) -> None:
    pair.watch()
    pair.run({"orders": "leak", "mail": healthy}, 19)
    [finding] = pair.findings("log.memory-growth")
    assert (finding.service, finding.category, finding.severity) == ("orders", "MEMORY_LEAK", "HIGH")
    assert [reference.kind for reference in finding.evidence_refs] == ["process"] * 3
    proven = verify(pair.workspace, pair.folder)
    assert proven.ok
    assert proven.proven == 3
    kinds = [kind for kind, _ in recording.read(pair.workspace.path("recording", "log-watcher.jsonl.gz"))]
    assert kinds.count("sample") == 38


def test_a_quote_of_a_sample_that_was_changed_is_no_proof(pair: Pair) -> None:
    pair.watch()
    pair.run({"orders": "leak", "mail": "idle"}, 18)
    data = pair.workspace.metrics.read_bytes()
    pair.workspace.metrics.write_bytes(data.replace(b'"rssBytes":', b'"rssBytez":'))
    failures = verify(pair.workspace, pair.folder).failures
    assert {failure.file for failure in failures} == {"recording/metrics.jsonl"}


def test_a_leak_is_counted_once_whatever_happens_to_the_watcher(pair: Pair) -> None:
    pair.watch()
    pair.run({"orders": "leak", "mail": "idle"}, 12)
    pair.kill_watcher()
    pair.watch()
    pair.run({"orders": "leak", "mail": "idle"}, 8)
    [before] = pair.findings("log.memory-growth")
    pair.kill_watcher()
    pair.watch()
    pair.look(10)
    [after] = pair.findings("log.memory-growth")
    assert before.occurrences == after.occurrences
    assert before.occurrences >= 3


def test_a_restart_begins_a_new_life_of_memory(pair: Pair) -> None:
    pair.watch()
    for _ in range(2):
        pair.run({"orders": "leak", "mail": "idle"}, 11)
        pair.stop("orders")
        pair.start("orders")
    assert pair.findings("log.memory-growth") == []


# --- Silence ---------------------------------------------------------------------------------------------


def chatter(pair: Pair, seconds: int, *names: str, every_s: int = 1) -> None:
    for second in range(seconds):
        for name in names:
            if name != "orders" or second % every_s == 0:
                pair.log(name, f"INFO working {second}")
        pair.look(1)


@pytest.mark.parametrize("restarted", [True, False])
def test_a_restarted_service_has_a_rhythm_of_its_own(pair: Pair, restarted: bool) -> None:
    """It wrote every second; in its new version it writes every 40 s: silence only for who did not change."""
    pair.watch()
    chatter(pair, 40, "orders", "mail")
    if restarted:
        pair.stop("orders")
        pair.start("orders")
        pair.look(6)
    chatter(pair, 130, "orders", "mail", every_s=40)
    assert bool(pair.findings("log.silence")) is not restarted


def test_a_service_that_was_restarted_and_then_says_nothing_is_not_blamed_for_the_old_rhythm(
    pair: Pair,
) -> None:
    pair.watch()
    chatter(pair, 40, "orders", "mail")
    pair.stop("orders")
    pair.start("orders")
    chatter(pair, 60, "mail")
    assert pair.findings("log.silence") == []
