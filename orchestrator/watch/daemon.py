"""The daemon: one thread looks, one leads chains, so that a large archive keeps nobody from being seen."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

from orchestrator.config.model import Config
from orchestrator.session.lock import hold_file
from orchestrator.store.database import create, open_store
from orchestrator.watch.audit_table import TableTail
from orchestrator.watch.chain import Chain
from orchestrator.watch.container_tail import ContainerTail
from orchestrator.watch.ingest import Ingest
from orchestrator.watch.journal import EventJournal
from orchestrator.watch.ledger import Ledger, State
from orchestrator.watch.links import Effects
from orchestrator.watch.places import Places
from orchestrator.watch.rolling import Rolling
from orchestrator.watch.watcher import Watcher
from tools.clock import Clock, iso
from tools.errors import ConfigError, StreamgaugeError

ALIVE = "alive"
"""Under this name the store holds when the daemon last looked, and its pid."""
LEAVE_S = 20.0
"""At our end, for what the chain is at: systemd kills after 90 s, docker compose after 10 s or what is set."""
_JOIN_S = 0.2
_CHAIN_EVERY_S = 2.0
_AGAIN_EVERY_S = 30.0
"""Between two looks whether a refused alert is due again."""
_TROUBLE_WAIT_S = 5.0
_MENDABLE = (StreamgaugeError, OSError, sqlite3.Error)


class Output(Protocol):
    """Takes a line for people."""

    def __call__(self, line: str, /) -> None:
        """Print it."""
        ...


class Daemon:
    """Runs until it is stopped. `load` reads the configuration anew; it is called again on SIGHUP.

    `audits` are the arguments of `run` for one session after the other; None for none. At its end it waits `leave_s`
    seconds for what its chain is at.
    """

    def __init__(
        self,
        load: Callable[[], Config],
        environ: Mapping[str, str],
        clock: Clock,
        say: Output,
        audits: Sequence[str] | None = None,
        *,
        leave_s: float = LEAVE_S,
    ) -> None:
        self._audits, self._leave_s = audits, leave_s
        self._chain: threading.Thread | None = None
        self._load, self._environ, self._clock, self._say = load, environ, clock, say
        self._stop, self._reload = threading.Event(), threading.Event()
        self._round = threading.Event()
        """Set where what runs now is to end: to stop, or to begin anew with another configuration."""
        self._config = load()

    def run(self) -> None:
        """Watch until SIGTERM or SIGINT. Raises LockHeld where another one does, UsageError, OSError."""
        places = Places(self._config)
        places.lock.parent.mkdir(parents=True, exist_ok=True)
        create(self._config.output.state_db)
        with hold_file(places.lock, "database, as its watch", "watch"), self._signals():
            places.create()
            self._check()
            EventJournal(places.monitor, self._clock).tell(
                "WATCH_STARTED",
                pid=os.getpid(),
                databases=[str(item.path) for item in self._config.watch.databases],
            )
            with self._rolling():
                self._rounds()
            EventJournal(Places(self._config).monitor, self._clock).tell("WATCH_STOPPED", pid=os.getpid())

    def _rounds(self) -> None:
        while not self._stop.is_set():
            # First of all: a signal that comes behind it ends the round that is about to begin.
            self._round.clear()
            if self._reload.is_set():
                self._reload.clear()
                self._begin_anew()
            elif not self._stop.is_set():
                self._one_round()

    @contextmanager
    def _rolling(self) -> Iterator[None]:
        """Sessions one after the other beside all this; the last one has its end before the daemon has."""
        if self._audits is None:
            yield
            return
        rolling = Rolling(self._audits, self._clock, self._stop, self._say)
        thread = threading.Thread(target=rolling.run, name="sessions")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _check(self) -> None:
        """Fail at once where something that is configured cannot be watched. Raises UsageError, ConfigError."""
        with open_store(self._config.output.state_db) as store:
            effects = Effects(self._config, store, self._environ, self._clock)
            Watcher(self._config, Ledger(store), effects, self._clock).check()
            if self._config.alerts.file is not None:
                effects.desk()

    def _one_round(self) -> None:
        """With one configuration, until the next or the end."""
        try:
            self._looks()
        finally:
            self._round.set()
            if self._chain is not None:
                self._await(self._chain)
                self._chain = None

    def _await(self, chain: threading.Thread) -> None:
        """Let what a chain is at come to its end: before another configuration always, before our end for a while.

        A receiver that takes no end may hold it for minutes, and whoever stops us kills us then: as a kill, leaving
        it loses nothing.
        """
        ends_at: float | None = None
        while chain.is_alive():
            chain.join(_JOIN_S)
            now = self._clock.monotonic()
            if self._stop.is_set():
                ends_at = now + self._leave_s if ends_at is None else ends_at
            if ends_at is not None and now >= ends_at and chain.is_alive():
                self._say("what the chain is at is left in the middle; the next start goes on with it")
                return

    def _keep_chains(self) -> None:
        """A thread that an error ended (it is on standard error) begins anew: chains must not stand still unseen."""
        if self._chain is None or not self._chain.is_alive():
            if self._chain is not None:
                self._say("the thread of the chains ended and begins anew")
            self._chain = threading.Thread(target=self._chains, name="chain", daemon=True)
            self._chain.start()

    def _looks(self) -> None:
        config = self._config
        with open_store(config.output.state_db) as store:
            ledger = Ledger(store)
            watcher = Watcher(config, ledger, Effects(config, store, self._environ, self._clock), self._clock)
            heartbeat = EventJournal(Places(config).monitor, self._clock)
            beat = self._clock.monotonic()
            tick = beat
            while not self._round.is_set():
                self._keep_chains()
                try:
                    for line in watcher.look():
                        self._say(line)
                    ledger.say(ALIVE, f"{os.getpid()} {self._clock.now_ms()}")
                    if self._clock.monotonic() >= beat:
                        self._heartbeat(heartbeat, ledger)
                        beat = self._clock.monotonic() + config.watch.heartbeat
                except _MENDABLE as error:
                    self._say(f"the look failed and is repeated: {error}")
                tick = max(tick + config.watch.look_every, self._clock.monotonic())
                self._clock.sleep_until(tick, self._round)

    def _heartbeat(self, journal: EventJournal, ledger: Ledger) -> None:
        watching = ledger.in_state(State.WATCHING)
        journal.tell(
            "HEARTBEAT", pid=os.getpid(), watching=[run.key for run in watching],
            chains=[run.key for run in ledger.in_state(State.ENDED)],
            stalled=[run.key for run in watching if run.stalled_ms is not None],
            oldestProgress=min((iso(run.progressed_ms) for run in watching), default=None),
        )  # fmt: skip

    def _chains(self) -> None:
        config = self._config
        while not self._round.is_set():
            try:
                with open_store(config.output.state_db) as store:
                    self._lead(config, Effects(config, store, self._environ, self._clock), Ledger(store))
            except _MENDABLE as error:
                self._say(f"the chain waits: {error}")
                self._clock.sleep_until(self._clock.monotonic() + _TROUBLE_WAIT_S, self._round)

    def _lead(self, config: Config, effects: Effects, ledger: Ledger) -> None:
        chain = Chain(ledger, effects, self._clock, self._round)
        containers = [
            ContainerTail(name, effects.store, self._environ, self._clock) for name in config.watch.containers
        ]
        tables = [
            TableTail(item, effects.store, self._environ, self._clock) for item in config.watch.audit_tables
        ]
        ingest = Ingest(effects.places.events, effects.store, self._clock, [*tables, *containers])
        with ExitStack() as stack:
            for container in containers:
                stack.callback(container.close)
            self._lead_on(config, effects, chain, ingest)

    def _lead_on(self, config: Config, effects: Effects, chain: Chain, ingest: Ingest) -> None:
        again, trouble = self._clock.monotonic() + _AGAIN_EVERY_S, ""
        while not self._round.is_set():
            for line in chain.run():
                self._say(line)
            for line in ingest.take():
                self._say(line)
            try:
                desk = effects.desk() if config.alerts.file is not None else None
                for line in ingest.tell(desk):
                    self._say(line)
                if desk is not None and self._clock.monotonic() >= again:
                    again = self._clock.monotonic() + _AGAIN_EVERY_S
                    for line in desk.again():
                        self._say(line)
                trouble = ""
            except (StreamgaugeError, OSError) as error:
                # An alert file that is being written, a lock: events are taken in all the same, and told then.
                if str(error) != trouble:
                    trouble = str(error)
                    self._say(f"alerts wait: {trouble}")
            self._clock.sleep_until(self._clock.monotonic() + _CHAIN_EVERY_S, self._round)

    def _begin_anew(self) -> None:
        """The configuration anew; one that is wrong is told, and the old one stays."""
        journal = EventJournal(Places(self._config).monitor, self._clock)
        before = self._config
        try:
            self._config = self._load()
            if self._config.output.state_db != before.output.state_db:
                raise ConfigError(
                    "another database", remedy="Restart the daemon to watch with it", key="output.state_db"
                )
            Places(self._config).create()
            self._check()
        except (StreamgaugeError, OSError) as error:
            self._config = before
            self._say(f"the configuration is not taken, the old one stays: {error}")
            journal.tell("CONFIG_REFUSED", reason=str(error))
            return
        self._say("the configuration was read again")
        journal.tell("CONFIG_RELOADED")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def end(*_: object) -> None:
            self._stop.set()
            self._round.set()

        def anew(*_: object) -> None:
            self._reload.set()
            self._round.set()

        before = {
            signal.SIGTERM: signal.signal(signal.SIGTERM, end),
            signal.SIGINT: signal.signal(signal.SIGINT, end),
            signal.SIGHUP: signal.signal(signal.SIGHUP, anew),
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
