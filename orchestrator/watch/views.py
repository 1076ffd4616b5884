"""What is known of a run at one look: frozen, the same for a session of ours and a run of another orchestrator."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

COMPLETED, FAILED, INTERRUPTED, STALLED, RUNNING = (
    "COMPLETED",
    "FAILED",
    "INTERRUPTED",
    "STALLED",
    "RUNNING",
)
SESSION, FOREIGN, TEST, WATCHED = "session", "foreign", "test", "watched"
"""Kinds of runs; `watched` are rows of our store that stand for runs of other databases."""
_DONE = frozenset({"COMPLETED", "COMPLETE", "DONE", "SUCCESS", "SUCCEEDED", "FINISHED", "PASSED", "MERGED"})
_PASSED_OVER = frozenset({"SKIPPED", "NOT_NEEDED"})
_FAILED = frozenset(
    {"FAILED", "FAILURE", "ERROR", "ERRORED", "ABORTED", "CANCELLED", "CANCELED", "KILLED", "TIMED_OUT"}
)


class Step(Struct, frozen=True, kw_only=True):
    """One step of a run (a phase, a workstream). Times in ms since the epoch, None where nobody says."""

    name: str
    status: str
    started_ms: int | None = None
    ended_ms: int | None = None
    detail: str = ""
    retries: int = 0
    retry_limit: int | None = None
    safety: float | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is left to do and it did not fail."""
        return self.status in _DONE or self.status in _PASSED_OVER


class Gate(Struct, frozen=True, kw_only=True):
    """Something that a run must pass; `verdict` is approved, rejected, or open."""

    name: str
    verdict: str


class View(Struct, frozen=True, kw_only=True):
    """A run as its source shows it now.

    `source` and `run_id` name it, `started_ms` tells it from a later one of the same id. `alive` is whether its process
    runs: None where nobody knows a process; `pid_mark` tells the one that runs from all others, whatever the clock says. `progress` is a text that changes whenever something of the run does.
    `last_sign_ms` is the newest time that the source has of it. `rows` is what the source holds of it, masked, for its archive.
    """

    source: str
    run_id: str
    kind: str
    status: str
    started_ms: int
    ended_ms: int | None = None
    workspace: str = ""
    pid: int | None = None
    pid_started_ms: int | None = None
    pid_mark: str = ""
    last_sign_ms: int | None = None
    alive: bool | None = None
    steps: tuple[Step, ...] = ()
    gates: tuple[Gate, ...] = ()
    progress: str = ""
    cost_usd: float | None = None
    tokens: int | None = None
    safety: float | None = None
    retries: int = 0
    retry_limit: int | None = None
    kill_switch: bool = False
    error: str = ""
    open_criticals: int = 0
    blind_gaps: int = 0
    rows: dict[str, list[dict[str, Any]]] = {}

    @property
    def outcome(self) -> str | None:
        """COMPLETED, FAILED or INTERRUPTED where the source says that it is over, else None."""
        if self.status in _DONE:
            return COMPLETED
        if self.status in _FAILED:
            return FAILED
        return INTERRUPTED if self.status == INTERRUPTED else None

    @property
    def all_done(self) -> bool:
        """Whether it has steps and each is done."""
        return bool(self.steps) and all(step.is_done for step in self.steps)
