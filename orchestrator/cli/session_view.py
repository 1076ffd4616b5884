"""A session as a person watches it: what its journals have said so far. Knows no file and no terminal.

All texts are kept as they came, masked by whoever wrote them; whoever shows them makes them safe for a terminal.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from tools.clock import from_iso
from tools.findings.model import Severity
from tools.sources.records import PollCost, StreamState
from tools.sources.session_facts import SessionFacts

HISTORY_POLLS = 40
STREAMS_MAX = 100_000


class FindingLine(Struct, frozen=True, rename="camel"):
    """The fields of a findings journal's line that a viewer needs."""

    finding_id: str
    title: str
    agent_id: str
    category: str = ""
    severity: str | None = None
    priority: str | None = None
    origin: str = "measured"

    @property
    def level(self) -> str:
        """Severity, or the priority of an enhancement."""
        return self.severity or self.priority or "INFO"


class PollHead(Struct, frozen=True, tag_field="line", tag="poll"):
    """The head of a poll in `streams/polls.jsonl`."""

    number: int
    at_ms: int
    gone: tuple[str, ...] = ()
    full: bool = False
    cost: PollCost = PollCost(server_us=0, round_trips=0, wall_ms=0.0)


class PollStream(Struct, frozen=True, tag_field="line", tag="stream"):
    """A stream that changed in a poll."""

    poll: int
    state: StreamState


@dataclass(slots=True)
class StreamRow:
    """A stream as last seen, and its lag (length where it has no group) over the last polls."""

    name: str
    length: int = 0
    groups: int = 0
    lag: int | None = None
    lag_is_bound: bool = False
    pending: int = 0
    history: deque[int] = field(default_factory=lambda: deque([0], maxlen=HISTORY_POLLS))

    def take(self, state: StreamState) -> None:
        """Take over what the newest poll says."""
        lags = [group.lag for group in state.groups if group.lag is not None]
        self.length, self.groups = state.info.length, len(state.groups)
        self.lag = max((lag.messages for lag in lags), default=None)
        self.lag_is_bound = any(lag.source == "bound" and lag.messages == self.lag for lag in lags)
        self.pending = sum(group.info.pending for group in state.groups)
        self.history[-1] = self.length if self.lag is None else self.lag


