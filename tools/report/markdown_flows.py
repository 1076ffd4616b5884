"""Section 4 of the Markdown report: flows in figures, how late each group is, and the flagged flows step by step."""

from __future__ import annotations

from collections.abc import Iterator

from tools.clock import iso
from tools.report import mermaid
from tools.report.markdown_text import code, fence, fold, inline, table
from tools.report.model import Report
from tools.synthesis.flows.model import Flow, Flows, GroupDelay, Step

DELAYS_SHOWN = 20
DRAWN_MAX = 4
"""Flows that are drawn: one for each set of flags, then the one that says most."""


def flows(report: Report) -> str:
    """The whole section."""
    found = report.flows
    if found is None:
        return "_Could not be built; see section 7._"
    if not found.correlations and not found.messages:
        return (
            "No log line and no sampled entry carries a correlation id or a message id, so no flow can be "
            "followed (section 7)."
        )
    parts = [_figures(found)]
    if found.delays:
        parts.append(_delays(found.delays))
    if found.shown:
        head = ("flow", "steps", "services in order", "publish → consume (by log lines)", "whole", "flags")
        parts.append(
            fold(
                f"The {len(found.shown)} flows that are shown",
                table(head, [_row(flow) for flow in found.shown]),
            )
        )
        parts += [_in_full(flow) for flow in _drawn(found) if flow.steps]
    return "\n\n".join(parts)


def _figures(found: Flows) -> str:
    text = f"{found.correlations} correlation ids and {found.messages} message ids were followed."
    if found.late_max_ms is not None:
        text += (
            f" From publish to consume, of the {found.late_measured} messages measured exactly by log lines: median "
            f"{found.late_p50_ms} ms, 95 % within {found.late_p95_ms} ms, the longest {found.late_max_ms} ms."
        )
    flagged = ", ".join(f"{count} {name}" for name, count in found.flagged.items())
    text += f" Flagged, messages and the correlation ids that own them: {flagged or 'none'}."
    if found.shown:
        text += f" The flagged and slowest {len(found.shown)} are shown; `streamgauge trace ID` tells any of them."
    if found.services_without_ids:
        names = ", ".join(map(code, found.services_without_ids[:20]))
        text += f" No id was seen in any line of {names}."
    text += f" {found.entries_sampled} stream entries were sampled for their ids"
    text += f"; {found.entries_left_out} more were left out." if found.entries_left_out else "."
    if found.lines_left_out:
        text += f" {found.lines_left_out} sightings of ids were left out to keep this bounded."
    return text


def _delays(delays: tuple[GroupDelay, ...]) -> str:
    head = ("stream", "group", "service", "messages", "median", "95 %", "longest")
    rows = [
        (
            code(delay.stream),
            "–" if delay.group is None else code(delay.group),
            "–" if delay.service is None else code(delay.service),
            f"{delay.messages} ({delay.exact} exact)",
            _span(delay.p50_ms),
            _span(delay.p95_ms),
            _span(delay.max_ms),
        )
        for delay in delays[:DELAYS_SHOWN]
    ]
    text = (
        "How late each group takes its messages, in ms from publish to consume. Where only polls tell, a figure is "
        "a span: at least and at most."
    )
    if len(delays) > DELAYS_SHOWN:
        text += f" The {DELAYS_SHOWN} latest of {len(delays)} are shown, all are in `report.json`."
    return f"{text}\n\n{table(head, rows)}"


def _span(bounds: tuple[int, int]) -> str:
    least, most = bounds
    return str(least) if least == most else f"{least} to {most}"


def _row(flow: Flow) -> tuple[str, ...]:
    late = "–" if flow.late_ms is None else f"{flow.late_ms} ms"
    flags = ", ".join(flow.flags)
    if flow.pending_in:
        flags += f" (pending in {', '.join(map(code, flow.pending_in[:3]))})"
    names = " → ".join(code(name) for name in flow.services[:8])
    where = f" of {code(flow.stream)}" if flow.stream else ""
    return (
        f"{flow.kind} {code(flow.key, 60)}{where}",
        str(len(flow.steps) + flow.steps_left_out),
        names,
        late,
        f"{flow.duration_ms} ms",
        flags,
    )


def _drawn(found: Flows) -> Iterator[Flow]:
    """One flow for each set of flags, the one over most services; and the one that says most of all."""
    best: dict[object, Flow] = {}
    for flow in sorted(found.shown, key=_weight, reverse=True):
        best.setdefault(flow.flags, flow)
    flagged = [flow for flags, flow in best.items() if flags]
    most = max(found.shown, key=_weight)
    yield from list(dict.fromkeys([*flagged, most]))[:DRAWN_MAX]


def _weight(flow: Flow) -> tuple[int, bool, int]:
    return min(len(flow.services), 4), bool(flow.flags), len(flow.steps)


def _in_full(flow: Flow) -> str:
    first_ms = flow.steps[0].at_ms
    lines = [_line(step, first_ms) for step in flow.steps]
    if flow.steps_left_out:
        lines.insert(len(lines) // 2, f"{'':>8}     … {flow.steps_left_out} more steps …")
    title = (
        f"In full, {flow.kind} {code(flow.key, 60)} from {iso(first_ms)} "
        "(after, who, `?` where only code or names tell it, action, stream and id, where it can be read again):"
    )
    flags = f" Flagged {inline(', '.join(flow.flags))}." if flow.flags else ""
    drawn = f"```mermaid\n{mermaid.sequence(flow)}\n```\n\n{fence(chr(10).join(lines))}"
    return f"{title}{flags}\n\n{fold('Drawn, and step by step', drawn)}"


def _line(step: Step, first_ms: int) -> str:
    return f"{after(step, first_ms):>12}  {step.who_marked}  {step.action}  {place(step)}  {', '.join((step.source, *step.also))}"


def after(step: Step, first_ms: int) -> str:
    """The step's time in ms after the first; of what happened between two polls both."""
    since = "" if step.since_ms is None else f"{step.since_ms - first_ms}…"
    return f"{since}{step.at_ms - first_ms} ms"


def place(step: Step) -> str:
    """Stream, group and message id of a step, as far as they are known."""
    stream = step.stream or ""
    group = f"/{step.group}" if step.group else ""
    return f"{stream}{group} {step.message_id or '-'}".strip()
