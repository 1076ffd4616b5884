"""The live view of `run`: one screen, drawn from what the session's journals say.

It reads files and draws; the session does not know that it is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from orchestrator.cli.session_view import AgentRow, SessionView, StreamRow
from orchestrator.cli.tail import SessionTail
from orchestrator.cli.terminal_text import clean
from tools.clock import Clock, StopSignal
from tools.findings.model import AgentId
from tools.quantities import format_duration

REFRESH_S = 0.5
_BARS = "▁▂▃▄▅▆▇█"
_SPARK_WIDTH = 20
_NAME_WIDTH = 42
_FIXED_LINES = 15
_WIDTH_FOR_COST = 80
"""Below it the agents' own cost is left out, so that their names can be read."""
_WIDTH_FOR_BARS = 50
_STREAMS_MIN, _STREAMS_MAX = 3, 15
_STYLES = {
    "CRITICAL": "bold white on red",
    "HIGH": "bold red",
    "MEDIUM": "yellow",
    "LOW": "cyan",
    "INFO": "dim",
}
_AGENTS = frozenset(AgentId)
_STATES = {"running": "green", "finished": "green", "restarting": "yellow", "failed": "bold red"}


def watch(tail: SessionTail, console: Console, clock: Clock, stop: StopSignal) -> None:
    """Draw until `stop` is set; the last picture is taken away, the summary follows."""
    with Live(
        Text(""), console=console, auto_refresh=False, transient=True, vertical_overflow="crop"
    ) as live:
        tick = clock.monotonic()
        while not stop.is_set():
            tail.refresh()
            live.update(render(tail.view, clock.now_ms(), console.height, console.width), refresh=True)
            tick = max(tick + REFRESH_S, clock.monotonic())
            clock.sleep_until(tick, stop)


def render(view: SessionView, now_ms: int, height: int, width: int = 120) -> RenderableType:
    """The whole picture, at most about `height` lines high, for `width` columns."""
    streams = max(_STREAMS_MIN, min(_STREAMS_MAX, height - _FIXED_LINES - len(view.agents)))
    parts: list[RenderableType] = [head(view, now_ms), Text(""), agents(view, now_ms, width), Text("")]
    parts.append(severities(view))
    if view.services:
        parts.append(services(view))
    parts.append(Text(""))
    if view.streams:
        parts += [stream_table(view.worst_streams(), streams, width), Text("")]
    if view.last_critical is not None:
        worst = view.last_critical
        parts.append(
            Text.assemble(("last critical ", "dim"), _safe(f"{worst.finding_id} {worst.title}", 100))
        )
    parts.append(cost(view))
    return Group(*parts)


