"""Alerts when a session is over. They never stop one: what fails is told in a line and tried again next time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from orchestrator.alerts import memory, observing
from orchestrator.alerts.channels.contract import Channel
from orchestrator.alerts.channels.making import make
from orchestrator.alerts.delivery import Delivery
from orchestrator.alerts.episodes import advance
from orchestrator.alerts.loading import read
from orchestrator.alerts.memory import Memory
from orchestrator.alerts.rules import AlertRules
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


def tell(places: Places, environ: Mapping[str, str], clock: Clock, *, shadow: bool) -> Iterator[str]:
    """Take in what a session says and tell who is to be told; lines for people.

    One process at a time does it, so that nothing is told twice. Raises UsageError, LockHeld, OSError.
    """
    rules = read(places.rules)
    lock = places.store.with_name(f"{places.store.name}.alerts.lock")
    with hold_when_free(lock, "alerts", "alerts", clock, _LOCK_WAIT_S), open_store(places.store) as store:
        now_ms = clock.now_ms()
        known = memory.load(store, shadow=shadow)
        seen = observing.observed(workspace_at(places.workspace), now_ms)
        current = Memory(episodes=advance(known.episodes, seen, now_ms), state=known.state)
        channels, problems = channels_of(rules, environ, clock)
        yield from problems
        yield from Delivery(rules, channels, store, clock).run(current, settled=True, shadow=shadow)


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
