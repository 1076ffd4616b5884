"""Commands on a session that is over: `verify` and `report`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from orchestrator.config.model import OutputSection
from tools import masking
from tools.clock import SystemClock
from tools.errors import UsageError
from tools.report.html import page
from tools.report.verify import verify as verify_evidence
from tools.report.write import write_report
from tools.sources import session_facts
from tools.workspace import Workspace, workspace_at


def verify(folder: Path, state_db: Path) -> tuple[list[str], bool]:
    """What was checked, and whether nothing was false. Raises UsageError."""
    workspace, root = _session(folder, state_db)
    result = verify_evidence(workspace, root)
    lines = [f"failed     {failure}" for failure in result.failures]
    lines += [f"copy only  {gone.finding_id}: {gone.source}: {gone.reason}" for gone in result.gone]
    held = result.proven + result.copy_only
    lines.append(
        f"{held} of {result.checked} pieces of evidence hold: {result.proven} found at their source, "
        f"{result.copy_only} in the session's copy only"
    )
    return lines, result.ok


def report(folder: Path, state_db: Path) -> list[str]:
    """Where the report is. Raises UsageError."""
    workspace, root = _session(folder, state_db)
    try:
        written = write_report(workspace, root, SystemClock())
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {folder}: {error.strerror or error}. "
            "Make it writable for you, or copy it elsewhere and name the copy with --workspace."
        ) from error
    health = written.dashboard.health if written.dashboard is not None else "UNKNOWN"
    return [
        f"health     {health}",
        f"report     {workspace.report(written.session_id)}",
        f"as a page  {workspace.path(page.FILE)}",
    ]


def _session(folder: Path, state_db: Path) -> tuple[Workspace, Path]:
    """The workspace and the project it is about; secrets are masked with the project's key, where it is."""
    key = OutputSection(state_db=state_db.absolute()).state_folder / "mask.key"
    try:
        masking.use_key(masking.load_key(key) if key.exists() else None)
    except OSError as error:
        raise UsageError(
            f"The masking key {key} cannot be read: {error.strerror or error}. Name the project's state with --state-db."
        ) from error
    workspace = workspace_at(folder)
    try:
        facts = session_facts.read(workspace)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{folder} holds no session. Name one with --workspace.") from error
    return workspace, Path(facts.project_root)
