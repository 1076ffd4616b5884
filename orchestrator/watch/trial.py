"""A simulated run, led through the whole chain: its archive, its report, its row and its message are real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import structs

from orchestrator.config.model import Config
from orchestrator.session.lock import hold_file
from orchestrator.store.database import create, open_store
from orchestrator.watch import views
from orchestrator.watch.chain import Chain
from orchestrator.watch.ledger import Ledger, LinkState, State
from orchestrator.watch.links import Effects
from orchestrator.watch.views import Step, View
from tools.clock import NEVER, Clock

_SOURCE = "trial"


def run(config: Config, environ: Mapping[str, str], clock: Clock) -> Iterator[tuple[str, bool]]:
    """A line for each link, and whether it is well. Raises UsageError, LockHeld, OSError."""
    create(config.output.state_db)
    with open_store(config.output.state_db) as store:
        effects = Effects(config, store, environ, clock)
        effects.places.create()
        lock = effects.places.lock.with_name(f"{effects.places.lock.name}.trial")
        with hold_file(lock, "trial", "trial"):
            ledger, now_ms = Ledger(store), clock.now_ms()
            view = _view(now_ms)
            # Known as passed over, so that no daemon beside takes it for its own.
            known = ledger.add(view, now_ms, passed=True)
            ended = structs.replace(
                known,
                state=State.PASSED,
                status=views.COMPLETED,
                why="a simulated run",
                ended_ms=now_ms,
                view=view,
                told_created=True,
                told_completed=True,
            )
            ledger.write(ended)
            yield from ((line, True) for line in Chain(ledger, effects, clock, NEVER).lead(ended))
            for row in ledger.links(ended).values():
                if row.status is not LinkState.DONE:
                    yield f"{ended.key}: {row.link} is {row.status}: {row.detail}", False


def _view(now_ms: int) -> View:
    step = Step(name="simulated", status="COMPLETED", started_ms=now_ms, ended_ms=now_ms)
    return View(
        source=_SOURCE,
        run_id=f"trial-{now_ms}",
        kind=views.TEST,
        status=views.COMPLETED,
        started_ms=now_ms,
        ended_ms=now_ms,
        steps=(step,),
        rows={"runs": [{"run_id": f"trial-{now_ms}", "status": views.COMPLETED}]},
    )
