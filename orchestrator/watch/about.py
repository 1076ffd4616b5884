"""What `watch --status`, `watch --check` and `doctor` tell of the daemon. Nothing is changed here."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.alerts.after import channels_of
from orchestrator.alerts.loading import read as read_rules
from orchestrator.check import Check, Verdict
from orchestrator.config.model import Config
from orchestrator.store.database import open_store
from orchestrator.watch.daemon import ALIVE
from orchestrator.watch.foreign import Database
from orchestrator.watch.ledger import Ledger, LinkState, State, Watched
from orchestrator.watch.places import Places
from tools.clock import Clock, iso
from tools.errors import StreamgaugeError

_SUBJECT = "watch"
_RUNS_SHOWN, _FAILURES_SHOWN = 10, 5


def holder(lock: Path) -> str:
    """Who holds a lock, "" where nobody does. It is looked at and not taken."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 200, 0).decode("ascii", "replace").split(",")[0].strip() or "a process"
    else:
        return ""
    finally:
        os.close(descriptor)


def status(config: Config, clock: Clock) -> Iterator[str]:
    """The daemon, the last runs with their chains, and what was given up. Raises UsageError."""
    with open_store(config.output.state_db) as store:
        ledger = Ledger(store)
        yield f"watch      {_daemon(config, ledger, clock)}"
        counts = ledger.counts()
        told = ", ".join(f"{counts[state]} {state}" for state in State if state in counts) or "none yet"
        yield f"runs       {told}"
        for run in ledger.last(_RUNS_SHOWN):
            yield f"run        {run.key}: {links_of(ledger, run)}"
        for key, row in ledger.failures(_FAILURES_SHOWN):
            yield f"given up   {key}: {row.link} after {row.attempts} tries, {iso(row.updated_ms)[:19]}Z: {row.detail}"


def _daemon(config: Config, ledger: Ledger, clock: Clock) -> str:
    who = holder(Places(config).lock)
    last = (ledger.said(ALIVE) or "").split()
    ago = f", last look {(clock.now_ms() - int(last[1])) // 1000} s ago" if len(last) == 2 else ""
    return f"runs ({who}){ago}" if who else f"does not run{ago}; `streamgauge watch` starts it"


def links_of(ledger: Ledger, run: Watched) -> str:
    """Where a run is: under way, or how far its chain."""
    if run.state is State.WATCHING:
        still = f", no progress since {iso(run.progressed_ms)[:19]}Z" if run.stalled_ms is not None else ""
        return f"under way since {iso(run.started_ms or run.seen_ms)[:19]}Z{still}"
    links = ledger.links(run).values()
    chain = " → ".join(f"{row.link} {row.status}" for row in links)
    waiting = next((row for row in links if row.status is LinkState.PENDING and row.next_ms), None)
    why = (
        f"; {waiting.link} is tried again at {iso(waiting.next_ms)[:19]}Z: {waiting.detail}"
        if waiting
        else ""
    )
    return f"{run.status}: {chain}{why}"


def check(config: Config, environ: Mapping[str, str], clock: Clock) -> Iterator[Check]:
    """Whether the daemon could do its work here."""
    path = config.output.state_db
    if path.exists():
        try:
            with open_store(path):
                yield Check("store", Verdict.OK, str(path))
        except StreamgaugeError as error:
            yield _failed("store", error)
    else:
        yield Check("store", Verdict.OK, f"{path} is not there yet; watch makes it")
    for item in config.watch.databases:
        try:
            database = Database(item.path, item.tables, folder=config.output.state_folder)
            saw = f"{item.path}: {database.check()} runs"
            if database.note:
                yield Check("database", Verdict.WARN, f"{saw}; {database.note}")
            else:
                yield Check("database", Verdict.OK, saw)
        except StreamgaugeError as error:
            yield _failed("database", error)
    places = Places(config)
    for folder in (places.monitor.parent, places.reports, places.shelf.folder):
        nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
            yield Check("folder", Verdict.OK, f"{folder} can be written")
        else:
            fix = "Name another with watch.folder, or make it writable."
            yield Check("folder", Verdict.FAIL, f"{nearest} cannot be written", fix)
    yield _alerts(config, environ, clock)
    who = holder(places.lock)
    yield Check(_SUBJECT, Verdict.OK, f"runs ({who})" if who else "no daemon runs on this database")


def _alerts(config: Config, environ: Mapping[str, str], clock: Clock) -> Check:
    if config.alerts.file is None:
        return Check("alerts", Verdict.OK, "nobody is told (alerts.file is not set)")
    try:
        rules = read_rules(config.alerts.file)
    except StreamgaugeError as error:
        return _failed("alerts", error)
    _, missing = channels_of(rules, environ, clock)
    if missing:
        return Check("alerts", Verdict.WARN, missing[0], "`streamgauge alerts check` lists all.")
    return Check("alerts", Verdict.OK, ", ".join(receiver.name for receiver in rules.receivers))


def _failed(subject: str, error: StreamgaugeError) -> Check:
    problem, _, remedy = str(error).partition(". ")
    return Check(subject, Verdict.FAIL, problem, remedy)


def examine(config: Config, clock: Clock) -> Iterator[Check]:
    """For `doctor`: how the chain of the last run is, where a daemon was ever here."""
    path = config.output.state_db
    if not path.exists():
        return
    try:
        with open_store(path) as store:
            ledger = Ledger(store)
            last = ledger.last(1)
            if not last:
                return
            failures = ledger.failures(1)
            saw = f"{_daemon(config, ledger, clock)}; last run {last[0].key}: {links_of(ledger, last[0])}"
    except StreamgaugeError:
        return  # the check of the store says so
    if failures:
        key, row = failures[0]
        fix = f"{key}: {row.link} was given up: {row.detail}. `streamgauge watch --status` tells more."
        yield Check(_SUBJECT, Verdict.WARN, saw, fix)
        return
    yield Check(_SUBJECT, Verdict.OK, saw)
