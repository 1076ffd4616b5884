"""What one run used and did, from the store: tokens, cost, duration, errors, retries, and the same for each agent."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from orchestrator.store.database import Store
from orchestrator.watch.ledger import Ledger, Watched
from tools.clock import from_iso
from tools.errors import UsageError
from tools.quantities import format_duration

_NAMED = 5
_PER_AGENT = """
SELECT agent_id, count(*) AS events, min(timestamp) AS first, max(timestamp) AS last,
  sum(event_type LIKE '%retr%' OR event_type LIKE '%restart%') AS retries,
  sum(event_type LIKE '%safety%') AS safety
FROM agent_events WHERE run_id = ? OR run_id = ? GROUP BY agent_id ORDER BY agent_id
"""


class AgentUse(Struct, frozen=True, kw_only=True, rename="camel"):
    """One agent of a run. `seconds` lie between its first and its last event."""

    agent: str
    events: int
    findings: int
    errors: int
    retries: int
    safety_violations: int
    seconds: float


class RunUse(Struct, frozen=True, kw_only=True, rename="camel"):
    """One run. `seconds` is null while it lasts; `cost_usd` is an exact decimal as text."""

    run_id: str
    status: str
    verdict: str | None
    seconds: float | None
    tokens: int
    cost_usd: str
    findings: int
    open_criticals: int
    errors: int
    retries: int
    safety_violations: int
    steps_done: int
    steps_total: int
    agents: tuple[AgentUse, ...]


def read(store: Store, run_id: str) -> RunUse:
    """Of a run by its id or key. Raises UsageError where the store knows none."""
    known = Ledger(store).named(run_id)
    key = known.key if known is not None else run_id
    rows = store.rows("SELECT * FROM runs WHERE run_id = ?", (key,)) or store.rows(
        "SELECT * FROM runs WHERE run_id = ?", (run_id,)
    )
    if not rows:
        newest = store.rows("SELECT run_id FROM runs ORDER BY started_at DESC LIMIT ?", (_NAMED,))
        hint = f" The newest: {', '.join(row['run_id'] for row in newest)}." if newest else " It holds none."
        raise UsageError(f"{store.path} knows no run {run_id}.{hint}")
    row = rows[0]
    agents = tuple(_agents(store, row["run_id"], _at_source(store, known) or row["run_id"]))
    view = None if known is None else known.view
    steps = () if view is None else view.steps
    return RunUse(
        run_id=row["run_id"],
        status=row["status"],
        verdict=row["verdict"],
        seconds=_seconds(row["started_at"], row["ended_at"]),
        tokens=row["tokens"],
        cost_usd=str(row["cost_usd"]),
        findings=_count(store, "SELECT count(*) FROM findings WHERE run_id = ?", row["run_id"]),
        open_criticals=row["open_criticals"],
        errors=_count(store, "SELECT count(*) FROM error_logs WHERE run_id = ?", row["run_id"]),
        retries=sum(item.retries for item in agents) + sum(step.retries for step in steps),
        safety_violations=sum(item.safety_violations for item in agents),
        steps_done=row["steps_done"],
        steps_total=row["steps_total"],
        agents=agents,
    )


def _at_source(store: Store, known: Watched | None) -> str:
    """How events name a run whose key is another, as that of `build/7` is; "" where two sources have a run of this id."""
    if known is None:
        return ""
    runs = _count(store, "SELECT count(*) FROM watched_runs WHERE run_id = ?", known.run_id)
    return known.run_id if runs == 1 else ""


def _agents(store: Store, run_id: str, at_source: str) -> Iterator[AgentUse]:
    found = {row["agent_id"]: row for row in store.rows(_PER_AGENT, (run_id, at_source))}
    findings = _by_agent(store, "findings", run_id)
    errors = _by_agent(store, "error_logs", run_id)
    for agent in sorted({*found, *findings, *errors} - {""}):
        row = found.get(agent)
        yield AgentUse(
            agent=agent,
            events=row["events"] if row is not None else 0,
            findings=findings.get(agent, 0),
            errors=errors.get(agent, 0),
            retries=row["retries"] if row is not None else 0,
            safety_violations=row["safety"] if row is not None else 0,
            seconds=(_seconds(row["first"], row["last"]) or 0.0) if row is not None else 0.0,
        )


def _by_agent(store: Store, table: str, run_id: str) -> dict[str, int]:
    query = f"SELECT agent_id, count(*) AS rows FROM {table} WHERE run_id = ? GROUP BY agent_id"  # noqa: S608 - our words
    return {row["agent_id"]: row["rows"] for row in store.rows(query, (run_id,))}


def _count(store: Store, query: str, run_id: str) -> int:
    found = store.one(query, (run_id,))
    return found if isinstance(found, int) else 0


def _seconds(begun: str | None, ended: str | None) -> float | None:
    try:
        return None if begun is None or ended is None else (from_iso(ended) - from_iso(begun)) / 1000
    except ValueError:
        return None


def lines(use: RunUse) -> Iterator[str]:
    """For people."""
    lasted = "under way" if use.seconds is None else format_duration(round(use.seconds))
    yield f"run        {use.run_id}: {use.status}, {use.verdict or 'no verdict'}, {lasted}"
    yield f"model      {use.tokens:,} tokens, {use.cost_usd} USD"
    yield f"steps      {use.steps_done} of {use.steps_total}, {use.retries} retries"
    yield (
        f"findings   {use.findings}, {use.open_criticals} open critical; {use.errors} errors, "
        f"{use.safety_violations} safety violations"
    )
    for item in use.agents:
        yield (
            f"agent      {item.agent}: {item.events} events in {format_duration(round(item.seconds))}, "
            f"{item.findings} findings, {item.errors} errors, {item.retries} retries"
        )


def as_json(use: RunUse) -> str:
    """For programs."""
    return msgspec.json.format(msgspec.json.encode(use), indent=2).decode("utf-8") + "\n"
