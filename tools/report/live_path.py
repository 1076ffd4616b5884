"""Advice on code that live messages run through comes first: among findings of one rank, what a poll has seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tools.detectors.streams.code_map import matches
from tools.findings.model import Enhancement, Finding, rank_of
from tools.sources.records import plain_name


def by_path(findings: Iterable[Finding], streams: Sequence[str]) -> list[Finding]:
    """The findings by rank; within one, advice on code that names none of these streams comes last.

    `streams` are those that the server has; without any (static mode) the order stays.
    """
    known = sorted({plain_name(stream) for stream in streams})
    told = list(findings)
    return sorted(told, key=lambda finding: (rank_of(finding), bool(known) and _is_off_path(finding, known)))


def _is_off_path(finding: Finding, streams: Sequence[str]) -> bool:
    """Whether a finding about code names streams, and the server has none of them."""
    if not isinstance(finding, Enhancement) or not finding.rule_id.startswith("code."):
        return False
    named = finding.affected_streams
    return bool(named) and not any(matches(name, stream) for name in named for stream in streams)