@dataclass(slots=True)
class AgentRow:
    """An agent as last seen. `beat_ms` is the wall time of its newest heartbeat."""

    name: str
    state: str = "waiting"
    attempt: int = 0
    findings: int = 0
    beat_ms: int | None = None
    pid: int | None = None
    cpu_percent: float | None = None
    rss_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth a line. `at` is ISO 8601; `verbose` ones are shown on demand only."""

    at: str
    kind: str
    text: str
    verbose: bool = False


@dataclass
class SessionView:
    """Everything that is shown; `apply_*` take what the journals say, in order."""

    session_id: str = ""
    facts: SessionFacts | None = None
    phase: str = ""
    phase_status: str = ""
    agents: dict[str, AgentRow] = field(default_factory=dict)
    findings: dict[str, FindingLine] = field(default_factory=dict)
    streams: dict[str, StreamRow] = field(default_factory=dict)
    services: dict[str, bool | None] = field(default_factory=dict)
    redis: str = ""
    last_critical: FindingLine | None = None
    gaps: int = 0
    polls: int = 0
    server_us: int = 0
    round_trips: int = 0
    complete: bool = False

    def counts(self) -> Counter[str]:
        """How many findings of each severity or priority."""
        return Counter(finding.level for finding in self.findings.values())

    def worst_streams(self) -> list[StreamRow]:
        """Streams, those with the most lag, then pending, first."""
        return sorted(self.streams.values(), key=lambda row: (-(row.lag or 0), -row.pending, row.name))

    def apply_finding(self, finding: FindingLine, at: str) -> list[Notice]:
        """A line of a findings journal: new, or a new revision."""
        known = self.findings.get(finding.finding_id)
        self.findings[finding.finding_id] = finding
        if finding.severity == Severity.CRITICAL and finding.origin == "measured":
            self.last_critical = finding
        if known is not None and known.level == finding.level:
            return []
        loud = finding.severity in {Severity.CRITICAL, Severity.HIGH}
        text = f"{finding.level} {finding.finding_id} {finding.title}"
        return [Notice(at, "finding", text, verbose=not loud)]

    def apply_head(self, head: PollHead) -> None:
        """The head of a poll: what it does not repeat stays as it was."""
        self.polls += 1
        self.server_us += head.cost.server_us
        self.round_trips += head.cost.round_trips
        if head.full:
            self.streams = {}
        for name in head.gone:
            self.streams.pop(name, None)
        for row in self.streams.values():
            row.history.append(row.history[-1])

    def apply_stream(self, line: PollStream) -> None:
        """A stream that changed."""
        name = line.state.name
        if name not in self.streams and len(self.streams) >= STREAMS_MAX:
            return
        self.streams.setdefault(name, StreamRow(name)).take(line.state)

    def apply_heartbeat(self, agent: str, beat: Mapping[str, Any]) -> None:
        """A heartbeat of an agent."""
        row = self.agent(agent)
        row.beat_ms = _ms(beat.get("at")) or row.beat_ms
        row.findings = _int(beat.get("findingCount")) or row.findings
        row.attempt = _int(beat.get("attempt")) or row.attempt

    def apply_event(self, event: Mapping[str, Any]) -> list[Notice]:
        """An event; returns what is worth a line."""
        kind, at = str(event.get("type", "")), str(event.get("at", ""))
        handler = _HANDLERS.get(kind)
        if handler is None:
            return [Notice(at, kind, _rest(event), verbose=True)]
        found = handler(self, event)
        return [Notice(at, kind, text, verbose) for text, verbose in found]

    def agent(self, name: str) -> AgentRow:
        """The row of an agent, made when it is first named."""
        return self.agents.setdefault(name, AgentRow(name))


Lines = Iterable[tuple[str, bool]]
"""Texts, each with whether it is for the verbose only."""


def _phase(view: SessionView, event: Mapping[str, Any]) -> Lines:
    view.phase, view.phase_status = str(event.get("phase", "")), str(event.get("status", ""))
    detail = str(event.get("detail") or "")
    return [(f"{view.phase} {view.phase_status}{f': {detail}' if detail else ''}", False)]


def _agent_started(view: SessionView, event: Mapping[str, Any]) -> Lines:
    row = view.agent(str(event.get("agent")))
    row.state, row.attempt, row.pid = "running", _int(event.get("attempt")) or 1, _int(event.get("pid"))
    return [(f"{row.name} attempt {row.attempt}", True)]


def _agent_restarted(view: SessionView, event: Mapping[str, Any]) -> Lines:
    row = view.agent(str(event.get("agent")))
    row.state, row.pid = "restarting", None
    return [(f"{row.name} attempt {event.get('attempt')}: {event.get('reason', '')}", False)]


def _agent_finished(view: SessionView, event: Mapping[str, Any]) -> Lines:
    row = view.agent(str(event.get("agent")))
    row.state, row.pid = "finished", None
    return [(row.name, True)]


def _agent_failed(view: SessionView, event: Mapping[str, Any]) -> Lines:
    row = view.agent(str(event.get("agent")))
    row.state, row.pid = "failed", None
    return [(f"{row.name}: {event.get('reason', '')}", False)]


def _supervision(view: SessionView, event: Mapping[str, Any]) -> Lines:
    agents = [item for item in _list(event.get("agents")) if isinstance(item, dict)]
    for item in agents:
        row = view.agent(str(item.get("agent")))
        row.cpu_percent, row.rss_bytes = _float(item.get("cpuPercent")), _int(item.get("rssBytes"))
        row.findings = _int(item.get("findings")) or row.findings
    for item in _list(event.get("services")):
        if isinstance(item, dict):
            alive = item.get("alive")
            view.services[str(item.get("service"))] = alive if isinstance(alive, bool) else None
    view.redis = str(event.get("redis", view.redis))
    running = sum(item.get("status") == "running" for item in agents)
    parts = [f"{running} of {len(agents)} agents running", f"{len(view.findings)} findings"]
    if view.redis:
        parts.append(f"Redis {view.redis}")
    if view.streams:
        parts.append(f"{len(view.streams)} streams")
    gone = sorted(name for name, alive in view.services.items() if alive is False)
    parts += [f"services gone: {', '.join(gone)}"] if gone else []
    return [(f"{event.get('number', '')}: {', '.join(parts)}", False)]


def _gap(view: SessionView, event: Mapping[str, Any]) -> Lines:
    blind = event.get("blind") is not False
    view.gaps += blind
    return [(f"not seen: {event.get('what', '')}: {event.get('why', '')}", not blind)]


def _redis(view: SessionView, event: Mapping[str, Any]) -> Lines:
    lost = event.get("type") == "redis-lost"
    view.redis = f"lost: {event.get('reason', '')}" if lost else "answers"
    return [(view.redis, False)]


def _redis_was_lost(_view: SessionView, event: Mapping[str, Any]) -> Lines:
    return [(f"not seen from {event.get('since')} to {event.get('until')}: {event.get('reason', '')}", False)]


def _service(view: SessionView, event: Mapping[str, Any]) -> Lines:
    name, pid, before = str(event.get("service")), event.get("pid"), event.get("before")
    view.services[name] = event.get("type") != "service-gone"
    if event.get("type") == "service-gone":
        return [(f"{name}: its process is gone{f' (pid {pid})' if pid else ''}", False)]
    if event.get("type") == "service-back":
        return [(f"{name}: its process is back{f' (pid {pid})' if pid else ''}", False)]
    return [(f"{name}: another process runs (pid {pid}, before {before})", False)]


def _complete(view: SessionView, event: Mapping[str, Any]) -> Lines:
    view.complete = True
    return [(_rest(event), True)]


def _told(_view: SessionView, event: Mapping[str, Any]) -> Lines:
    return [(_rest(event), False)]


def _hidden(_view: SessionView, _event: Mapping[str, Any]) -> Lines:
    return []


_HANDLERS = {
    "phase": _phase,
    "agent-started": _agent_started,
    "agent-restarted": _agent_restarted,
    "agent-finished": _agent_finished,
    "agent-failed": _agent_failed,
    "supervision": _supervision,
    "gap": _gap,
    "redis-lost": _redis,
    "redis-back": _redis,
    "redis-was-lost": _redis_was_lost,
    "service-gone": _service,
    "service-restarted": _service,
    "service-back": _service,
    "service-ready": _told,
    "error": _told,
    "session-complete": _complete,
    "critical": _hidden,  # the finding itself is told from its journal
}


def _rest(event: Mapping[str, Any]) -> str:
    kept = [(key, value) for key, value in event.items() if key not in {"type", "at"}]
    return ", ".join(f"{key} {value}" for key, value in kept if isinstance(value, str | int | float))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _int(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _ms(value: object) -> int | None:
    try:
        return from_iso(value) if isinstance(value, str) else None
    except ValueError:
        return None
