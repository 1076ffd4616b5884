"""The Log Watcher on real files: findings, restarts, and nothing secret in what it writes."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agents.job import LogSource, MergedSpec, ServiceSpec, WatcherJob, Window
from agents.log_watcher import LogWatcher, make
from agents.loop import Reporter
from agents.watcher import open_reporter
from tests.fakes.clock import ManualClock
from tools.detectors.thresholds import Judgement, Limits
from tools.findings.model import AgentId, LogFinding
from tools.findings.recorder import load
from tools.report.origins import Gone, Origins, Same
from tools.sources import recording
from tools.workspace import Workspace

ORDERS, PAYMENTS = "orders", "payments"


class Session:
    """One session's folders, and attempts of the watcher on them."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.project = folder / "project"
        self.workspace = Workspace(folder / "workspace")
        self.workspace.create()
        (self.project / "logs").mkdir(parents=True)
        self.attempt = 0
        self.captured = False
        self.sources: tuple[LogSource, ...] | None = None
        self.limits = Limits()
        self.merged = MergedSpec()
        self.watchers: list[tuple[LogWatcher, Reporter]] = []

    def log(self, service: str) -> Path:
        if self.captured:
            return self.workspace.service_log(service)
        return self.project / "logs" / f"{service}.log"

    def write(self, service: str, *lines: str) -> None:
        with self.log(service).open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def start(self) -> LogWatcher:
        self.attempt += 1
        self.workspace.agent_dir(AgentId.LOG_WATCHER).joinpath("attempt").write_text(str(self.attempt))
        sources = self.sources or tuple(
            LogSource(service=name, path=str(self.log(name)), captured=self.captured)
            for name in (ORDERS, PAYMENTS)
        )
        job = WatcherJob(
            agent=AgentId.LOG_WATCHER,
            attempt=self.attempt,
            session_id="20250601_100000",
            mode="attach",
            workspace=self.workspace.root,
            project_root=self.project,
            logs=sources,
            services=(ServiceSpec(name=ORDERS), ServiceSpec(name=PAYMENTS)),
            judgement=Judgement(limits=self.limits),
            merged=self.merged,
            window=Window(
                started_ms=self.clock.now_ms(), deadline_ms=self.clock.now_ms() + 600_000, middle_ms=0
            ),
        )
        reporter = open_reporter(job, self.clock)
        watcher = make(job, reporter)
        self.watchers.append((watcher, reporter))
        return watcher

    def tick(self, seconds: float = 0.2) -> None:
        watcher, reporter = self.watchers[-1]
        watcher.look()
        reporter.recorder.flush()
        self.clock.advance(seconds)

    def ticks(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.2)):
            self.tick()

    def finish(self) -> None:
        watcher, reporter = self.watchers[-1]
        watcher.finish()
        reporter.recorder.flush()
        self.kill()

    def kill(self) -> None:
        """As SIGKILL leaves it: what was not written is gone."""
        watcher, reporter = self.watchers.pop()
        if watcher._merged is not None:
            watcher._merged._file.flush()
        watcher.close()
        reporter.recorder._grown.clear()
        reporter.recorder.close()
        reporter.events.close()
        reporter.gaps.close()

    def findings(self) -> list[LogFinding]:
        found = load(self.workspace.findings(AgentId.LOG_WATCHER))
        assert all(isinstance(finding, LogFinding) for finding in found)
        return [finding for finding in found if isinstance(finding, LogFinding)]

    def told(self) -> set[tuple[str, str, str]]:
        return {(finding.rule_id, finding.service, finding.severity) for finding in self.findings()}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path)
    yield session
    while session.watchers:
        session.kill()


def error(number: int, words: str = "payment provider refused order") -> str:
    return json.dumps({"level": 50, "time": 1_750_000_000_000 + number, "msg": f"{words} {number}"})


