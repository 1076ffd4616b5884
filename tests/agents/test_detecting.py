"""A rule that breaks on one line costs neither the other lines nor the other rules, and is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.detecting import run_detectors
from agents.loop import Reporter
from tests.agents.test_log_watcher import Session
from tests.detectors.logs.test_rules import stats, view
from tools.detectors.contract import LogView
from tools.detectors.logs import error, retry_storm
from tools.findings.journal import read_data
from tools.findings.rule import Rule, Symptom
from tools.sources import gaps

ODD = "order 7 is odd"
PARTS = 6
"""Of `seen`: the services, and five templates."""


class Breaks:
    """A rule of errors that breaks on one line."""

    RULES: tuple[Rule, ...] = error.RULES

    def __init__(self, words: str) -> None:
        self.words = words
        self.looks = 0

    def detect(self, seen: LogView) -> Iterator[Symptom]:
        self.looks += 1
        for symptom in error.detect(seen):
            if self.words in symptom.title:
                raise ValueError("password=hunter2hunter")
            yield symptom


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path)
    session.start()
    yield session
    while session.watchers:
        session.kill()


def seen() -> LogView:
    said = ("first", "second", ODD, "fourth", "fifth")
    return view(*(stats("error", f"ERROR {words} failed", template=words) for words in said))


def reporter_of(session: Session) -> Reporter:
    return session.watchers[-1][1]


def test_what_breaks_on_one_line_is_looked_at_line_by_line(session: Session) -> None:
    rule = Breaks(ODD)
    assert run_detectors([rule, retry_storm], seen(), reporter_of(session)) == 4
    assert {finding.evidence for finding in session.findings()} == {
        f"ERROR {words} failed" for words in ("first", "second", "fourth", "fifth")
    }
    assert all(finding.occurrences == 1 for finding in session.findings())
    assert rule.looks == 1 + PARTS


def test_it_is_an_event_and_a_gap_without_a_secret(session: Session) -> None:
    run_detectors([Breaks(ODD)], seen(), reporter_of(session))
    workspace = session.workspace
    [event] = [event for event in read_data(workspace.events) if event["type"] == "error"]
    assert event["rule"] == "log.error"
    assert "ValueError" in str(event["traceback"])
    [gap] = [gap for gap in gaps.read(workspace.gaps) if gap.source == "rules"]
    assert "log.error" in gap.what
    assert gap.blind
    assert "hunter2" not in f"{event}{gap}"


def test_a_rule_that_breaks_on_everything_is_told_in_few_events_and_blinds_no_other(session: Session) -> None:
    assert run_detectors([Breaks(""), error], seen(), reporter_of(session)) == 5
    events = [event for event in read_data(session.workspace.events) if event["type"] == "error"]
    assert len(events) == 3
    assert len([gap for gap in gaps.read(session.workspace.gaps) if gap.source == "rules"]) == 1
