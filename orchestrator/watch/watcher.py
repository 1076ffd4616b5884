"""One look at all sources: runs that began, that moved, that stand still, that are over. Each is remembered at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from msgspec import structs

from orchestrator.archive import chain
from orchestrator.config.model import Config
from orchestrator.session.opening import existing_session_id
from orchestrator.store.fill import fill
from orchestrator.watch import judging, views
from orchestrator.watch.beside import Beside
from orchestrator.watch.foreign import Database, DatabaseBusy, OwnDatabase
from orchestrator.watch.journal import EventJournal
from orchestrator.watch.judging import Ending
from orchestrator.watch.ledger import BEFORE_FIRST_MS, OWN, Ledger, State, Watched
from orchestrator.watch.links import Effects
from orchestrator.watch.sessions import SOURCE, of_archive, sessions
from orchestrator.watch.views import View
from tools.clock import Clock
from tools.errors import StreamgaugeError, UsageError
from tools.workspace import Workspace

_REVIVED_MS = 7 * 86_400_000
"""A run that was taken for over is looked at for a week: it may go on."""


_CLOCK_MOVED_MS = 10_000
"""More than a clock that is corrected slowly goes wrong between two looks."""


class Watcher:
    """Looks. `look` is called again and again; what it finds is in the ledger and in `logs/monitor.jsonl`."""

    def __init__(self, config: Config, ledger: Ledger, effects: Effects, clock: Clock) -> None:
        self._config, self._ledger, self._effects, self._clock = config, ledger, effects, clock
        self._journal = EventJournal(effects.places.monitor, clock)
        self._first_ms = ledger.first_start_ms(clock.now_ms())
        folder = config.output.state_folder
        self._databases = [Database(item.path, item.tables, folder=folder) for item in config.watch.databases]
        self._beside = Beside(config.watch, config.project.root)
        self._refused: dict[str, str] = {}
        self._notes: dict[str, str] = {}
        self._shelf_seen: set[str] = set()
        self._looked: tuple[int, float] | None = None

    def check(self) -> None:
        """Raises UsageError, naming path and table, where a configured database cannot be watched."""
        own = self._config.output.state_db
        for database in self._databases:
            if own.exists() and database.path.exists() and own.samefile(database.path):
                raise UsageError(
                    f"{database.path} is our own store, whose runs are watched anyway. Name another."
                )
            with suppress(DatabaseBusy):  # its runs wait, which the first look tells
                database.check()

    def look(self) -> Iterator[str]:
        """Look at every source once; a line for each thing that happened. Raises UsageError, OSError."""
        yield from self._clock_moved()
        for source in (SOURCE, OWN, *(database.source for database in self._databases)):
            try:
                found = list(self._beside.seen(self._views(source)))
            except (UsageError, OSError) as error:
                yield from self._cannot(source, str(error))
                continue
            except (ArithmeticError, ValueError, RecursionError) as error:
                # A value that nobody thought of must end neither us nor the look at others.
                yield from self._cannot(source, f"{source}: {type(error).__name__}: {error}")
                continue
            if self._refused.pop(source, None) is not None:
                self._journal.tell("SOURCE_BACK", source=source)
                yield f"{source}: can be read again"
            yield from self._copied(source)
            for view in found:
                yield from self._one(view)

    def _clock_moved(self) -> Iterator[str]:
        """Time that no process had: the clock was set, or the machine slept. No run stood still for so long."""
        now_ms, ticks_s = self._clock.now_ms(), self._clock.monotonic()
        before, self._looked = self._looked, (now_ms, ticks_s)
        if before is None:
            return
        moved_ms = now_ms - before[0] - round((ticks_s - before[1]) * 1000)
        if abs(moved_ms) >= _CLOCK_MOVED_MS:
            self._ledger.clock_moved(moved_ms)
            self._journal.tell("CLOCK_MOVED", seconds=moved_ms / 1000)
            yield f"the clock moved by {moved_ms / 1000:.0f} s; runs did not stand still for so long"

    def unfinished(self) -> list[Watched]:
        """The runs that are looked at now."""
        return self._ledger.in_state(State.WATCHING)

    def _views(self, source: str) -> Iterator[View]:
        now_ms, store = self._clock.now_ms(), self._ledger.store
        settled = self._ledger.settled(source, now_ms - _REVIVED_MS)
        if source == SOURCE:
            workspace = self._config.output.workspace
            yield from sessions(store, workspace, settled, now_ms)
            yield from self._shelved()
        elif source == OWN:
            yield from OwnDatabase(store, source=OWN).runs(settled)
        else:
            database = next(item for item in self._databases if item.source == source)
            yield from database.runs(settled)

    def _shelved(self) -> Iterator[View]:
        """Sessions that began and ended while nobody watched, and that nobody else took into the store."""
        shelf = self._effects.places.shelf
        for link in chain.read(shelf.folder):
            if link.name in self._shelf_seen or link.pruned_ms is not None:
                continue
            view = of_archive(shelf, link.name, self._config.output.workspace)
            self._shelf_seen.add(link.name)
            if view is not None and self._ledger.named(view.run_id) is None:
                yield view

    def _cannot(self, source: str, why: str) -> Iterator[str]:
        """A source that was there and is not is told once; its runs wait."""
        if self._refused.get(source) != why:
            self._refused[source] = why
            self._journal.tell("SOURCE_LOST", source=source, reason=why)
            yield why

    def _copied(self, source: str) -> Iterator[str]:
        """That a source is read as it was before is told once, and so is that it is not any more."""
        for database in self._databases:
            known = self._notes.get(source, "")
            if database.source == source and database.note != known:
                self._notes[source] = database.note
                kind = "SOURCE_COPIED" if database.note else "SOURCE_BACK"
                self._journal.tell(
                    kind, source=source, **({"reason": database.note} if database.note else {})
                )
                yield database.note or f"{source}: is read as it is again"

    def _one(self, view: View) -> Iterator[str]:
        known, now_ms = self._ledger.find(view), self._clock.now_ms()
        if known is None:
            known = self._ledger.add(view, now_ms, passed=self._is_history(view))
        if known.state is State.PASSED:
            if not known.revivable or view.progress == known.progress:
                return
            known = structs.replace(known, state=State.WATCHING, revivable=False, ended_ms=None)
        if not known.told_created:
            yield from self._created(known)
            known = structs.replace(known, told_created=True)
            self._ledger.write(known)
        if known.state is State.WATCHING:
            yield from self._watched(known, view)
        elif known.state is State.ENDED:
            if not known.told_completed:
                yield from self._completed(known)
        elif known.revivable and known.ended_ms is not None and now_ms - known.ended_ms < _REVIVED_MS:
            yield from self._over(known, view)

    def _is_history(self, view: View) -> bool:
        """Over for a day when the daemon was first started, or left open by its source for as long, as far as it says."""
        times = (
            view.ended_ms,
            view.started_ms,
            *(time for step in view.steps for time in (step.started_ms, step.ended_ms)),
        )
        newest_ms = max(time for time in times if time is not None)
        lives = view.alive and not judging.is_doubtful(view, self._clock.now_ms())
        left_open = view.kind != views.SESSION and not lives and newest_ms > 0
        may_be_over = view.outcome is not None or left_open
        return may_be_over and newest_ms < self._first_ms - BEFORE_FIRST_MS

    def _created(self, known: Watched) -> Iterator[str]:
        self._journal.tell_once(
            "RUN_CREATED", f"RUN_CREATED {known.key} {known.generation}", runId=known.run_id, key=known.key,
            source=known.source, kind=known.kind, workspace=known.workspace,
        )  # fmt: skip
        if known.kind == views.SESSION:
            self._fill(known)
        yield f"{known.key}: seen ({known.source})"

    def _fill(self, known: Watched) -> None:
        """The store shows a session that is under way; what it refuses is tried again at the end."""
        workspace = Workspace(self._config.output.workspace.resolve())
        if existing_session_id(workspace) == known.run_id:
            with suppress(StreamgaugeError, OSError):
                fill(self._ledger.store, workspace, self._clock)

    def _watched(self, known: Watched, view: View) -> Iterator[str]:
        now_ms, limits = self._clock.now_ms(), self._config.watch
        view = judging.with_known_process(known, view)
        seen = judging.observed(known, view, now_ms)
        end = judging.ending(seen, view, now_ms, limits)
        if end is not None:
            yield from self._end(seen, view, end)
            return
        if judging.is_still(seen, view, now_ms, limits) and seen.stalled_ms is None:
            seen = structs.replace(seen, stalled_ms=now_ms)
            # First told, under an id that a second time has too: a kill in between repeats it and loses nothing.
            yield from self._stands_still(seen)
            self._ledger.write(seen)
        elif seen != known:
            self._ledger.write(seen)

    def _end(self, seen: Watched, view: View, end: Ending) -> Iterator[str]:
        ended = structs.replace(
            seen,
            state=State.ENDED,
            status=end.status,
            why=end.why,
            revivable=end.revivable,
            ended_ms=view.ended_ms if view.ended_ms is not None else self._clock.now_ms(),
            view=view,
            told_completed=False,
        )
        self._ledger.write(ended)
        yield from self._completed(ended)

    def _completed(self, ended: Watched) -> Iterator[str]:
        self._journal.tell_once(
            "RUN_COMPLETED", f"RUN_COMPLETED {ended.key} {ended.generation}", runId=ended.run_id, key=ended.key,
            source=ended.source, status=ended.status, reason=ended.why, generation=ended.generation,
        )  # fmt: skip
        self._ledger.told_completed(ended)
        yield f"{ended.key}: over, {ended.status} ({ended.why})"

    def _stands_still(self, seen: Watched) -> Iterator[str]:
        minutes = (self._clock.now_ms() - seen.progressed_ms) // 60_000
        self._journal.tell_once(
            "RUN_STALLED", f"RUN_STALLED {seen.key} {seen.progressed_ms}", runId=seen.run_id, key=seen.key,
            source=seen.source, minutes=minutes,
        )  # fmt: skip
        yield f"{seen.key}: no progress for {minutes} minutes, its process runs"

    def _over(self, known: Watched, view: View) -> Iterator[str]:
        """A run that its source never called over: where it goes on, it is watched again, and ends again."""
        goes_on = view.progress != known.progress
        lives = judging.observed(known, view, self._clock.now_ms()).gone_ms is None and bool(view.alive)
        if not goes_on or (view.outcome is None and known.pid is not None and not lives):
            return
        same = view.outcome == known.status
        if same or (known.status == views.INTERRUPTED and view.outcome == views.FAILED):
            # Its source says by now what we had seen, or marks as failed what was cut off.
            self._ledger.write(structs.replace(known, progress=view.progress, revivable=False))
            return
        again = structs.replace(
            known,
            state=State.WATCHING,
            generation=known.generation + 1,
            status=view.status,
            why="",
            view=None,
            ended_ms=None,
            gone_ms=None,
            stalled_ms=None,
            told_completed=False,
            progress=view.progress,
            progressed_ms=self._clock.now_ms(),
        )
        self._journal.tell_once(
            "RUN_REVIVED", f"RUN_REVIVED {again.key} {again.generation}", runId=again.run_id, key=again.key,
            source=again.source, generation=again.generation,
        )  # fmt: skip
        self._ledger.write(again)
        yield f"{again.key}: goes on after it was taken for over"
        yield from self._watched(again, view)
