"""What the daemon does all the time, once: look and deal with what is over; read event files on; make one report anew."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from orchestrator.config.model import Config
from orchestrator.session.lock import hold_file
from orchestrator.store.database import create, open_store
from orchestrator.watch.about import links_of
from orchestrator.watch.chain import Chain
from orchestrator.watch.ingest import Ingest
from orchestrator.watch.ledger import Ledger, Link, LinkRow, LinkState, State
from orchestrator.watch.links import Effects
from orchestrator.watch.watcher import Watcher
from tools.clock import NEVER, Clock, iso
from tools.errors import LockHeld, UsageError

ALL = "all"
"""Instead of a run's id."""


def complete(config: Config, environ: Mapping[str, str], clock: Clock, run_id: str | None) -> Iterator[str]:
    """One look at all sources, then the chains of what is over: of one run, or of all.

    Raises LockHeld where a daemon does it anyway, UsageError, OSError.
    """
    create(config.output.state_db)
    with open_store(config.output.state_db) as store:
        ledger, effects = Ledger(store), Effects(config, store, environ, clock)
        with hold_file(effects.places.lock, "database, as its watch", "watch"):
            effects.places.create()
            watcher, chain = Watcher(config, ledger, effects, clock), Chain(ledger, effects, clock, NEVER)
            watcher.check()
            yield from watcher.look()
            if run_id is None:
                yield from chain.run()
                return
            run = ledger.named(run_id)
            if run is None:
                raise UsageError(
                    f"There is no run {run_id} at any source. `streamgauge watch --status` lists them."
                )
            if run.state is State.ENDED:
                yield from chain.lead(run)
    yield from one(config, run_id)


def retry(config: Config, environ: Mapping[str, str], clock: Clock, run_id: str) -> Iterator[str]:
    """Lead once more what was given up of a run's chain, or of every run's (`all`).

    Where a daemon runs, it does it. Raises UsageError where nothing was given up, OSError.
    """
    with open_store(config.output.state_db) as store:
        ledger, effects = Ledger(store), Effects(config, store, environ, clock)
        runs = ledger.given_up()
        if run_id != ALL:
            named = ledger.named(run_id)
            runs = [run for run in runs if named is not None and run.key == named.key]
        if not runs:
            what = "of any run" if run_id == ALL else f"of a run {run_id} whose chain is through"
            raise UsageError(
                f"No link {what} was given up. `streamgauge watch --status` lists those that were."
            )
        for run in runs:
            again = _again(ledger.links(run))
            ledger.reopen(run, again)
            yield f"{run.key}: {', '.join(again)} once more"
        keys = {run.key for run in runs}
        try:
            with hold_file(effects.places.lock, "database, as its watch", "watch"):
                effects.places.create()
                chain = Chain(ledger, effects, clock, NEVER)
                for run in ledger.in_state(State.ENDED):
                    if run.key in keys:
                        yield from chain.lead(run)
        except LockHeld:
            yield "the daemon does it now; `streamgauge watch --status` tells how far it is"


def _again(links: Mapping[Link, LinkRow]) -> list[Link]:
    """What was not done, and of what was done all that would say more with an archive. Nobody is told twice."""
    undone = {link for link, row in links.items() if row.status in {LinkState.FAILED, LinkState.SKIPPED}}
    if Link.ARCHIVE in undone:
        undone |= {Link.VERIFY, Link.REPORT, Link.RECORD}
    return [link for link in Link if link in undone]


def one(config: Config, run_id: str) -> Iterator[str]:
    """Where one run is. Raises UsageError where it was never seen."""
    with open_store(config.output.state_db) as store:
        ledger = Ledger(store)
        run = ledger.named(run_id)
        if run is None:
            raise UsageError(
                f"There is no run {run_id} that was seen. `streamgauge monitor --complete` looks."
            )
        yield f"run        {run.key}: {links_of(ledger, run)}"
        yield f"source     {run.source}, {run.kind}, seen {iso(run.seen_ms)[:19]}Z"
        yield f"moved      {iso(run.progressed_ms)[:19]}Z"
        for row in ledger.links(run).values():
            if row.attempts:
                yield f"{row.link:<10} {row.status}, {row.attempts} tries: {row.detail}"


def ingest(config: Config, environ: Mapping[str, str], clock: Clock, files: Sequence[Path]) -> Iterator[str]:
    """Read event files on, those that are given and no other. Raises UsageError, LockHeld, OSError."""
    for file in files:
        if not file.is_file():
            raise UsageError(f"{file} is no file. Name a JSONL file of events.")
    create(config.output.state_db)
    with open_store(config.output.state_db) as store:
        effects = Effects(config, store, environ, clock)
        desk = effects.desk() if config.alerts.file is not None else None
        patterns = [glob.escape(str(file.absolute())) for file in files]
        told = list(Ingest(patterns, store, clock).run(desk))
    yield from told or ["nothing new"]


def report(config: Config, environ: Mapping[str, str], clock: Clock, run_id: str) -> Iterator[str]:
    """Write the report of a run that is over again. Raises UsageError, OSError."""
    with open_store(config.output.state_db) as store:
        ledger = Ledger(store)
        run = ledger.named(run_id)
        if run is None or run.view is None:
            raise UsageError(
                f"There is no run {run_id} that is over. `streamgauge watch --status` lists them."
            )
        effects = Effects(config, store, environ, clock)
        effects.places.create()
        yield effects.of(Link.REPORT)(run, ledger.links(run)).detail
