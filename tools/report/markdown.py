"""`REPORT_<session>.md`: the report's data as GitHub Markdown. The first page answers: on fire, why, what first."""

from __future__ import annotations

from collections.abc import Callable

from tools.findings.model import ScoutCategory, Severity
from tools.quantities import format_duration
from tools.report import (
    markdown_comparison,
    markdown_findings,
    markdown_flows,
    markdown_gaps,
    markdown_ledger,
    markdown_model,
    markdown_plan,
    mermaid,
)
from tools.report.markdown_places import links
from tools.report.markdown_text import advice, brief, code, fold, inline, table
from tools.report.model import Dashboard, Reason, Report
from tools.report.streams_model import GroupPace, StreamHealth

ROWS_MAX = 200
"""Rows of one table; the rest is in `report.json`, and the text says so."""
SUMMARY_CHARS_MAX = 1_000
ADVICE_CHARS_MAX = 600
REASON_CHARS_MAX = 500
SEEN_CHARS_MAX = 260
PROOFS_MAX = 3
"""Findings that one sentence of the first page links."""
_ALERTS = {"CRITICAL": "CAUTION", "DEGRADED": "WARNING", "HEALTHY": "TIP", "UNKNOWN": "IMPORTANT"}
_WHERE_IT_RUNS = "“now” is for wherever else this system runs: what this audit had started is stopped"
_SECTIONS = (
    "Executive dashboard",
    "Critical findings",
    "Stream health map",
    "Event flows",
    "Drift registry",
    "Roadmap",
    "Observability gaps",
    "Next session",
)


def render(report: Report) -> str:
    """The whole document, ending with version, session id and completion time."""
    bodies: tuple[Callable[[Report], str], ...] = (
        _dashboard,
        markdown_findings.critical,
        _streams,
        markdown_flows.flows,
        markdown_gaps.drift,
        markdown_plan.roadmap,
        markdown_gaps.gaps,
        markdown_gaps.next_session,
    )
    parts = [_first_page(report)]
    for number, (title, body) in enumerate(zip(_SECTIONS, bodies, strict=True), start=1):
        parts.append(f"## {number}. {title}\n\n{body(report)}")
    parts.append(f"## All findings\n\n{markdown_plan.index(report)}")
    said = markdown_model.section(report, links)
    if said:
        parts.append(f"## The language model's words\n\n{said}")
    parts.append(
        f"---\n\nstreamgauge {inline(report.version)} · session {code(report.session_id)} · "
        f"completed {report.completed_at}"
    )
    return "\n\n".join(parts) + "\n"


def _first_page(report: Report) -> str:
    health = report.dashboard.health if report.dashboard is not None else "UNKNOWN"
    lines = [
        f"# Audit report {inline(report.session_id)}",
        f"> [!{_ALERTS[health]}]\n> **{health}** — {inline(report.verdict.headline)}",
    ]
    if report.verdict.about:
        lines.append(f"**What:** {inline(report.verdict.about, SUMMARY_CHARS_MAX)}")
    if report.change is not None:
        lines.append(f"**Partial view:** {inline(report.change.summary, SUMMARY_CHARS_MAX)}")
    if report.failures:
        names = ", ".join(inline(failure.section) for failure in report.failures)
        lines.append(f"**This report is incomplete:** {names} could not be built (see section 7).")
    if report.verdict.harm:
        lines.append(f"**Harm so far:** {inline(report.verdict.harm, SUMMARY_CHARS_MAX)}")
    if report.verdict.at_the_end:
        lines.append(f"**Services:** {inline(report.verdict.at_the_end, SUMMARY_CHARS_MAX)}")
    if report.verdict.why:
        why = [f"- {_reason(reason)}" for reason in (*report.verdict.why, *report.verdict.others)]
        if report.verdict.more:
            why.append(
                f"- and {report.verdict.more} more, in {_to(_SECTIONS[1].lower(), _anchor(2))} and the roadmap"
            )
        lines.append("**Why**\n\n" + "\n".join(why))
    if report.verdict.first:
        steps = (f"{number}. {_step(reason)}" for number, reason in enumerate(report.verdict.first, start=1))
        note = f" ({_WHERE_IT_RUNS})" if report.verdict.stopped else ""
        lines.append(f"**What first**{note}\n\n" + "\n".join(steps))
        if report.verdict.first_more:
            more = f"{report.verdict.first_more} more that should not wait long"
            lines.append(f"and {more}, in {_to('the roadmap', _anchor(6))}")
    blind = [gap for gap in report.source_gaps if gap.blind]
    if blind:
        names = "; ".join(inline(gap.what, 80) for gap in blind[:5])
        what = "1 gap" if len(blind) == 1 else f"{len(blind)} gaps"
        lines.append(f"**Not seen:** {what} in coverage: {names} (section 7).")
    sections = (_to(f"{number} {title}", _anchor(number)) for number, title in enumerate(_SECTIONS, start=1))
    lines.append(" · ".join(sections))
    return "\n\n".join(lines)


