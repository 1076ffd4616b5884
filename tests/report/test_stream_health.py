"""Section 3: statuses and verdicts of streams say what findings and figures do, and no more."""

from __future__ import annotations

import pytest

from tests.detectors.streams.crafted import group, stream
from tests.synthesis.made import START_MS, stream_finding
from tools.findings.model import Finding
from tools.report.context import prepare
from tools.report.model import StreamHealth
from tools.report.sections import streams
from tools.sources.records import Lag, Poll, ServerState, StreamState
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
