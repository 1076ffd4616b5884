"""Sessions of ours as runs: what their workspace says while it holds them, else what the store remembers."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from orchestrator.archive.bag import Bag
from orchestrator.archive.shelf import Shelf
from orchestrator.session.opening import existing_session_id
from orchestrator.session_status import is_alive
from orchestrator.store.database import Store
from orchestrator.store.fill import is_at_work
from orchestrator.watch import views
from orchestrator.watch.views import Step, View
from tools.clock import from_iso
from tools.errors import UsageError
from tools.sources import session_facts
from tools.sources.session_facts import SessionFacts
from tools.workspace import Workspace, workspace_at

SOURCE = "session"
_SIGNS = ("session.json", "events.jsonl", "streams/polls.jsonl", "recording/metrics.jsonl", "REPORT_*.md")
_HOLDER = re.compile(r"pid (\d+),")
_BEHIND_MS = 120_000
"""A process that ran a session and lives on, with other work, is waited for no longer than this."""
_ROWS = """
SELECT run_id, status, started_at, ended_at, workspace FROM runs
WHERE kind = 'session' AND workspace IS NOT NULL AND workspace <> ''
"""


class _Row(NamedTuple):
    run_id: str
    status: str
    started_ms: int
    ended_ms: int | None
    workspace: str


def sessions(
    store: Store, workspace: Path, closed: Collection[tuple[str, int]], now_ms: int
) -> Iterator[View]:
    """Every session but those that are `closed` (id, begun in ms): of the workspace, and of the store."""
    here = workspace_at(workspace)
    seen: set[str] = set()
    facts = _facts(here)
    if facts is not None:
        seen.add(facts.session_id)
        if (facts.session_id, facts.started_ms) not in closed:
            yield _of_facts(facts, here, now_ms)
    for row in store.rows(_ROWS):
        item = _Row(
            row["run_id"],
            row["status"],
            _moment(row["started_at"]) or 0,
            _moment(row["ended_at"]),
            row["workspace"],
        )
        if item.run_id in seen or (item.run_id, item.started_ms) in closed:
            continue
        elsewhere = Workspace(Path(item.workspace))
        facts = _facts(elsewhere)
        if facts is not None and facts.session_id == item.run_id:
            yield _of_facts(facts, elsewhere, now_ms)
        else:
            yield _of_row(item)


def of_archive(shelf: Shelf, name: str, workspace: Path) -> View | None:
    """The session of an archive; None where it is none, or cannot be read."""
    try:
        with Bag(shelf.path_of(name)) as bag:
            info = bag.info
            if "session.json" not in bag.files and "events.jsonl" not in bag.files:
                return None
    except UsageError:
        return None
    return View(
        source=SOURCE,
        run_id=info.run,
        kind=views.SESSION,
        status=views.INTERRUPTED if info.incomplete else views.COMPLETED,
        started_ms=info.started_ms,
        ended_ms=info.archived_ms,
        workspace=str(workspace_at(workspace).root),
        progress=name,
    )


def _facts(workspace: Workspace) -> SessionFacts | None:
    try:
        facts = session_facts.read(workspace)
    except (OSError, msgspec.MsgspecError):
        return None
    # A folder whose id says otherwise is being taken over by the next session.
    return facts if existing_session_id(workspace) == facts.session_id else None


def _of_facts(facts: SessionFacts, workspace: Workspace, now_ms: int) -> View:
    complete = any(step.name == "complete" and step.status == "done" for step in facts.phases)
    at_work = is_at_work(workspace)
    # Its process still archives and alerts when the session is over; the chain waits until it has gone, or for a while.
    alive = at_work or (is_alive(workspace) and not (complete and _is_quiet(workspace, now_ms)))
    status = views.RUNNING
    if complete and not alive:
        status = views.FAILED if facts.ended_by == "failure" else views.COMPLETED
    use = facts.model_use
    return View(
        source=SOURCE,
        run_id=facts.session_id,
        kind=views.SESSION,
        status=status,
        started_ms=facts.started_ms,
        ended_ms=facts.ended_ms,
        workspace=str(workspace.root),
        pid=_holder(workspace),
        alive=alive,
        steps=tuple(
            Step(
                name=phase.name,
                status=phase.status.upper(),
                started_ms=phase.started_ms,
                ended_ms=phase.ended_ms,
                detail=phase.detail,
            )
            for phase in facts.phases
        ),
        progress=_signs(workspace),
        cost_usd=float(use.spent_usd) if use is not None else None,
        tokens=use.tokens if use is not None else None,
    )


def _of_row(row: _Row) -> View:
    """A session whose workspace holds another by now: it is over, and lies in its archive."""
    known = {views.COMPLETED, views.FAILED}
    return View(
        source=SOURCE,
        run_id=row.run_id,
        kind=views.SESSION,
        status=row.status if row.status in known else views.INTERRUPTED,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        workspace=row.workspace,
        progress=row.status,
    )


def _is_quiet(workspace: Workspace, now_ms: int) -> bool:
    try:
        return now_ms - workspace.path(session_facts.FILE).stat().st_mtime_ns // 1_000_000 > _BEHIND_MS
    except OSError:
        return True


def _signs(workspace: Workspace) -> str:
    """What grows while a session is at work."""
    found: list[str] = []
    for glob in _SIGNS:
        for path in sorted(workspace.root.glob(glob)):
            try:
                status = path.stat()
            except OSError:
                continue
            found.append(f"{path.name}:{status.st_size}:{status.st_mtime_ns}")
    return " ".join(found)


def _holder(workspace: Workspace) -> int | None:
    try:
        descriptor = os.open(workspace.path(".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        match = _HOLDER.match(os.pread(descriptor, 200, 0).decode("ascii", "replace"))
    finally:
        os.close(descriptor)
    return int(match[1]) if match else None


def _moment(text: object) -> int | None:
    try:
        return from_iso(str(text))
    except ValueError:
        return None
