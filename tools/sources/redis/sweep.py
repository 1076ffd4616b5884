"""The Stream Analyst's eyes: one poll of everything, at a cost that is measured and stated."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from tools.clock import Clock
from tools.errors import SourceUnavailable
from tools.sources.entry_samples import EntrySample, LeftOut
from tools.sources.gaps import CLIENTS, ENTRIES
from tools.sources.records import (
    ClientState,
    Gap,
    Poll,
    PollCost,
    ServerState,
    StreamState,
)
from tools.sources.redis import clients, commandstats, discovery, lag, server
from tools.sources.redis.breaks import Break, between
from tools.sources.redis.idling import aged
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.meter import Meter
from tools.sources.redis.names import NameBook
from tools.sources.redis.pacing import Pace, Pacer
from tools.sources.redis.readonly import ReadOnlyClient, ReplyError
from tools.sources.redis.replies import as_bytes
from tools.sources.redis.since import Since
from tools.sources.redis.streams import StreamReader, raw_names

QUIET_POLLS_MAX = 3
"""After so many quiet polls in a row the next one sweeps, whatever the counters say."""

GAP_POLLS = 4
"""Polls that are missing in a row, before their absence is a gap."""

CLIENTS_EVERY_MS = 60_000
DISCOVERY_EVERY_MS = 60_000
DISCOVERY_KEYS_CHEAP = 20_000
"""Up to so many keys, streams are looked for at every sweep (20 calls of SCAN)."""


_TRIES = 2
_RIGHTS = "Give the user the ACL line that `streamgauge doctor` prints."


class _TornError(Exception):
    """The connection was opened again within a poll: its halves may be of two servers."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What other sources of the same audit look at: it is no gap of this one."""

    nodes: bool = False
    databases: frozenset[int] = frozenset()