def head(view: SessionView, now_ms: int) -> RenderableType:
    """Session, mode, phase and the progress of the window."""
    facts = view.facts
    title = f"streamgauge  {view.session_id or 'starting'}"
    if facts is not None:
        title += f"  {facts.mode}  {facts.redis or 'no server'}"
    grid = Table.grid(padding=(0, 2))
    status = "" if view.phase_status == "started" else f" {view.phase_status}"
    phase = _safe(f"{view.phase or 'starting'}{status}")
    if facts is None or facts.mode == "static" or facts.deadline_ms <= facts.started_ms:
        grid.add_row(phase)
    else:
        whole = facts.deadline_ms - facts.started_ms
        done = min(max(now_ms - facts.started_ms, 0), whole)
        left = format_duration((whole - done) // 1000)
        grid.add_row(phase, ProgressBar(total=whole, completed=done, width=40), Text(f"{left} left"))
    return Group(Rule(_safe(title, 100), align="left", style="dim"), grid)


def agents(view: SessionView, now_ms: int, width: int) -> Table:
    """The agents: state, attempt, findings, age of the heartbeat, and where there is room their cost."""
    wide = width >= _WIDTH_FOR_COST
    table = _table("agent", "state", "attempt", "findings", "heartbeat", *(("cpu", "memory") if wide else ()))
    for row in view.agents.values():
        if row.name not in _AGENTS and row.state != "failed":
            continue  # the indexer is no agent; it is shown where it went wrong
        cost = (
            "–" if row.cpu_percent is None else f"{row.cpu_percent:.0f} %",
            "–" if row.rss_bytes is None else f"{row.rss_bytes / 1_048_576:.0f} MB",
        )
        table.add_row(
            _safe(row.name.lower().replace("_", " ")),
            Text(row.state, style=_STATES.get(row.state, "dim")),
            str(row.attempt),
            str(_found_by(view, row)),
            "–" if row.beat_ms is None else f"{format_duration(max(0, now_ms - row.beat_ms) // 1000)} ago",
            *(cost if wide else ()),
        )
    return table


def severities(view: SessionView) -> Text:
    """Findings by severity, the Scout's priorities behind them."""
    counts = view.counts()
    text = Text("findings  ")
    for name, style in _STYLES.items():
        text.append(f" {name} {counts[name]} ", style=style if counts[name] else "dim")
        text.append(" ")
    enhancements = sum(number for level, number in counts.items() if level not in _STYLES)
    return text.append(f" enhancements {enhancements}", style="" if enhancements else "dim")


def services(view: SessionView) -> Text:
    """How many of the services' processes live, and which are gone."""
    known = [alive for alive in view.services.values() if alive is not None]
    gone = sorted(name for name, alive in view.services.items() if alive is False)
    text = Text(f"services   {sum(known)} of {len(view.services)} known to live")
    return text.append(f"   gone: {clean(', '.join(gone), 80)}", style="bold red") if gone else text


def stream_table(rows: Sequence[StreamRow], limit: int, width: int) -> Table:
    """The streams that are furthest behind; where there is no room for all, names are cropped, never figures."""
    wide = width >= _WIDTH_FOR_BARS
    table = _table("stream", "length", "lag", "pending", *(("over the last polls",) if wide else ()))
    for row in rows[:limit]:
        lag = "–" if row.lag is None else f"{'≥ ' if row.lag_is_bound else ''}{row.lag}"
        bars = (sparkline(list(row.history)),) if wide else ()
        table.add_row(_safe(row.name, _NAME_WIDTH), str(row.length), lag, str(row.pending), *bars)
    if len(rows) > limit:
        table.add_row(Text(f"and {len(rows) - limit} more", style="dim"))
    return table


def cost(view: SessionView) -> Text:
    """What we cost the audited server, and what we could not see."""
    text = f"own cost  {view.server_us / 1000:.1f} ms of the server in {view.round_trips} round trips, "
    text += f"{view.polls} polls"
    if view.redis.startswith("lost"):
        return Text.assemble((text, "dim"), "   ", (clean(f"Redis {view.redis}", 60), "bold red"))
    if view.gaps:
        text += f"   gaps {view.gaps}"
    return Text(text, style="dim")


def sparkline(values: Sequence[int]) -> str:
    """The newest values as bars from the lowest of them to the highest; one level is a low line."""
    shown = values[-_SPARK_WIDTH:]
    low, high = min(shown, default=0), max(shown, default=0)
    if high == low:
        return (_BARS[0] if high == 0 else _BARS[3]) * len(shown)
    return "".join(_BARS[round((value - low) / (high - low) * (len(_BARS) - 1))] for value in shown)


def _found_by(view: SessionView, row: AgentRow) -> int:
    return sum(finding.agent_id == row.name for finding in view.findings.values())


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    # Rich takes room from columns that may wrap first; its cells are one line all the same, cut with an ellipsis.
    table.add_column(first, overflow="ellipsis")
    for name in others:
        table.add_column(name, no_wrap=True, justify="left" if name in {"state", others[-1]} else "right")
    return table


def _safe(text: str, width: int | None = None) -> Text:
    return Text(clean(text, width), no_wrap=True, overflow="ellipsis")