def test_a_line_is_a_finding_within_a_second(session: Session) -> None:
    session.start()
    session.tick()
    session.write(ORDERS, error(1, "cannot store order 1748771234567-0"))
    session.ticks(1)
    [finding] = session.findings()
    assert (finding.rule_id, finding.category, finding.severity) == ("log.error", "BUG", "HIGH")
    assert finding.stream_id == "1748771234567-0"
    assert finding.event_time == "2025-06-15T15:06:40.001Z"
    assert finding.evidence_refs[0].locator.byte_offset == 0


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_lines_in_utf_16_are_findings_whose_evidence_is_read_again(session: Session, encoding: str) -> None:
    path = session.log(ORDERS)
    path.write_bytes(f"\ufeff{error(1)}\r\n".encode(encoding))
    session.start()
    session.tick()
    with path.open("ab") as file:
        lines = "2025-06-15 10:00:00 INFO caf\u00e9", error(2, "cannot store books")
        file.write("".join(f"{line}\r\n" for line in lines).encode(encoding))
    session.ticks(1)
    session.finish()
    [finding] = session.findings()
    assert "cannot store books 2" in finding.evidence
    [reference] = finding.evidence_refs
    origins = Origins(session.workspace, session.project, {})
    assert origins.compare(reference, finding.evidence) == Same()
    assert isinstance(origins.compare(reference, "something else"), Gone)


def test_attach_mode_says_nothing_about_what_was_there_before(session: Session) -> None:
    session.write(ORDERS, *(error(number) for number in range(300)))
    session.start()
    session.ticks(1)
    session.finish()
    assert session.findings() == []


def test_captured_output_is_read_from_its_start_and_its_marks_are_secrets(session: Session) -> None:
    session.captured = True
    session.write(ORDERS, "connecting to redis://default:[masked:url-credentials]@cache:6379", error(1))
    session.start()
    session.ticks(1)
    assert session.told() == {("log.secret", ORDERS, "CRITICAL"), ("log.error", ORDERS, "HIGH")}


def test_a_trace_and_the_line_that_carries_it_are_one_finding(session: Session) -> None:
    session.start()
    session.tick()
    session.write(
        ORDERS,
        "2025-06-01 10:00:00,000 ERROR handler failed for order 12",
        "Traceback (most recent call last):",
        '  File "/app/orders/handler.py", line 12, in handle',
        "    store(order)",
        "ValueError: no such order",
        "2025-06-01 10:00:01,000 INFO next",
    )
    session.ticks(1)
    [finding] = session.findings()
    assert finding.rule_id == "log.stack-trace"
    assert finding.evidence.endswith("ValueError: no such order")
    assert "handler.py" in finding.recommendation


def test_a_storm_counts_only_when_it_is_quick(session: Session) -> None:
    session.start()
    session.tick()
    for number in range(5):
        session.write(ORDERS, f"WARN retrying connection, attempt {number}")
        session.write(PAYMENTS, f"WARN retrying connection, attempt {number}")
        session.ticks(0.8)
    assert session.told() == {("log.retry-storm", ORDERS, "HIGH"), ("log.retry-storm", PAYMENTS, "HIGH")}
    assert all(finding.pattern.startswith("5 × in 3") for finding in session.findings())


def test_slow_repeats_are_no_storm(session: Session) -> None:
    session.start()
    session.tick()
    for number in range(6):
        session.write(ORDERS, f"WARN retrying connection, attempt {number}")
        session.ticks(1.6)
    assert session.findings() == []


def test_silence_is_told_once_and_only_of_a_service_with_a_rhythm(session: Session) -> None:
    session.limits = Limits(silence=30.0)
    session.start()
    for number in range(60):
        session.write(PAYMENTS, f"INFO beat {number}")
        if number < 30:
            session.write(ORDERS, f"INFO order {number}")
        session.ticks(1.0)
    assert session.findings() == []
    for number in range(40):
        session.write(PAYMENTS, f"INFO beat {number}")
        session.ticks(1.0)
    [finding] = session.findings()
    assert (finding.rule_id, finding.service, finding.occurrences) == ("log.silence", ORDERS, 1)
    assert finding.severity == "HIGH"


def test_a_service_without_any_output_is_told(session: Session) -> None:
    session.start()
    for number in range(35):
        session.write(PAYMENTS, f"INFO beat {number}")
        session.ticks(1.0)
    assert session.told() == {("log.no-output", ORDERS, "MEDIUM")}


