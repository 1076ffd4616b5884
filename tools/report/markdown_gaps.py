"""Drift, observability gaps, coverage and the advice for the next session, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from tools.clock import from_iso
from tools.quantities import format_duration
from tools.report import markdown_logs
from tools.report.markdown_places import links
from tools.report.markdown_text import code, fence, fold, inline, table
from tools.report.model import Advice, Coverage, ObservabilityGap, Report, SourceGap
from tools.synthesis.drift import DriftRow

ROWS_MAX = 200
MISSING_MAX = 12
FILES_MAX = 8


def drift(report: Report) -> str:
    """Section 5."""
    if not report.drift:
        return "None was found."
    parts = ["\n".join(map(_drift, report.drift[:ROWS_MAX]))]
    if len(report.drift) > ROWS_MAX:
        parts.append(f"{len(report.drift) - ROWS_MAX} more are in `report.json`.")
    return "\n\n".join(parts)


def _drift(row: DriftRow) -> str:
    """One difference as an item with a line for each part: a table of seven columns cannot be read on a phone."""
    lines = (
        f"- **{row.severity.value}** {row.type} of {code(row.service)} ({links([row.finding_id])})",
        f"  expected: {inline(row.expected, 200)}",
        f"  actual: {inline(row.actual, 200)}",
        f"  source of truth: {code(row.source_of_truth)}",
        f"  risk: {inline(row.risk)}",
    )
    return "  \n".join(lines)


def gaps(report: Report) -> str:
    """Section 7: the system's own gaps, then the session's coverage and its gaps."""
    parts = [_observability(gap) for gap in report.observability_gaps]
    if not report.observability_gaps:
        parts.append("None of the gaps A to F was seen in what this session could look at.")
    if report.failures:
        rows = [(inline(failure.section), inline(failure.reason)) for failure in report.failures]
        parts.append("### Sections that could not be built\n\n" + table(("section", "reason"), rows))
    parts.append("### Sources that could not be looked at, or only in part")
    if report.source_gaps:
        parts.append("\n".join(map(_source_gap, report.source_gaps[:ROWS_MAX])))
        if len(report.source_gaps) > ROWS_MAX:
            parts.append(f"{len(report.source_gaps) - ROWS_MAX} more are in `report.json`.")
    else:
        parts.append(_no_gap(report))
    if said := markdown_logs.logs(report):
        parts.append(said)
    parts.append("### Coverage")
    parts.append(_coverage(report.coverage) if report.coverage is not None else "_Could not be built._")
    return "\n\n".join(parts)


def next_session(report: Report) -> str:
    """Section 8."""
    if not report.next_session:
        return "Nothing to change: this session saw everything it was asked to look at."
    return "\n".join(map(_advice, report.next_session))


def _advice(row: Advice) -> str:
    lines = (
        f"- **{inline(row.change)}**",
        f"  It shows: {inline(row.closes)}",
        f"  Gains: {inline(row.agent)} · time: {row.effort}",
    )
    return "  \n".join(lines)


def _no_gap(report: Report) -> str:
    limits = report.coverage.limits if report.coverage is not None else ()
    if not limits:
        return "None: every configured source was looked at."
    named = "; ".join(map(inline, limits))
    return f"None: every configured source was looked at while the session ran. Outside of it: {named}."


def _observability(gap: ObservabilityGap) -> str:
    parts = [
        f"### {gap.letter}. {gap.title} ({gap.priority.value.split('_')[0]})",
        f"**Why it matters:** {gap.why}.",
    ]
    missing = "\n".join(f"- {text}" for text in _alike(gap.missing[:MISSING_MAX]))
    if len(gap.missing) > MISSING_MAX:
        missing += f"\n- and {len(gap.missing) - MISSING_MAX} more in `report.json`"
    parts.append(f"**Not there:**\n\n{missing}")
    if gap.files:
        more = len(gap.files) - FILES_MAX
        tail = f" and {more} more in `report.json`" if more > 0 else ""
        parts.append(f"**Files concerned:** {', '.join(map(code, gap.files[:FILES_MAX]))}{tail}")
    if gap.change is not None:
        schemas = ", ".join(f"`docs/schemas/{name}`" for name in gap.schemas)
        tail = f" Fields: {schemas}." if schemas else ""
        parts.append(
            f"**Change:** {code(gap.change.file)}.{tail}\n\n{fold('The code', fence(gap.change.code, gap.change.language))}"
        )
    return "\n\n".join(parts)


def _alike(missing: tuple[str, ...]) -> Iterator[str]:
    """Names that lack the same in one line: `a, b: traceId`."""
    names: dict[str, list[str]] = {}
    for text in missing:
        name, colon, what = text.rpartition(": ")
        names.setdefault(what if colon else text, []).extend([name] if colon else [])
    for what, found in names.items():
        yield f"{', '.join(map(code, found))}: {inline(what)}" if found else inline(what)


def _coverage(coverage: Coverage) -> str:
    window = "unknown" if coverage.window_ms is None else format_duration(round(coverage.window_ms / 1000))
    lines = ", ".join(f"{code(name)} {count}" for name, count in list(coverage.lines_by_service.items())[:30])
    languages = ", ".join(f"{inline(name)} {count}" for name, count in coverage.languages.items())
    rows = [
        ("window", window),
        ("dead time of the audit itself", _spans(coverage.dead_times)),
        ("Redis not seen", _spans(coverage.redis_unseen)),
        *([("Redis nodes", _names(coverage.redis_nodes))] if coverage.redis_nodes else []),
        ("polls in the window", str(coverage.polls)),
        ("streams", str(coverage.streams)),
        ("groups looked at in part only", str(coverage.streams_unread_in_detail)),
        ("log lines", f"{coverage.lines}: {lines}" if lines else str(coverage.lines)),
        ("services without a line", _names(coverage.services_without_lines)),
        (
            "files read",
            "not indexed" if coverage.files_read is None else f"{coverage.files_read}: {languages}",
        ),
        ("rules of this version", str(coverage.rules_active)),
        ("rules with nothing to look at", _names(coverage.rules_not_looked_at)),
        ("ignored by comments in the code", "; ".join(map(inline, coverage.ignored)) or "nothing"),
        ("not looked at in this mode", "; ".join(map(inline, coverage.limits)) or "nothing"),
        ("agents", "; ".join(map(inline, coverage.agents)) or "each ran through on its first attempt"),
    ]
    return table(("what", "looked at"), rows)


def _spans(spans: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{start} to {end}" for start, end in spans) or "none"


def _source_gap(gap: SourceGap) -> str:
    kind = "**blind:**" if gap.blind else "limit:"
    when = f", {_when(gap)}" if _when(gap) else ""
    lines = (
        f"- {kind} {inline(gap.what)}{when} — {inline(gap.why)} (told by {code(gap.source)})",
        f"  To close it: {inline(gap.fix)}",
    )
    return "  \n".join(lines)


def _when(gap: SourceGap) -> str:
    """A span as `15:06:40Z to 15:07:10Z (30s)`; all the window long, for what is no span, is left empty."""
    if gap.until is None:
        return ""
    lasted_s = round((from_iso(gap.until) - from_iso(gap.at)) / 1000)
    if gap.at[:10] != gap.until[:10]:
        return f"{gap.at} to {gap.until}"
    return f"{gap.at[11:19]}Z to {gap.until[11:19]}Z ({format_duration(lasted_s)})"


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(map(code, names[:40]))
    return f"{shown} and {len(names) - 40} more" if len(names) > 40 else shown or "none"
