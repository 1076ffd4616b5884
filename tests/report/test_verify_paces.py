"""What a report says of the pace of a group is counted again from the polls that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.streams.crafted import group, polls, stream
from tests.fakes.clock import ManualClock
from tests.synthesis.made import START_MS
from tools.report.verify import verify
from tools.report.write import write_report
from tools.sources.redis.polls import PollJournal
from tools.workspace import Workspace


@pytest.fixture
def told(tmp_path: Path) -> Workspace:
    """A session whose report has one pace: 160 added and 40 given between polls 1 and 2."""
    workspace = Workspace(tmp_path / "monitor-session")
    workspace.create()
    moments = (
        stream("orders", added, group("billing", lag=lag, delivered=to), added=added)
        for added, lag, to in ((100, 10, "5-0"), (260, 130, "6-0"))
    )
    with PollJournal(workspace.polls) as journal:
        for poll in polls(*moments):
            journal.append(poll)
    report = write_report(workspace, tmp_path, ManualClock(START_MS))
    assert [one.pace is not None for row in report.streams for one in row.groups] == [True]
    return workspace


def test_a_pace_is_proven_by_its_polls(told: Workspace, tmp_path: Path) -> None:
    found = verify(told, tmp_path)
    assert (found.checked, found.proven, found.failures) == (1, 1, ())


@pytest.mark.parametrize(
    ("name", "said", "instead"),
    [
        pytest.param("report.json", b'"given": 40,', b'"given": 140,', id="what was given"),
        pytest.param("report.json", b'"added": 160,', b'"added": 161,', id="what was added"),
        pytest.param("report.json", b'"givenPerMinute": 160.0', b'"givenPerMinute": 640.0', id="a minute"),
        pytest.param("streams/polls.jsonl", b'"entries-added":260', b'"entries-added":261', id="a poll"),
    ],
)
def test_a_pace_that_is_not_what_its_polls_say_is_false(
    told: Workspace, tmp_path: Path, name: str, said: bytes, instead: bytes
) -> None:
    path = told.path(*name.split("/"))
    text = path.read_bytes()
    assert said in text
    path.write_bytes(text.replace(said, instead))
    (failure,) = verify(told, tmp_path).failures
    assert (failure.file, failure.finding_id) == ("report.json", None)
    assert failure.reason == "the pace of billing on orders is not what polls 1 and 2 say"


def test_a_pace_whose_polls_are_gone_stands_alone(told: Workspace, tmp_path: Path) -> None:
    told.polls.write_bytes(b"")
    found = verify(told, tmp_path)
    assert (found.copy_only, found.failures) == (1, ())
    assert found.gone[0].reason == "the pace of billing on orders: poll 1 is not in the journal any more"


def test_a_poll_that_was_made_again_after_a_kill_may_be_either(told: Workspace, tmp_path: Path) -> None:
    (before, *_) = polls(stream("orders", 120, group("billing", lag=30, delivered="5-0"), added=120))
    with PollJournal(told.polls) as journal:
        journal.append(before)  # a poll 1 once more
    assert verify(told, tmp_path).failures == ()


def test_without_a_report_there_is_no_pace_to_count(told: Workspace, tmp_path: Path) -> None:
    told.path("report.json").unlink()
    assert verify(told, tmp_path).checked == 0
