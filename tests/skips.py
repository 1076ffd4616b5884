"""The reasons for which a test may be skipped. Any other skip is a failure; those that were used are told at the end."""

from __future__ import annotations

import re
from collections import Counter
from typing import TypeVar

import pytest

REASONS = (
    r"docker is not on PATH",
    r"TEST_DOCKER is not set, and dockerd is not on PATH or we are not root",
    r"dockerd does not start: .*",
    r"the engine is not ours to restart",
    r"a Docker daemon listens at /var/run/docker.sock",
    r"kubectl is not on PATH",
    r"(ss|lsof|pm2) is not on PATH",
    r"journalctl or systemd-journal-remote is missing",
    r"Node\.js is missing: the JavaScript example cannot run",
    r"this file system cannot punch holes",
    r"no C compiler",
    r"the claude CLI is missing",
    r"no Chromium on PATH",
    r"Linux only",
    r"no build of [a-z]+-[0-9.]+ (for|in) .*",
)
"""Whole texts, as regular expressions: what a machine lacks, never what a test does not like."""


Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why a report says skipped."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def is_allowed(text: str) -> bool:
    """Whether a test may be skipped for this."""
    return any(re.fullmatch(pattern, text, re.DOTALL) for pattern in REASONS)


def judged(report: Report) -> Report:
    """The report, failed where it is a skip whose reason is not on the list."""
    if report.skipped and not hasattr(report, "wasxfail") and not is_allowed(reason(report)):
        report.longrepr = f"skipped for a reason that tests/skips.py does not list: {reason(report)}"
        report.outcome = "failed"
    return report


def summarize(reporter: pytest.TerminalReporter) -> None:
    """Print each reason that was used, with how often."""
    used = Counter(reason(report) for report in reporter.stats.get("skipped", []))
    if used:
        reporter.section("skipped, each for a reason that is allowed")
        for text, count in sorted(used.items()):
            reporter.line(f"{count:5}  {text}")
