"""Troubles that were over by the end of the window: what was seen of that, in words."""

from __future__ import annotations

from collections.abc import Mapping

from tools.clock import iso
from tools.findings.model import Finding, StreamCategory, StreamFinding, stream_shown
from tools.quantities import format_duration
from tools.report.context import Context


def build(context: Context) -> dict[str, str]:
    """By id of a trouble's root, or of a finding in none; empty where all went on to the end."""
    lags = _lags(context)
    return {name: _told(context, context.by_id[name], at_ms, lags) for name, at_ms in context.over.items()}


def _told(context: Context, finding: Finding, at_ms: int, lags: Mapping[tuple[str, str], int]) -> str:
    before_s = max(0, round((context.data.end_ms - at_ms) / 1000))
    lag = None
    if isinstance(finding, StreamFinding) and finding.category is StreamCategory.CONSUMER_LAG:
        lag = lags.get((stream_shown(finding), finding.consumer_group or ""))
    caught_up = "" if lag is None else f"; at the end {lag:,} waited"
    return f"last seen {iso(at_ms)[11:19]} UTC, {format_duration(before_s)} before the end{caught_up}"


def _lags(context: Context) -> Mapping[tuple[str, str], int]:
    final = context.data.final
    if final is None or not context.over:
        return {}
    return {
        (stream.name, group.info.name): group.lag.messages
        for stream in final.streams
        for group in stream.groups
        if group.lag is not None and group.lag.source != "bound"
    }
