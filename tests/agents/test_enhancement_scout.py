"""The Scout's two passes: the code once, the agents' findings together from the middle of the window."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agents.enhancement_scout import live_polls, make
from agents.indexer import index
from agents.job import WatcherJob
from agents.loop import Reporter
from tests.agents.audit_jobs import START_MS, job_of, reporter_of
from tests.detectors.streams.crafted import group, polls, stream
from tests.fakes.clock import ManualClock
from tests.sources.code.trees import write
from tools.findings.model import AgentId
from tools.sources.redis.polls import PollJournal

CODE = {"services/a/app.py": 'r.xadd("orders", {})\nr.xreadgroup("g", "c", {"orders": ">"})\nprint(1)\n'}
RULES = ["code.xadd-no-maxlen", "code.xreadgroup-no-ack", "code.console-logging", "code.hardcoded-stream"]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def started(
    tmp_path: Path, stack: ExitStack, url: str | None = None
) -> tuple[WatcherJob, Reporter, ManualClock]:
    clock = ManualClock(START_MS)
    job = job_of(AgentId.ENHANCEMENT_SCOUT, write(tmp_path / "project", CODE), tmp_path / "ws", url)
    return job, reporter_of(job, clock, stack), clock


def test_the_first_pass_waits_for_the_index_and_runs_once(tmp_path: Path, stack: ExitStack) -> None:
    job, reporter, clock = started(tmp_path, stack)
    scout = make(job, reporter)
    scout.look()
    assert not reporter.recorder.findings
    index(job.model_copy(update={"agent": "INDEXER"}), clock)
    scout.look()
    scout.look()
    assert [finding.rule_id for finding in reporter.recorder.findings] == RULES
    assert all(rule in reporter.workspace.path("findings", "es-static.txt").read_text() for rule in RULES)
    assert json.loads(reporter.workspace.path("agents", "enhancement-scout", "state.json").read_bytes())[
        "done"
    ]


def test_a_restart_finds_the_same_and_counts_nothing_twice(tmp_path: Path, stack: ExitStack) -> None:
    job, reporter, clock = started(tmp_path, stack)
    index(job.model_copy(update={"agent": "INDEXER"}), clock)
    make(job, reporter).look()
    reporter.workspace.path("agents", "enhancement-scout", "state.json").unlink()
    again = make(job, reporter)
    again.look()
    again.finish()
    assert [finding.occurrences for finding in reporter.recorder.findings] == [1] * len(RULES)


def test_the_second_pass_begins_in_the_middle_and_keeps_its_pace(tmp_path: Path, stack: ExitStack) -> None:
    job, reporter, clock = started(tmp_path, stack, "redis://127.0.0.1:1/0")
    index(job.model_copy(update={"agent": "INDEXER"}), clock)
    scout = make(job, reporter)
    scout.look()
    assert scout.beat() == {"codeRead": True, "passes": 0}
    clock.advance(300)
    scout.look()
    scout.look()
    assert scout.beat()["passes"] == 1
    clock.advance(60)
    scout.look()
    assert scout.beat()["passes"] == 2


def test_a_damaged_journal_of_another_agent_is_an_event_and_stops_nothing(
    tmp_path: Path, stack: ExitStack
) -> None:
    job, reporter, clock = started(tmp_path, stack)
    index(job.model_copy(update={"agent": "INDEXER"}), clock)
    reporter.workspace.findings(AgentId.LOG_WATCHER).write_text("{broken}\n")
    make(job, reporter).finish()
    assert "log-watcher" in reporter.workspace.events.read_text()
    assert [finding.rule_id for finding in reporter.recorder.findings] == RULES


def test_the_running_system_is_looked_at_every_minute(tmp_path: Path, stack: ExitStack) -> None:
    job, reporter, clock = started(tmp_path, stack, "redis://127.0.0.1:1/0")
    history = polls(*(stream("orders", 9, group()),) * 6, calls={"xreadgroup": 9_000})
    scout = make(job, reporter)
    with PollJournal(reporter.workspace.polls) as journal:
        for poll in history:
            journal.append(poll)
    scout.look()
    assert not reporter.recorder.findings
    clock.advance(60)
    scout.look()
    clock.advance(60)
    scout.look()
    (finding,) = reporter.recorder.findings
    assert (finding.rule_id, finding.occurrences) == ("live.polling-reads", 1)


@pytest.mark.parametrize("poll_interval_s", [1.0, 2.0, 3.0, 5.0, 15.0])
def test_the_polls_that_are_kept_span_the_minute_that_rules_ask_for(poll_interval_s: float) -> None:
    assert (live_polls(poll_interval_s) - 1) * poll_interval_s >= 60


def test_no_pace_keeps_polls_without_end() -> None:
    assert live_polls(0.001) == live_polls(0.1)
