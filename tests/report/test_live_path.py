"""Which advice comes first: by rank, then by whether the server has the streams that it speaks of."""

from __future__ import annotations

import pytest

from tests.synthesis.made import code_finding, ids, stream_finding
from tools.findings.model import Finding
from tools.report.live_path import by_path

OFF = code_finding(1, "code.xadd-no-maxlen", "old")
ON = code_finding(2, "code.xadd-no-maxlen", "orders")
FAMILY = code_finding(3, "code.count-one", "orders:{}")
NAMELESS = code_finding(4, "code.console-logging")
URGENT = code_finding(5, "code.xreadgroup-no-ack", "old", priority="P1_HIGH")
STREAM = stream_finding(6, "ORPHANED_STREAM", "old", severity="MEDIUM")

CASES = {
    "what the server has comes first": ([OFF, ON], ["orders"], ["ES-002", "ES-001"]),
    "a name with run-time parts fits": ([OFF, FAMILY], ["orders:7"], ["ES-003", "ES-001"]),
    "in whatever database": ([OFF, ON], ["orders@db3"], ["ES-002", "ES-001"]),
    "one that names no stream stays": ([OFF, NAMELESS], ["orders"], ["ES-004", "ES-001"]),
    "rank goes before": ([ON, URGENT], ["orders"], ["ES-005", "ES-002"]),
    "a finding of the server stays": ([STREAM, ON], ["orders"], ["RSA-006", "ES-002"]),
    "without a poll nothing moves": ([OFF, ON], [], ["ES-001", "ES-002"]),
}


@pytest.mark.parametrize(("findings", "streams", "expected"), CASES.values(), ids=CASES.keys())
def test_advice_is_ordered_by_rank_and_live_path(
    findings: list[Finding], streams: list[str], expected: list[str]
) -> None:
    assert ids(by_path(findings, streams)) == expected