def _anchor(number: int) -> str:
    """What a section's heading is linked by."""
    return f"{number}-{_SECTIONS[number - 1].lower().replace(' ', '-')}"


def _to(text: str, anchor: str) -> str:
    return f"[{text}](#{anchor})"


def _reason(reason: Reason) -> str:
    level = f"{reason.severity.value}: " if reason.severity is not None else ""
    proof = links(reason.finding_ids[:1] if reason.cluster_id else reason.finding_ids, PROOFS_MAX)
    over = "" if reason.over is None else f"**over by the end** ({inline(reason.over)}): "
    return f"{_numbered(reason)}{level}{over}{inline(reason.text, REASON_CHARS_MAX)} ({proof})"


def _step(reason: Reason) -> str:
    """What limits the harm now, then the gist of what mends it; the whole of it stands at its finding."""
    proof = links(reason.finding_ids, PROOFS_MAX)
    now = "" if reason.now is None else f"**Now:** {advice(reason.now, ADVICE_CHARS_MAX)} **Then:** "
    gist = brief(reason.text)
    left = "in full: " if len(gist) < len(reason.text) else ""
    line = "" if reason.seen is None else f" The line: {code(reason.seen, SEEN_CHARS_MAX)}"
    over = "" if reason.over is None else "(over by the end) "
    return f"{_numbered(reason)}{over}{now}{advice(gist, ADVICE_CHARS_MAX)}{line} ({left}{proof})"


def _numbered(reason: Reason) -> str:
    return f"**{reason.cluster_id}** " if reason.cluster_id else ""


def _dashboard(report: Report) -> str:
    board = report.dashboard
    if board is None:
        return "_Could not be built; see section 7._"
    compared = markdown_comparison.render(report.comparison)
    return "\n\n".join([
        table(("what", "value"), _figures(board, report)),
        fold(
            "Counts by category and by service",
            f"**By category:** {_counts(board.by_category)}\n\n**By service:** {_counts(board.by_service)}",
        ),
        *([compared] if compared else []),
    ])  # fmt: skip


def _figures(board: Dashboard, report: Report) -> list[tuple[str, str]]:
    levels = ", ".join(f"{board.by_severity[level.value]} {level.value}" for level in Severity)
    priorities = ", ".join(f"{count} {name}" for name, count in board.by_priority.items())
    joined = board.by_category.get(ScoutCategory.CROSS_AGENT_SYNTHESIS.value, 0)
    apart = f"; {joined} of them CROSS_AGENT_SYNTHESIS, there as their cluster" if joined else ""
    at_end = "shutdown" if board.mode == "managed" else "the end"
    return [
        ("overall health", f"**{board.health}**"),
        ("session", f"{code(board.session_id)}, {inline(board.mode)}"),
        ("window", f"{_length(board.duration_ms)}, {board.started_at or '?'} to {board.ended_at or '?'}"),
        ("ended by", inline(board.ended_by)),
        ("services monitored", f"{len(board.services)}: {', '.join(map(code, board.services[:20]))}"),
        ("streams discovered", _to(_number(board.streams_discovered), _anchor(3))),
        (
            "findings",
            f"{_to(str(board.findings), 'all-findings')}, {sum(board.by_priority.values())} of them enhancements",
        ),
        ("by severity", f"{levels} ({_to('in full', _anchor(2))}, {_to('all', 'all-findings')})"),
        ("enhancements by priority", f"{priorities} ({_to('roadmap', _anchor(6))}{apart})"),
        (f"unacked messages at {at_end}", _to(_number(board.unacked_messages), _anchor(3))),
        ("streams with lag", _lagging(board.streams_with_lag)),
        ("drifts found", _to(str(board.drifts), _anchor(5))),
        ("gaps in coverage", _to(str(board.blind_gaps), _anchor(7))),
        ("against the last session", markdown_comparison.figure(board, report.comparison)),
        ("language model", f"{inline(board.language_model, 600)}, {board.language_model_cost_usd:.4f} USD"),
        ("own cost on the server", _cost(board.own_cost, report)),
    ]


