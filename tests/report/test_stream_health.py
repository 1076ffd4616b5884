"""Section 3: statuses and verdicts of streams say what findings and figures do, and no more."""

from __future__ import annotations

from tests.detectors.streams.crafted import group, stream
from tests.synthesis.made import START_MS, stream_finding
from tools.findings.model import Finding
from tools.report.context import prepare
from tools.report.model import StreamHealth
from tools.report.sections import streams
from tools.sources.records import Poll, ServerState, StreamState
from tools.synthesis.poll_digest import PollDigest
from tools.synthesis.session_data import SessionData

SERVER = ServerState(flavour="valkey", version="9")


def rows(*now: StreamState, findings: tuple[Finding, ...] = ()) -> dict[str, StreamHealth]:
    """The health map after 600 s."""
    digest = PollDigest()
    digest.final = Poll(number=40, at_ms=START_MS + 600_000, server=SERVER, streams=now)
    data = SessionData("s", findings=findings, polls=digest)
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


def test_a_verdict_says_when_its_finding_ended() -> None:
    found = stream_finding(1, "CONSUMER_LAG", severity="CRITICAL", consumer_group="g", last_s=100)
    (row,) = rows(stream("orders", 9, group("g", lag=0)), findings=(found,)).values()
    assert (row.status, row.verdict) == ("DEGRADED", "CRITICAL (ended 15:08): CONSUMER_LAG on orders")