class StreamSource:
    """Polls one database of one server. Raises SourceUnavailable; the next poll is then `after_gap`.

    `lost`: an earlier process lost the server, and nobody has seen it since.
    """

    def __init__(
        self,
        client: ReadOnlyClient,
        clock: Clock,
        *,
        source: str = "streams/polls.jsonl",
        limits: LookLimits | None = None,
        lost: bool = False,
        pace: Pace | None = None,
        names: NameBook | None = None,
    ) -> None:
        self._client, self._clock, self._source = client, clock, source
        self._limits = limits or LookLimits()
        self._gap_ms = self._limits.gap_ms
        self._pacer = Pacer(client, clock, pace)
        self._meter = Meter(client)
        self._names = names or NameBook()
        self.beside = Beside()
        self._reader = StreamReader(self._pacer, clock, self._names, self._limits)
        self._raws: list[bytes] = []
        self._complete = True
        self._discovered_ms: int | None = None
        self._clients_ms: int | None = None
        self._clients_refused: str | None = None
        self._last: server.ServerReading | None = None
        self._last_sent: Counter[str] = Counter()
        self._last_at_ms: int | None = None
        self._last_steady_s = 0.0
        self._quiet_polls = 0
        self._lost = lost
        self._hidden = False
        self.broke: Break | None = None
        """Why the newest poll is `after_gap`, where the server was not lost: it answered at every poll."""

    def poll(self, number: int, *, previous: Poll | None) -> Poll:
        """Everything at this moment. `previous` is the poll before, for what may be left out or grew."""
        try:
            for _ in range(_TRIES):
                try:
                    with _uncollected():
                        return self._poll(number, previous)
                except _TornError:
                    continue
            where, fix = (
                f"Redis at {self._client.address}",
                "Check the network between, and the server's log.",
            )
            raise SourceUnavailable(where, "the connection was lost in the middle of each poll", fix)
        except SourceUnavailable:
            self._lost = True
            self._client.close()
            raise

    def lose(self) -> None:
        """Whatever answers next is not what answered before."""
        self._lost = True
        self._client.close()

    def recheck(self, poll: Poll, groups: Iterable[tuple[str, str]]) -> Poll:
        """The same poll with the streams of these (stream, group) looked at again.

        Call it at least `lag_recheck_ms` after the poll: a lag that is still above its limit is then
        `confirmed`. Raises SourceUnavailable.
        """
        wanted = {stream for stream, _ in groups}
        opened = self._client.opened
        try:
            seen = self._reader.light(raw_names(self._names, sorted(wanted)))
            # What was done since the poll is not known here, so the server's own lag is not believed.
            states = self._reader.states(seen, honest=False, whole=False)
            server_us = self._meter.read(self._pacer)
        except SourceUnavailable:
            self._lost = True
            raise
        if self._client.opened != opened:
            return poll  # the second look may have been at another server
        fresh = {state.name: state for state in states}
        kept = [
            fresh.get(state.name, state) for state in poll.streams if state.name not in wanted - set(fresh)
        ]
        late = {} if self._last is None else self._meter.moved(self._last.stats, self._last_sent)
        return msgspec.structs.replace(
            poll,
            streams=tuple(kept),
            until_ms=self._clock.now_ms(),
            late_calls=late,
            cost=msgspec.structs.replace(poll.cost, server_us=poll.cost.server_us + server_us),
        )

    def expect_every(self, interval_s: float) -> None:
        """Polls come this far apart, seconds: a pause of a few of them is no gap."""
        self._gap_ms = max(self._gap_ms, round(interval_s * 1000 * GAP_POLLS))

    def keep_samples(self, cursors: Mapping[str, str]) -> None:
        """Hand over sampled entries from now on; `cursors` say per stream how far an earlier process got."""
        self._reader.sampler.keep(cursors)

    def samples(self) -> list[EntrySample | LeftOut]:
        """The entries sampled since the last call, where they are kept."""
        return self._reader.sampler.take()

    def gaps(self) -> tuple[Gap, ...]:
        """What else this source cannot see, as of the last poll; for the report, each written once."""
        found = list(self._limits_of_coverage())
        now = self._clock.now_ms()
        return tuple(
            Gap(what=what, why=why, fix=fix, source=self._source, at_ms=now, blind=blind)
            for what, why, fix, blind in found
        )

    def _poll(self, number: int, previous: Poll | None) -> Poll:
        started = self._clock.monotonic()
        trips = self._client.round_trips
        quiet = None if previous is None else self._quiet_poll(number, previous, started)
        if quiet is not None:
            return quiet
        sent = self._client.sent.copy()
        reading = server.read(self._client, self._client.database)
        opened, now = self._client.opened, self._clock.now_ms()
        self.broke = self._break(reading, previous, now)
        after_gap = self._lost or self.broke is not None
        if after_gap:
            self._reader.forget()
            self._clients_ms = None
        before = None if after_gap else self._last
        calls = (
            {} if before is None else commandstats.growth(before.stats, reading.stats, sent - self._last_sent)
        )
        server_us = self._meter.add(reading.stats, sent)
        found_clients = self._read_clients(now)
        waits_since_ms = clients.waits_since(found_clients or (), now)
        streams = self._sweep(reading, None if after_gap else previous, now, before, waits_since_ms)
        self._quiet_polls = 0
        self._see_rights(previous, streams)
        server_us += self._meter.read(self._pacer)
        late_calls = self._meter.moved(reading.stats, sent)
        if self._client.opened != opened:
            raise _TornError
        self._last, self._last_sent, self._last_at_ms, self._lost = reading, sent, now, False
        self._last_steady_s = started
        return Poll(
            number=number,
            at_ms=now,
            server=reading.state,
            streams=streams,
            calls=calls,
            clients=found_clients,
            clients_ms=0 if found_clients is None else now,
            late_calls=late_calls,
            cost=self._cost(server_us, trips, started),
            after_gap=after_gap or self.broke is not None,
            source=self._source,
            until_ms=self._clock.now_ms(),
        )

    def _quiet_poll(self, number: int, previous: Poll, started: float) -> Poll | None:
        """The poll where one INFO shows that nothing has moved; None where a look is due."""
        before = self._last
        if (
            before is None
            or self._lost
            or previous.at_ms != self._last_at_ms
            or self._quiet_polls >= QUIET_POLLS_MAX
            or before.state.role != "master"
        ):
            return None
        trips, opened, sent = self._client.round_trips, self._client.opened, self._client.sent.copy()
        seen = server.glance(self._client, before.state.version)
        now = self._clock.now_ms()
        calls = commandstats.growth(before.stats, seen.stats, sent - self._last_sent)
        if (
            self._client.opened != opened
            or seen.role not in {None, "master"}
            or seen.key_losses not in {None, before.key_losses}
            or commandstats.was_reset(before.stats, seen.stats)
            or not commandstats.is_quiet(calls)
            or self._pause(previous, before.state, now) is not None
            or (self._reader.due_ms is not None and now >= self._reader.due_ms)
        ):
            return None
        self._quiet_polls += 1
        self._last = msgspec.structs.replace(before, stats=seen.stats)
        self._last_sent, self._last_at_ms, self._last_steady_s = sent, now, started
        self.broke = None
        return Poll(
            number=number,
            at_ms=now,
            server=before.state,
            # What was read last is the youngest: nothing is told to be older than it is.
            streams=aged(previous.streams, now - max(previous.until_ms, previous.at_ms)),
            calls=calls,
            cost=self._cost(self._meter.add(seen.stats, sent), trips, started),
            quiet=True,
            source=self._source,
            until_ms=now,
        )

    def _break(self, reading: server.ServerReading, previous: Poll | None, now: int) -> Break | None:
        return None if previous is None else self._pause(previous, reading.state, now)

    def _pause(self, previous: Poll, state: ServerState, now: int) -> Break | None:
        own = previous.at_ms == self._last_at_ms
        elapsed_ms = round((self._clock.monotonic() - self._last_steady_s) * 1000) if own else None
        # While the server was lost, polls were tried: a long time without one is no pause of ours.
        return between(previous, state, now, elapsed_ms, sys.maxsize if self._lost else self._gap_ms)

    def _see_rights(self, previous: Poll | None, streams: tuple[StreamState, ...]) -> None:
        """A user whose rights were taken sees nothing, which must not read as a server without streams."""
        refused = self._reader.refused
        if refused and not streams and previous is not None and previous.streams:
            raise SourceUnavailable(f"Redis at {self._client.address}: every stream", refused, _RIGHTS)
        if self._hidden and not refused:
            # Streams that come into sight again did not grow from nothing.
            self.broke = self.broke or Break("the user may see all streams again", "Nothing to do.")
        self._hidden = refused is not None

    def _sweep(
        self,
        reading: server.ServerReading,
        previous: Poll | None,
        now: int,
        before: server.ServerReading | None,
        waits_since_ms: int | None,
    ) -> tuple[StreamState, ...]:
        due = self._discovered_ms is None or now - self._discovered_ms >= DISCOVERY_EVERY_MS
        if due or previous is None or reading.keys <= DISCOVERY_KEYS_CHEAP:
            self._raws, self._complete = discovery.streams(self._pacer)
            self._discovered_ms = now
        self._reader.refused = None
        since = Since(self._pacer, None if before is None else before.stats, self._last_sent)
        lengths = not lag.grows_always(reading.state)
        seen = self._reader.whole(self._raws, since.is_told_briefly, lengths=lengths)
        there = {item.raw for item in seen}
        for raw in self._raws:
            if raw not in there:
                self._names.forget(raw)
        self._raws = [item.raw for item in seen]
        # The counters of the poll's beginning would not do: they know nothing of what was done just before a group
        # was read.
        moved = None if before is None else since.moved()
        if before is not None and (moved is None or not lag.is_steady(moved)):
            self._reader.distrust()
        touched = moved is None or not commandstats.leaves_consumers(moved)
        return self._reader.states(
            seen, honest=lag.is_honest(reading.state), touched=touched, waits_since_ms=waits_since_ms
        )

    def _read_clients(self, now: int) -> tuple[ClientState, ...] | None:
        if self._clients_ms is not None and now - self._clients_ms < CLIENTS_EVERY_MS:
            return None
        self._clients_ms = now
        reply = self._pacer.batch([("CLIENT", "LIST")])[0]
        if isinstance(reply, ReplyError):
            self._clients_refused = reply.text
            return None
        return clients.parse(as_bytes(reply), self._client.connection_id)

    def _cost(self, server_us: int, trips: int, started: float) -> PollCost:
        return PollCost(
            server_us=server_us,
            round_trips=self._client.round_trips - trips,
            wall_ms=round((self._clock.monotonic() - started) * 1000, 3),
        )

    @property
    def hidden_part(self) -> str:
        """What `hidden` is about."""
        return f"Redis at {self._client.address}: some streams"

    def hidden(self) -> Gap | None:
        """The streams that the user may not see, as of the last poll; None where there are none."""
        if self._reader.refused is None:
            return None
        now = self._clock.now_ms()
        return Gap(
            what=self.hidden_part, why=self._reader.refused, fix=_RIGHTS, source=self._source, at_ms=now
        )

    def _limits_of_coverage(self) -> Iterable[tuple[str, str, str, bool]]:
        where = f"Redis at {self._client.address}"
        if not self._limits.samples:
            yield (
                f"{where}{ENTRIES}",
                "redis.samples is off",
                "Set redis.samples = true to follow messages.",
                False,
            )
        if self._reader.sampler.refused:
            yield f"{where}{ENTRIES}", "the user may not send XRANGE", "Allow +xrange +xrevrange.", False
        if self._clients_refused:
            yield f"{where}{CLIENTS}", self._clients_refused, "Allow the user +client|list.", False
        if self._reader.passed_over:
            why = "of so many long lists only those with the most telling entries are watched in depth"
            yield f"{where}: pending entries lists", why, "Acknowledge or claim what is stuck.", False
        if not self._complete:
            text = f"there are more than {discovery.STREAMS_MAX} streams"
            yield f"{where}: streams beyond the limit", text, "Audit databases or nodes one by one.", True
        if self._last is None:
            return
        if self._last.cluster and not self.beside.nodes:
            fix = "Allow the user +cluster|slots, or run one session for each primary."
            yield f"{where}: other nodes of the cluster", "one node is looked at", fix, True
        if self._last.state.role != "master":
            why = "a replica knows neither delivery counts nor idle times exactly"
            yield f"{where}: pending entries and consumers", why, "Point redis.url at the primary.", False
        if others := self._last.other_keys.keys() - self.beside.databases:
            numbers = ", ".join(map(str, sorted(others)))
            fix = 'Name them in redis.databases, or set it to "all".'
            yield f"{where}: databases {numbers}", "they are not among those to look at", fix, False


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cycle collector: a look at 10,000 streams makes half a million lists and no cycle among them.

    Collecting meanwhile doubled the time of a look. What is left of it lives until the next one, so it joins the old
    objects without being examined first.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():  # else somebody froze objects on purpose, and they stay so
                gc.freeze()
                gc.unfreeze()
            gc.enable()
