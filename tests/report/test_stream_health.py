"""Section 3: statuses and verdicts of streams say what findings and figures do, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.streams.crafted import group, polls, stream
from tests.synthesis.made import START_MS, stream_finding
from tools.findings.model import Finding
from tools.report.context import prepare
from tools.report.sections import streams
from tools.report.streams_model import StreamHealth
from tools.sources.records import Lag, Poll, ServerState, StreamState
from tools.sources.redis.poll_steps import PollSteps
from tools.sources.redis.polls import PollJournal
from tools.synthesis.poll_digest import PollDigest
from tools.synthesis.session_data import SessionData

SERVER = ServerState(flavour="valkey", version="9")


def rows(
    *now: StreamState, findings: tuple[Finding, ...] = (), before: tuple[StreamState, ...] = ()
) -> dict[str, StreamHealth]:
    """The health map after 600 s, against a baseline."""
    first = Poll(number=0, at_ms=START_MS, server=SERVER, streams=before) if before else None
    digest = PollDigest(first)
    digest.first = first
    digest.final = Poll(number=40, at_ms=START_MS + 600_000, server=SERVER, streams=now)
    data = SessionData("s", findings=findings, polls=digest, baseline=first)
    return {row.stream: row for row in streams.build(prepare(data, START_MS))}


def test_a_stream_under_a_finding_of_its_family_is_not_healthy() -> None:
    title = "Group g is 5,000 entries behind on jobs:1 (and 1 more of jobs:{})"
    found = stream_finding(1, "CONSUMER_LAG", "jobs:{}", severity="CRITICAL", consumer_group="g", title=title)
    made = rows(
        *(stream(f"jobs:{n}", 9, group("g", lag=lag)) for n, lag in ((1, 5000), (2, 0))), findings=(found,)
    )
    assert (made["jobs:1"].status, made["jobs:1"].finding_ids) == ("CRITICAL", ("RSA-001",))
    assert made["jobs:1"].verdict == f"CRITICAL of the family jobs:{{}}: {title}"
    assert (made["jobs:2"].status, made["jobs:2"].finding_ids) == ("HEALTHY", ())


def test_a_member_that_its_familys_finding_lists_is_under_it_whatever_it_shows_now() -> None:
    found = stream_finding(
        1, "CONSUMER_LAG", "jobs:{}", severity="CRITICAL", consumer_group="g", members=["jobs:2"]
    )
    states = (stream(f"jobs:{n}", 9, group("g", lag=lag)) for n, lag in ((1, 5000), (2, 0)))
    made = rows(*states, findings=(found,))
    assert (made["jobs:1"].status, made["jobs:2"].status) == ("HEALTHY", "CRITICAL")


def test_a_verdict_says_when_its_finding_ended() -> None:
    found = stream_finding(1, "CONSUMER_LAG", severity="CRITICAL", consumer_group="g", last_s=100)
    (row,) = rows(stream("orders", 9, group("g", lag=0)), findings=(found,)).values()
    assert (row.status, row.verdict) == ("DEGRADED", "CRITICAL (ended 15:08): CONSUMER_LAG on orders")


BOUND = Lag(messages=10_000, source="bound")


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param((9_000, 9_000), (BOUND, 900_000), (("lag 9000 → ≥ 10000", "length 9000 → 900000"), "lag grows by at least 100 a minute"), id="a bound at the end"),
        pytest.param((BOUND, 900_000), (BOUND, 900_000), ((), None), id="bounds at both ends"),
        pytest.param((BOUND, 900_000), (9_000, 900_000), ((), None), id="a bound at the start"),
        pytest.param((BOUND, 900_000), (12_000, 900_000), ((), None), id="a bound at the start, below what was counted then"),
        pytest.param((None, 1_000), (400, 1_000), ((), None), id="not known at the start"),
        pytest.param((400, 1_000), (None, 1_000), ((), None), id="not known at the end"),
        pytest.param((400, 1_000), (400, 1_000), ((), "lag stands still"), id="counted at both ends"),
        pytest.param((400, 1_000), (200, 1_000), ((), "drains in about 10 min at this pace"), id="it drains"),
    ],
)  # fmt: skip
def test_a_lag_that_was_not_counted_has_no_pace(
    before: tuple[int | Lag | None, int],
    now: tuple[int | Lag | None, int],
    expected: tuple[tuple[str, ...], str | None],
) -> None:
    then, later = (stream("orders", length, group("g", lag=lag)) for lag, length in (before, now))
    (row,) = rows(later, before=(then,)).values()
    assert (row.worse, row.forecast) == expected


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        pytest.param(stream("orders", 9), "no group reads it", id="no group"),
        pytest.param(stream("orders", 9, group("g", lag=0)), "every group keeps up", id="all read"),
        pytest.param(stream("orders", 9, group("g", lag=0, pending_count=900)), "no finding; every group was given all, 900 pending", id="pending"),
        pytest.param(stream("orders", 9, group("g", lag=99)), "no finding; 99 not read by a group", id="below the limit"),
        pytest.param(stream("orders", 9, group("g", lag=BOUND)), "no finding; at least 10000 not read by a group", id="a bound"),
        pytest.param(stream("orders", 9, group("g", lag=0), group("h", lag=None)), "no finding; not every group's lag is known", id="one not known"),
    ],
)  # fmt: skip
def test_every_group_keeps_up_only_where_that_was_seen(state: StreamState, verdict: str) -> None:
    (row,) = rows(state).values()
    assert row.verdict == verdict


def at_pace(folder: Path, *states: StreamState) -> StreamHealth:
    """The row of a stream after polls 15 s apart."""
    with PollJournal(folder / "polls.jsonl") as journal:
        for poll in polls(*states):
            journal.append(poll)
    digest = PollDigest()
    digest.read(PollSteps(folder / "polls.jsonl"))
    (row,) = streams.build(prepare(SessionData("s", polls=digest), START_MS))
    return row


def moment(
    added: int, lag: int, delivered: str, length: int | None = None, first: str = "1-0"
) -> StreamState:
    there = group("desk", lag=lag, delivered=delivered)
    return stream("orders", length or added, there, added=added, first=first)


@pytest.mark.parametrize(
    ("states", "says"),
    [
        pytest.param((moment(100, 10, "5-0"), moment(260, 130, "6-0")), "640 a minute are added and desk is given 160: its lag grows by 480 a minute; at this rate about 28,900 wait in an hour, and it must be 4.0 times as fast only to keep up (over 15s, polls 1 to 2)", id="too slow"),
        pytest.param((moment(100, 10, "5-0"), moment(260, 170, "5-0")), "640 a minute are added and desk is given nothing: its lag grows by 640 a minute; at this rate about 38,600 wait in an hour (over 15s, polls 1 to 2)", id="it has stopped"),
        pytest.param((moment(100, 10, "5-0"), moment(260, 130, "6-0"), moment(260, 130, "6-0")), "320 a minute are added and desk is given 80: its lag grows by 240 a minute; at this rate about 14,500 wait in an hour (over 30s, polls 1 to 3; nothing since poll 2)", id="it stopped since"),
        pytest.param((moment(100, 90, "5-0"), moment(110, 60, "6-0")), "40 a minute are added and desk is given 160: it drains in about 1 min at this rate (over 15s, polls 1 to 2)", id="it drains"),
        pytest.param((moment(100, 90, "5-0"), moment(110, 90, "6-0")), "40 a minute are added and desk is given 40: its lag stands still (over 15s, polls 1 to 2)", id="it keeps its distance"),
        pytest.param((moment(1100, 100, "5-0", 1000), moment(1260, 220, "6-0", 1000, "5-0")), "640 a minute are added and desk is given 160: its lag grows by 480 a minute; at this rate trimming reaches what is unread in about 2 min, and it must be 4.0 times as fast only to keep up (over 15s, polls 1 to 2)", id="what waits will be trimmed"),
    ],
)  # fmt: skip
def test_a_lag_stands_beside_what_is_added_and_what_is_given(
    tmp_path: Path, states: tuple[StreamState, ...], says: str
) -> None:
    assert at_pace(tmp_path, *states).forecast == says


def test_where_nothing_waits_there_is_no_pace(tmp_path: Path) -> None:
    row = at_pace(tmp_path, moment(100, 0, "5-0"), moment(260, 0, "6-0"))
    assert (row.groups[0].pace, row.forecast) == (None, None)
