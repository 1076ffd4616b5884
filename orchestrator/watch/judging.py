"""Whether a run is over, stands still or goes on: pure, from a view, what was known before, and the time."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import structs

from orchestrator.config.watch import WatchSection
from orchestrator.watch import views
from orchestrator.watch.ledger import Watched
from orchestrator.watch.views import View
from tools.quantities import format_duration

SETTLE_MS = 10_000
"""A run whose steps are all done may just be making its next one; it is over when nothing came for so long."""

_BEGINS_MS = 60_000
"""A run may be written down so long before the process begins that works on it."""
_CLOCK_SLACK_MS = 2_000
_WAITING = frozenset({"PENDING", "QUEUED", "SCHEDULED", "WAITING", "PAUSED", "BLOCKED"})
"""Has not begun, or waits for somebody: standing still is no fault."""


class Ending(NamedTuple):
    """How a run ended. `revivable` where its source never said so, so that it may go on all the same."""

    status: str
    why: str
    revivable: bool


def observed(known: Watched, view: View, now_ms: int) -> Watched:
    """What is known after a look: when it last moved, and since when its process is gone."""
    moved = view.progress != known.progress
    gone = view.alive is False or _is_another(known, view)
    return structs.replace(
        known,
        started_ms=view.started_ms,
        progress=view.progress,
        progressed_ms=now_ms if moved else known.progressed_ms,
        workspace=view.workspace or known.workspace,
        pid=view.pid,
        pid_started_ms=known.pid_started_ms if known.pid == view.pid else view.pid_started_ms,
        pid_mark=known.pid_mark
        if known.pid == view.pid and known.pid_mark
        else (view.pid_mark if view.alive else ""),
        gone_ms=(known.gone_ms if known.gone_ms is not None else now_ms) if gone else None,
        stalled_ms=None if moved else known.stalled_ms,
    )


def with_known_process(known: Watched, view: View) -> View:
    """The view, whose process lives where it is the very one that was seen to: the clock may have been set since."""
    same = known.pid is not None and known.pid == view.pid and bool(known.pid_mark)
    return structs.replace(view, alive=True) if same and known.pid_mark == view.pid_mark else view


def _is_another(known: Watched, view: View) -> bool:
    """Whether the process of a view is a later one that got the number of the run's."""
    if known.pid is None or known.pid != view.pid:
        return False
    if known.pid_mark and view.pid_mark:
        return known.pid_mark != view.pid_mark
    if known.pid_started_ms is None or view.pid_started_ms is None:
        return False
    return abs(known.pid_started_ms - view.pid_started_ms) > _CLOCK_SLACK_MS


def is_doubtful(view: View, seen_ms: int) -> bool:
    """Whether a process that lives may be another one that got the number while nobody watched.

    It began after all that the source tells of the run, and was there when the run was first seen (`seen_ms`). A worker
    that was started again looks like this too: so it counts as neither alive nor gone.
    """
    born_ms, last_ms = view.pid_started_ms, view.last_sign_ms
    if not view.alive or born_ms is None or last_ms is None:
        return False
    return last_ms + _BEGINS_MS < born_ms < seen_ms


def ending(known: Watched, view: View, now_ms: int, limits: WatchSection) -> Ending | None:
    """How the run ended; None while it goes on, as far as one can see."""
    outcome = view.outcome
    if outcome is not None:
        told = f": {view.error}" if view.error else ""
        return Ending(outcome, f"its source says {view.status}{told}", outcome == views.INTERRUPTED)
    if known.gone_ms is not None and now_ms - known.gone_ms >= limits.death_grace * 1000:
        which = "" if known.pid is None else f" {known.pid}"
        return Ending(views.INTERRUPTED, f"its process{which} is gone", True)
    still_ms = now_ms - known.progressed_ms
    lives = bool(view.alive) and known.gone_ms is None and not is_doubtful(view, known.seen_ms)
    if view.all_done and view.kind != views.SESSION and not lives and still_ms >= SETTLE_MS:
        return Ending(views.COMPLETED, f"all of its {len(view.steps)} steps are done", True)
    if not lives and is_still(known, view, now_ms, limits):
        return Ending(views.STALLED, f"no progress for {format_duration(still_ms // 1000)}", True)
    return None


def is_still(known: Watched, view: View, now_ms: int, limits: WatchSection) -> bool:
    """Whether nothing of it changed for too long, and it is not one that waits on purpose."""
    return view.status not in _WAITING and now_ms - known.progressed_ms >= limits.stall_after * 1000