def test_starts_that_repeat_are_a_loop(session: Session) -> None:
    session.start()
    session.tick()
    for number in range(3):
        session.write(ORDERS, "orders service started on port 3001", f"INFO working {number}")
        session.ticks(2)
    [finding] = session.findings()
    assert (finding.rule_id, finding.severity) == ("log.restart-loop", "CRITICAL")
    assert finding.pattern.startswith("3 starts")


def test_a_healthy_service_has_no_finding(session: Session) -> None:
    session.start()
    lines = (
        '{"level":30,"msg":"0 errors"}', '{"level":30,"msg":"done","errors":[]}', "GET /error/page HTTP/1.1 200 3ms",
        "ErrorBoundary mounted", '{"level":40,"msg":"validation failed: email missing"}', "INFO cache miss for key 12",
        '127.0.0.1 - - [01/Jun/2025:10:00:00 +0000] "GET /errors HTTP/1.1" 404 12 "-" "x"', "WARN slow query 120 ms",
    )  # fmt: skip
    for number in range(60):
        for service in (ORDERS, PAYMENTS):
            session.write(service, lines[number % len(lines)])
        session.ticks(0.6)
    session.finish()
    assert [finding for finding in session.findings() if finding.severity not in {"LOW", "INFO"}] == []


SECRETS = ("hunter2!Zq", "AKIA" + "QWERTYUIOPASDFGH", "ghp" + "_" + "a1B2c3D4e5" * 3 + "abcdef")


def test_no_file_that_it_writes_holds_a_secret(session: Session) -> None:
    session.start()
    session.tick()
    session.write(ORDERS, f"ERROR cannot connect to postgres://app:{SECRETS[0]}@db/orders")
    session.write(
        ORDERS,
        json.dumps(
            {
                "level": 50,
                "msg": "denied",
                "key": SECRETS[1],
                "stack": f"E: {SECRETS[2]}\n    at x (/a.js:1:2)",
            }
        ),
    )
    session.write(
        PAYMENTS, f'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: {SECRETS[2]}'
    )
    session.ticks(2)
    session.finish()
    kinds = {
        finding.title.rsplit(": ", 1)[-1] for finding in session.findings() if finding.rule_id == "log.secret"
    }
    assert kinds == {"url-credentials", "aws-access-key", "github-token"}
    for path in session.workspace.root.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            text = gzip.decompress(data) if path.suffix == ".gz" else data
            assert not [secret for secret in SECRETS if secret.encode() in text], path


def script(seed: int) -> list[Callable[[Session], None]]:
    """Ten seconds of two services, one step a tick: errors, traces, storms, secrets, rotations."""
    chance = random.Random(seed)
    steps: list[Callable[[Session], None]] = []
    for number in range(50):
        service = chance.choice((ORDERS, PAYMENTS))
        lines = [error(number)] * chance.randrange(3)
        if chance.random() < 0.3:
            lines += [f"WARN retrying connection {number}"] * chance.randrange(6)
        if chance.random() < 0.2:
            lines += [
                "ERROR worker died",
                "Traceback (most recent call last):",
                '  File "a.py", line 1, in f',
                "KeyError: 'x'",
            ]
        if chance.random() < 0.1:
            lines += [f"using password={SECRETS[0]}"]
        lines += [f"INFO order {number} done"]

        def step(
            session: Session,
            service: str = service,
            lines: list[str] = lines,
            rotate: bool = chance.random() < 0.1,
            number: int = number,
        ) -> None:
            session.write(service, *lines)
            if rotate:
                session.log(service).rename(session.log(service).with_suffix(f".log.{number}"))

        steps.append(step)
    return steps


