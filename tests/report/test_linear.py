"""A report takes work in proportion to its findings: counted in calls, which no busy machine changes."""

from __future__ import annotations

import sys
from types import FrameType

from benchmarks import many_findings
from benchmarks.synthesis import synthesised

FEW = 2000
TIMES = 4
GROWTH_MAX = 1.1
"""What sorting adds to work in proportion."""


def calls(findings: int) -> int:
    """How many functions are called for a report of so many findings."""
    data = many_findings.session(findings)
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        synthesised(data)
    finally:
        sys.setprofile(before)
    return counted


def test_four_times_the_findings_take_four_times_the_calls() -> None:
    calls(FEW)  # what is learned once, at the first report of a process
    few, many = calls(FEW), calls(FEW * TIMES)
    assert few > FEW
    assert many < few * TIMES * GROWTH_MAX