def _lagging(streams: tuple[str, ...] | None) -> str:
    if streams is None:
        return _number(None)
    more = f" and {len(streams) - 10} more" if len(streams) > 10 else ""
    return f"{', '.join(map(code, streams[:10])) or 'none'}{more}"


def _streams(report: Report) -> str:
    if not report.streams:
        polled = report.coverage is not None and report.coverage.polls > 0
        return (
            "Redis holds no stream."
            if polled
            else "Redis was not polled in this session, so no stream can be judged."
        )
    shown = report.streams[:ROWS_MAX]
    rates = ("added a minute", "given a minute") if any(map(_pace_of, shown)) else ()
    head = ("stream", "status", "lag", *rates, "pending", "oldest pending", "length")
    rows = [_stream_row(row, with_pace=bool(rates)) for row in shown]
    parts = [table(head, rows), "\n".join(map(_stream_verdict, shown))]
    if len(report.streams) > ROWS_MAX:
        parts.append(f"{len(report.streams) - ROWS_MAX} more streams are in `report.json`.")
    parts.append(
        "▲ marks a stream that got worse than its baseline. A lag with ≥ is a bound: counting it would have cost more."
    )
    diagram = mermaid.topology(report.streams, report.topology)
    if diagram:
        parts.append(fold("Who writes and who reads, as a graph", f"```mermaid\n{diagram}\n```"))
        if len(report.streams) > mermaid.STREAMS_MAX:
            parts.append(
                f"The {mermaid.STREAMS_MAX} streams in the worst state of {len(report.streams)} are drawn."
            )
    ledger = markdown_ledger.render(report.ledger)
    return "\n\n".join([*parts, ledger] if ledger else parts)


def _stream_row(row: StreamHealth, *, with_pace: bool) -> tuple[str, ...]:
    lag = "–" if row.lag is None else f"{'≥ ' if row.lag_is_bound else ''}{row.lag}"
    age = "–" if row.oldest_pending_ms is None else _length(row.oldest_pending_ms)
    status = f"{row.status} ▲" if row.worse else row.status
    pace = _pace_of(row)
    rates = ("–", "–") if pace is None else (_rate(pace.added_per_minute), _rate(pace.given_per_minute))
    return (
        code(row.stream),
        status,
        lag,
        *(rates if with_pace else ()),
        str(row.pending),
        age,
        str(row.length),
    )


def _rate(a_minute: float) -> str:
    return f"{a_minute:,.1f}".removesuffix(".0")


def _pace_of(row: StreamHealth) -> GroupPace | None:
    """Of the group whose lag the row shows."""
    return next((group.pace for group in row.groups if row.lag and group.lag == row.lag), None)


def _stream_verdict(row: StreamHealth) -> str:
    verdict = inline(row.verdict, 140)
    if row.finding_ids:
        verdict += f" ({links(row.finding_ids[:6])})"
    if row.forecast:
        verdict += f"; {inline(row.forecast, REASON_CHARS_MAX)}"
    worse = f" ▲ {inline(', '.join(row.worse))}." if row.worse else ""
    return f"- {code(row.stream)}: {verdict}.{worse}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{code(name, 60)} {count}" for name, count in list(counts.items())[:40]) or "none"


def _cost(cost: dict[str, float], report: Report) -> str:
    names = {"polls": "polls", "round_trips": "round trips", "server_cpu_ms": "ms of server CPU"}
    parts = [
        f"{100 * value:.3g} % of one core"
        if name == "server_cpu_share"
        else f"{value:g} {names.get(name, inline(name))}{_of_them(name, value, report)}"
        for name, value in cost.items()
    ]
    return ", ".join(parts) or "nothing: Redis was not polled"


def _of_them(name: str, value: float, report: Report) -> str:
    """Polls that are no part of the series: the baseline, and the state at the end."""
    in_window = None if report.coverage is None else report.coverage.polls
    if name != "polls" or in_window is None or value <= in_window:
        return ""
    return f" ({in_window} in the window, the others before and after it)"


def _length(ms: int | None) -> str:
    if ms is None:
        return "?"
    return format_duration(round(ms / 1000)) if ms >= 1000 else f"{ms}ms"


def _number(value: int | None) -> str:
    return "not measured" if value is None else str(value)