def outcome(session: Session) -> set[tuple[object, ...]]:
    return {
        (finding.rule_id, finding.service, finding.fingerprint, finding.severity, finding.occurrences)
        for finding in session.findings()
        if finding.rule_id != "log.retry-storm"
    }


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_watcher_goes_on_without_losing_or_doubling_an_occurrence(tmp_path: Path, seed: int) -> None:
    whole, broken = Session(tmp_path / "whole"), Session(tmp_path / "broken")
    chance = random.Random(seed + 100)
    for session in (whole, broken):
        session.start()
        session.tick()
    for step in script(seed):
        for session in (whole, broken):
            step(session)
        whole.tick()
        # Killed before a tick, within it (findings of growth not written yet), or after it.
        moment = chance.choice(("none", "none", "none", "before", "within", "after"))
        if moment in {"none", "after"}:
            broken.tick()
        elif moment == "within":
            broken.watchers[-1][0].look()
        if moment != "none":
            broken.kill()
            broken.start()
            broken.clock.advance(0.2 if moment != "after" else 0)
    for session in (whole, broken):
        session.ticks(2)
        session.finish()
    assert outcome(broken) == outcome(whole)
    assert len(outcome(whole)) >= 4
    merged = [
        session.workspace.path("logs", "merged.log").read_text(encoding="utf-8")
        for session in (whole, broken)
    ]
    texts = [sorted(line.split(" ", 1)[1] for line in text.splitlines()) for text in merged]
    assert texts[0] == texts[1]


def test_a_backlog_is_counted_whole_wherever_a_checkpoint_falls(session: Session) -> None:
    # A merged log that is full after each read, and reads that are far behind: both write checkpoints between two looks.
    session.merged = MergedSpec(size_bytes=1000)
    session.start()
    session.tick()
    written = 30_000
    session.write(ORDERS, *(error(number) for number in range(written)))
    for _ in range(40):
        session.tick(seconds=6)
    session.finish()
    counts = {finding.rule_id: finding.occurrences for finding in session.findings()}
    assert counts["log.error"] == written


def test_the_recording_holds_every_line_once(session: Session) -> None:
    session.start()
    session.ticks(1)
    for number in range(20):
        session.write(ORDERS, error(number))
        session.ticks(0.4)
        if number in {5, 11}:
            session.kill()
            session.start()
    session.finish()
    kept = [
        json.loads(bytes(raw))
        for kind, raw in recording.read(session.workspace.path("recording", "log-watcher.jsonl.gz"))
        if kind == "line"
    ]
    assert [line["line"] for line in kept] == list(range(1, 21))


def test_the_heartbeat_tells_lines_and_services(session: Session) -> None:
    watcher = session.start()
    session.write(ORDERS, "INFO before")
    session.tick()
    session.write(ORDERS, "INFO one", "INFO two")
    session.ticks(0.6)
    assert watcher.beat() == {"linesProcessed": 2, "servicesActive": [ORDERS], "servicesSilent": [PAYMENTS]}


def gaps(session: Session) -> list[str]:
    lines = session.workspace.gaps.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["what"] for line in lines]


def test_what_cannot_be_read_is_a_gap(session: Session) -> None:
    session.sources = (
        LogSource(service="a", docker="orders-1"),
        LogSource(service="b", path="logs/none-*.log"),
    )
    session.start()
    session.ticks(0.4)
    session.finish()
    assert sorted(gaps(session)) == [
        "log source docker orders-1",
        "log source logs/none-*.log",
    ]


def test_that_a_log_cannot_be_read_is_no_silence_of_its_service(session: Session) -> None:
    session.sources = (
        LogSource(service=ORDERS, path="logs/orders.log"),
        LogSource(service=PAYMENTS, docker="payments"),
    )
    session.start()
    for _ in range(60):
        session.write(ORDERS, "INFO one more")
        session.ticks(2)
    session.finish()
    assert session.told() == set()
    assert gaps(session) == ["log source docker payments"]


def test_files_that_appear_are_read_whole_and_named_by_their_stem(session: Session) -> None:
    session.sources = (LogSource(service="*", path="logs/*.log"),)
    session.start()
    session.ticks(0.4)
    (session.project / "logs" / "billing-2025-06-01.log").write_text(error(1) + "\n", encoding="utf-8")
    session.ticks(2)
    assert session.told() == {("log.error", "billing", "HIGH")}


def test_no_log_source_is_a_gap_and_no_error(session: Session) -> None:
    session.sources = (LogSource(service="x", path="nothing.log"),)
    watcher = session.start()
    session.ticks(0.4)
    session.finish()
    assert gaps(session) == ["log source nothing.log"]
    assert watcher.beat()["linesProcessed"] == 0
