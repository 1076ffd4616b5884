"""`[watch]`: what the daemon looks at, how often, and from when on something is wrong."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tools.quantities import Duration
from tools.sources.logs import docker


class OtherDatabase(BaseModel):
    """One `[[watch.databases]]` entry: the SQLite database of another orchestrator; it is only read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(description="the database")
    tables: tuple[str, ...] = Field(
        default=("runs", "workstreams"), description="that must be there; runs always must"
    )


class AuditTable(BaseModel):
    """One `[[watch.audit_tables]]` entry: a table behind PostgREST (Supabase) whose rows are events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://[^@\s]+$", description="of the REST interface: https://HOST/rest/v1")
    table: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="its name")
    column: str = Field(
        default="id",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="grows with each row, and is never changed",
    )
    key_env: str = Field(default="SUPABASE_KEY", description="the variable that holds the key")


class WatchSection(BaseModel):
    """`[watch]`: the daemon `streamgauge watch`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    databases: tuple[OtherDatabase, ...] = ()
    events: tuple[str, ...] = Field(
        default=(),
        description="JSONL files of events of other tools, paths or globs, from the project's folder",
    )
    containers: tuple[str, ...] = Field(
        default=(), description="docker containers whose logs hold events, JSON objects a line"
    )
    audit_tables: tuple[AuditTable, ...] = ()
    langsmith_project: str = Field(default="", description="the LangSmith project with the spans of runs")
    langsmith_key: str = Field(
        default="run_id", min_length=1, description="of the metadata that holds a run's id there"
    )
    signals: Path | None = Field(
        default=None, description="a folder with files RUN.approved, RUN.rejected, RUN.complete"
    )
    costs: Path | None = Field(default=None, description="a CSV with run_id, tokens and cost_usd")
    folder: Path | None = Field(
        default=None, description="where logs/ and reports/ are made; else beside the workspace"
    )
    look_every: Duration = Field(default=5.0, gt=0, le=10, description="between two looks for new runs")
    heartbeat: Duration = Field(default=30.0, gt=0, description="between two lines that say that it watches")
    stall_after: Duration = Field(
        default=1800.0, gt=0, description="without progress a run counts as stalled"
    )
    death_grace: Duration = Field(
        default=60.0, description="after its process is gone a run may still be taken up again"
    )
    safety_min: float = Field(default=0.85, ge=0, le=1, description="below it a safety score is an anomaly")
    cost_max_usd: float = Field(default=5.0, ge=0, description="above it the cost of a run is an anomaly")
    timeout_max: Duration = Field(default=300.0, gt=0, description="a step that runs longer is an anomaly")

    @field_validator("containers")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            problem = docker.problem(name)
            if problem is not None:
                raise ValueError(f"{name!r}: {problem}; correct it")
        return value
