"""What a session was: written by the orchestrator to `session.json`, read by synthesis and report."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from tools.sources.change import ChangeBase
from tools.workspace import Workspace

FILE = "session.json"


class AgentRun(Struct, frozen=True, kw_only=True):
    """How one agent ran: its attempts, and whether it finished its last look."""

    agent: str
    attempts: int
    finished: bool
    reasons: tuple[str, ...] = ()
    """Why it was restarted or did not finish, oldest first."""


class PhaseRun(Struct, frozen=True, kw_only=True):
    """One phase of the session."""

    name: str
    started_ms: int
    ended_ms: int | None = None
    status: Literal["running", "done", "failed", "skipped"] = "running"
    detail: str = ""


class ModelUse(Struct, frozen=True, kw_only=True):
    """The language model's part: what was spent, what came of it, what was left undone. Sums in USD, exact."""

    models: tuple[str, ...]
    limit_usd: str
    spent_usd: str
    kept_usd: str
    """Of what was spent: reserved for calls that never told what they used."""
    calls: int
    tokens: int
    seconds: float
    investigations: int
    readings: int
    own_findings: int
    rejected: int
    """Claims that the evidence gate did not let pass, and items that could not be read."""
    lowered: int
    """Severities above what a model may give."""
    clusters_worded: int
    sentences_dropped: int
    undone: int
    """Findings that nobody investigated."""
    rounds: int
    focus_tasks: int
    breaker: str
    """`closed` where the model was asked to the end."""
    breaker_reasons: tuple[str, ...] = ()


class HandedInUse(Struct, frozen=True, kw_only=True, rename="camel"):
    """What agents beside the session handed in, over MCP. `clients` are what callers say of themselves."""

    clients: tuple[str, ...]
    agents: tuple[str, ...]
    calls: int
    readings: int
    own_findings: int
    rejected: int
    """Claims that the evidence gate did not let pass, and items that could not be read."""
    lowered: int


class SessionFacts(Struct, frozen=True, kw_only=True):
    """The session's own story. Times in ms since the epoch; paths as the user gave them."""

    session_id: str
    version: str
    mode: str
    project_root: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    """Globs: what of the project was read."""
    redis: str | None
    """The server's address, credentials masked."""
    started_ms: int
    deadline_ms: int
    ended_ms: int | None = None
    ended_by: Literal["deadline", "stop-file", "signal", "failure", "running"] = "running"
    signal: int | None = None
    services: tuple[str, ...] = ()
    phases: tuple[PhaseRun, ...] = ()
    agents: tuple[AgentRun, ...] = ()
    language_model: str = "off: rules only"
    model_use: ModelUse | None = None
    """Where a model took part, once the session has come to its synthesis."""
    handed_in: HandedInUse | None = None
    """Where agents beside the session handed something in."""
    dead_times: tuple[tuple[int, int], ...] = ()
    """Spans in which the harness itself was not running (resume)."""
    change: ChangeBase | None = None
    """Set where only what a change brings is reported."""
    own_cost: dict[str, float] = {}
    """`server_cpu_ms`, `round_trips`, `polls`, `server_cpu_share` (of one core over the window)."""


def write(workspace: Workspace, facts: SessionFacts) -> None:
    """Write `session.json`. Raises OSError."""
    workspace.write_json(workspace.path(FILE), facts)


def read(workspace: Workspace) -> SessionFacts:
    """Read `session.json`. Raises FileNotFoundError, msgspec.ValidationError."""
    return msgspec.json.decode(workspace.path(FILE).read_bytes(), type=SessionFacts)
