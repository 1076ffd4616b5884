"""A lag is told with what its stream gets and what its group is given, wherever it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.detectors.streams.crafted import group, polls, stream
from tests.synthesis.made import shop, stream_finding
from tools.findings.model import Finding
from tools.report import markdown
from tools.report.context import prepare
from tools.report.model import Report
from tools.report.write import Builder, build
from tools.sources.redis.poll_steps import PollSteps
from tools.sources.redis.polls import PollJournal
from tools.synthesis.poll_digest import PollDigest
from tools.synthesis.session_data import SessionData

LAG = stream_finding(
    1,
    "CONSUMER_LAG",
    consumer_group="billing",
    severity="CRITICAL",
    title="Group billing is 130 entries behind on orders",
)
STUCK = stream_finding(2, "STUCK_MESSAGE", consumer_group="billing")
GIST = "640 a minute are added and it is given 160, its lag grows by 480 a minute"
SAYS = "640 a minute are added and billing is given 160: its lag grows by 480 a minute; at this rate about 28,900 wait in an hour"


def told(folder: Path, *findings: Finding) -> Report:
    """The report of two polls between which billing fell further behind."""
    moments = (
        stream("orders", added, group("billing", lag=lag, delivered=to), added=added)
        for added, lag, to in ((100, 10, "5-0"), (260, 130, "6-0"))
    )
    with PollJournal(folder / "polls.jsonl") as journal:
        for poll in polls(*moments):
            journal.append(poll)
    digest = PollDigest()
    digest.read(PollSteps(folder / "polls.jsonl"))
    data = SessionData(session_id="s", index=shop(), findings=findings, polls=digest)
    return build(prepare(data, 0), Builder(), "0")


@pytest.mark.parametrize("findings", [pytest.param((LAG, STUCK), id="a cause"), pytest.param((LAG,), id="a lone finding")])  # fmt: skip
def test_the_first_page_says_it_behind_the_lag(tmp_path: Path, findings: tuple[Finding, ...]) -> None:
    (reason,) = told(tmp_path, *findings).verdict.why
    assert reason.text.startswith(f"{LAG.title}: {GIST}")


def test_cause_and_health_map_say_it_with_the_polls_that_show_it(tmp_path: Path) -> None:
    text = markdown.render(told(tmp_path, LAG, STUCK))
    assert (
        f"**Pace:** {SAYS}, and it must be 4.0 times as fast only to keep up (over 15s, polls 1 to 2)."
        in text
    )
    assert "| `orders` | CRITICAL ▲ | 130 | 640 | 160 |" in text


def test_a_trouble_that_is_no_lag_says_nothing_of_it(tmp_path: Path) -> None:
    report = told(tmp_path, STUCK)
    assert report.verdict.why[0].text == STUCK.title
    assert "**Pace:**" not in markdown.render(report)


def test_where_nothing_waits_the_health_map_has_no_such_columns(tmp_path: Path) -> None:
    report = told(tmp_path)
    (row,) = report.streams
    quiet = replace(
        row, lag=0, forecast=None, groups=tuple(replace(one, lag=0, pace=None) for one in row.groups)
    )
    text = markdown.render(replace(report, streams=(quiet,)))
    assert "| stream | status | lag | pending | oldest pending | length |" in text


def test_a_hostile_name_of_a_group_stays_a_name(tmp_path: Path) -> None:
    report = told(tmp_path, LAG, STUCK)
    (row,) = report.streams
    (one,) = row.groups
    assert one.pace is not None
    hostile = "<b>bold</b> [x](http://x) is given 160"
    pace = replace(one.pace, says=hostile, gist=hostile)
    changed = replace(row, forecast=hostile, groups=(replace(one, pace=pace),))
    text = markdown.render(replace(report, streams=(changed,)))
    assert "bold" in text
    assert "<b>" not in text
    assert "[x](" not in text


def test_large_rates_are_told_in_full(tmp_path: Path) -> None:
    report = told(tmp_path, LAG)
    (row,) = report.streams
    (one,) = row.groups
    assert one.pace is not None
    pace = replace(one.pace, added_per_minute=1_234_567.8)
    text = markdown.render(replace(report, streams=(replace(row, groups=(replace(one, pace=pace),)),)))
    assert "| 1,234,567.8 | 160 |" in text
