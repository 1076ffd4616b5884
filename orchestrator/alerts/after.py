"""Alerts when a session is over. They never stop one: what fails is told in a line and tried again next time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from orchestrator.alerts import engine, memory, observing
from orchestrator.alerts.channels.contract import Channel
from orchestrator.alerts.channels.making import make
from orchestrator.alerts.delivery import Delivery, Scope
from orchestrator.alerts.engine import values_of
from orchestrator.alerts.episodes import Episode, Observed, advance
from orchestrator.alerts.loading import read
from orchestrator.alerts.memory import Memory
from orchestrator.alerts.rules import AlertRules, routes_of
from orchestrator.session.lock import hold_when_free
from orchestrator.store.database import open_store
from tools.clock import Clock
from tools.errors import UsageError
from tools.workspace import workspace_at

_LOCK_WAIT_S = 60.0


class Places(NamedTuple):
    """The alert file, the store and the session's folder."""

    rules: Path
    store: Path
    workspace: Path


def tell(
    places: Places, environ: Mapping[str, str], clock: Clock, *, shadow: bool, lost: str = ""
) -> Iterator[str]:
    """Take in what a session says and tell who is to be told; lines for people.

    `lost` is how the alerts that were told while it ran came to nothing; the ledger keeps it. Raises UsageError,
    LockHeld, OSError.
    """
    desk = Desk(read(places.rules), places.store, environ, clock, shadow=shadow)
    yield from desk.tell(lambda now_ms: observing.observed(workspace_at(places.workspace), now_ms), lost)


class Desk:
    """Where all that alerts are about is handed in, by one process at a time."""

    def __init__(
        self, rules: AlertRules, store: Path, environ: Mapping[str, str], clock: Clock, *, shadow: bool
    ) -> None:
        self._rules, self._store, self._environ = rules, store, environ
        self._clock, self._shadow = clock, shadow

    def tell(self, look: Callable[[int], Observed], lost: str = "") -> Iterator[str]:
        """Take in what `look` sees (given the time in ms) and tell who is to be told; lines for people.

        `lost` goes to the ledger. Raises UsageError, LockHeld, OSError.
        """
        with (
            hold_when_free(lock_of(self._store), "alerts", "alerts", self._clock, _LOCK_WAIT_S),
            open_store(self._store) as store,
        ):
            now_ms = self._clock.now_ms()
            known = memory.load(store, shadow=self._shadow)
            if lost:
                memory.save(store, known, [memory.lost_entry(lost)], now_ms, shadow=self._shadow)
            seen = look(now_ms)
            known = memory.renamed(known, dict(seen.renamed))
            current = Memory(episodes=advance(known.episodes, seen, now_ms), state=known.state)
            channels, problems = channels_of(self._rules, self._environ, self._clock)
            yield from problems
            delivery = Delivery(self._rules, channels, store, self._clock)
            yield from delivery.run(current, Scope(since_ms=seen.begun_ms), shadow=self._shadow)

    def again(self) -> Iterator[str]:
        """Tell what was refused, and what lasts and is due again; nothing is written where nothing is due."""
        with open_store(self._store) as store:
            known = memory.load(store, shadow=self._shadow)
        now_ms = self._clock.now_ms()
        if engine.decide(self._rules, known.episodes, known.state, now_ms, settled=True).due:
            yield from self.tell(lambda _: Observed((), ()))

    def refused(self, episodes: Collection[Episode]) -> list[str]:
        """Receivers that were to be told of these and have not taken it yet. Raises UsageError."""
        with open_store(self._store) as store:
            groups = memory.load(store, shadow=self._shadow).state.groups
        return sorted(
            {
                group.receiver
                for item in episodes
                for timing in routes_of(self._rules, item.labels)
                for group in groups
                if group.failures
                and (group.place, group.receiver) == (timing.place, timing.receiver)
                and group.values == values_of(timing, item.labels)
                and item.key not in {told.key for told in group.told}
            }
        )


def lock_of(store: Path) -> Path:
    """Held by whoever tells."""
    return store.with_name(f"{store.name}.alerts.lock")


def channels_of(
    rules: AlertRules, environ: Mapping[str, str], clock: Clock
) -> tuple[dict[str, Channel], list[str]]:
    """The channels by receiver, and a sentence for each that lacks something."""
    channels: dict[str, Channel] = {}
    problems: list[str] = []
    for receiver in rules.receivers:
        try:
            channels[receiver.name] = make(receiver, environ, clock)
        except UsageError as error:
            problems.append(str(error))
    return channels, problems
