"""The Stream Analyst's eyes on a whole deployment: one StreamSource for each database of each primary, one poll of all.

A primary that cannot be looked at while others can is a part that is unseen (`unseen`); its streams are then in no
poll. Only where none answers is the poll itself missing. Parts are asked one after another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec.structs import replace

from tools.clock import NEVER, Clock, StopSignal
from tools.errors import SourceUnavailable
from tools.sources.entry_samples import EntrySample, LeftOut
from tools.sources.records import Gap, Poll, StreamState
from tools.sources.redis import cluster, moved
from tools.sources.redis.access import demoted
from tools.sources.redis.all_pending import AllPending, Budget, Place, UnreadPending
from tools.sources.redis.breaks import Break
from tools.sources.redis.deployment import DATABASES_MAX, Deployment
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.merge import Piece, merged, without
from tools.sources.redis.parts import Part, Parts

_NAMED_MAX = 12
"""Databases that one gap names."""
_UNREACHABLE = ("no connection", "no answer in time")


class DeploymentSource:
    """Polls everything that an address stands for. Raises SourceUnavailable; the next poll is then `after_gap`.

    `lost` names what an earlier process lost and nobody has seen since: `what`, or what a gap of `unseen` names.
    """

    def __init__(
        self,
        deployment: Deployment,
        clock: Clock,
        *,
        source: str = "streams/polls.jsonl",
        limits: LookLimits | None = None,
        lost: Collection[str] = (),
    ) -> None:
        self._deployment, self._clock, self._source = deployment, clock, source
        self._parts = Parts(deployment, clock, source, limits or LookLimits(), frozenset(lost))
        self._last: Poll | None = None
        self._where: dict[str, Part] = {}
        self.broke: Break | None = None
        """Why the newest poll is `after_gap`, where no part was lost: all answered at every poll."""

    @property
    def what(self) -> str:
        """What is missing where `poll` raises."""
        return self._deployment.what

    def poll(self, number: int, *, previous: Poll | None) -> Poll:
        """Everything at this moment. `previous` is the poll before, for what may be left out or grew."""
        self.broke = None
        try:
            self._parts.keep_up(previous)
            polls = self._ask(number, previous, {})
            if self._deployment.is_cluster and self._lost():
                self._parts.refresh(previous)
                polls = self._ask(number, previous, polls)
        except SourceUnavailable as error:
            for part in self._parts.all:
                part.lose(error)
            self._parts.expect_change()
            self._parts.missed = not self._parts.all
            raise
        seen = [part for part in self._parts.all if part in polls]
        if not seen:
            self._parts.expect_change()
            raise self._of_all()
        self._last = self._whole(number, previous, {part: polls[part] for part in seen})
        self._parts.missed = False
        self._parts.keep_names(self._last)
        return self._last

    def recheck(self, poll: Poll, groups: Iterable[tuple[str, str]]) -> Poll:
        """The same poll with the streams of these (stream, group) looked at again, wherever they are now.

        Raises SourceUnavailable where no part can be asked.
        """
        pairs = list(groups)
        names = {stream for stream, _ in pairs}
        fresh: dict[str, StreamState] = {}
        until_ms, server_us, late = poll.until_ms, poll.cost.server_us, dict(poll.late_calls)
        for part in dict.fromkeys(self._where[name] for name in sorted(names) if name in self._where):
            here = [state for state in poll.streams if self._where.get(state.name) is part]
            wanted = [state for state in here if state.name in names]
            mine = {state.name for state in wanted}
            try:
                seen = part.source.recheck(_of(part, poll, wanted), [one for one in pairs if one[0] in mine])
            except SourceUnavailable as error:
                part.lose(error)
                names |= {state.name for state in here}  # what it said before is left out with it
            else:
                fresh |= {state.name: state for state in seen.streams}
                until_ms = max(until_ms, seen.until_ms)
                server_us += seen.cost.server_us - poll.cost.server_us
                late |= {name: max(count, late.get(name, 0)) for name, count in seen.late_calls.items()}
                _lean_on(part, seen, mine)
        if len(self._lost()) == len(self._parts.all):
            raise self._of_all()
        absent = [state for state in poll.streams if state.name in names - set(fresh)]
        fresh |= {state.name: state for state in self._find(absent, poll)}
        streams = {state.name: state for state in poll.streams if state.name not in names} | fresh
        ordered = tuple(streams[name] for name in sorted(streams))
        self._where = {name: part for name, part in self._where.items() if name in streams}
        self._last = replace(
            poll,
            streams=ordered,
            nodes=self._parts.nodes(self._where),
            until_ms=until_ms,
            late_calls=late,
            cost=replace(poll.cost, server_us=server_us),
        )
        return self._last

    def read_all_pending(
        self, poll: Poll, budget: Budget | None = None, stop: StopSignal = NEVER
    ) -> tuple[Poll, tuple[UnreadPending, ...]]:
        """The newest poll with every pending entries list read to its end, and those that could not be."""
        streams: dict[Part, dict[bytes, StreamState]] = {}
        for state in poll.streams:
            part, raw = self._where[state.name], self._parts.book(state.database).raw(state.name)
            if raw is not None and not all(group.pending_complete for group in state.groups):
                streams.setdefault(part, {})[raw] = state
        places = [Place(part.client, there) for part, there in streams.items()]
        return AllPending(self._clock, budget, stop).read(poll, places)

    def expect_every(self, interval_s: float) -> None:
        """Polls come this far apart, seconds: a pause of a few of them is no gap."""
        self._parts.expect_every(interval_s)

    def keep_samples(self, cursors: Mapping[str, str]) -> None:
        """Hand over sampled entries from now on; `cursors` say per stream how far an earlier process got."""
        self._parts.cursors = cursors

    def samples(self) -> list[EntrySample | LeftOut]:
        """The entries sampled since the last call, where they are kept."""
        return [sample for part in self._parts.all for sample in part.source.samples()]

    def gaps(self) -> tuple[Gap, ...]:
        """What else this source cannot see, as of the last poll; for the report, each written once."""
        found = [gap for part in self._parts.all if part.error is None for gap in part.source.gaps()]
        if self._parts.unserved:
            why = f"{self._parts.unserved} of {cluster.SLOTS} slots belong to no primary"
            fix = "Give these slots to a primary, or restore the one that had them."
            found.append(self._gap(f"{self.what}: keys in slots that nobody serves", why, fix))
        return (*found, *self._beyond())

    def _beyond(self) -> Iterator[Gap]:
        """Of each server that has more databases than are looked at one gap, which names them."""
        for part in {part.address: part for part in self._parts.all if part.error is None}.values():
            numbers = self._deployment.beyond(part.primary)
            if numbers:
                named = ", ".join(map(str, numbers[:_NAMED_MAX]))
                more = f" and {rest} more" if (rest := len(numbers) - _NAMED_MAX) > 0 else ""
                why = f"at most {DATABASES_MAX} of a server are looked at, and not: {named}{more}"
                fix = (
                    f"Name up to {DATABASES_MAX} in redis.databases, or run a session for each part of them."
                )
                yield self._gap(f"Redis at {part.address}: databases beyond the limit", why, fix)

    def unseen(self) -> tuple[Gap, ...]:
        """The parts that could not be looked at, or not wholly, as of the last poll."""
        found: list[Gap] = []
        for part in self._parts.all:
            hidden = part.source.hidden() if part.error is None else None
            if part.error is not None:
                found.append(self._gap(part.what, part.error.why, part.error.fix))
            elif hidden is not None:
                found.append(hidden)
        return tuple(found)

    def _gap(self, what: str, why: str, fix: str) -> Gap:
        return Gap(what=what, why=why, fix=fix, source=self._source, at_ms=self._clock.now_ms())

    def _lost(self) -> list[Part]:
        return [part for part in self._parts.all if part.error is not None]

    def _ask(self, number: int, previous: Poll | None, done: dict[Part, Poll]) -> dict[Part, Poll]:
        """Poll every part that was not polled yet. A node that is down is not asked for each of its databases."""
        down: dict[object, SourceUnavailable] = {}
        for part in self._parts.all:
            if part in done:
                continue
            known = down.get(part.primary.host)
            try:
                if known is not None:
                    raise known
                beside = self._sent_beside(part)
                poll = part.source.poll(number, previous=self._previous_of(part, previous))
                if self._deployment.names_nodes and poll.server.role != "master":
                    raise demoted(part.client.address)
            except SourceUnavailable as error:
                part.lose(_mended(error))
                if error.why.startswith(_UNREACHABLE):
                    down[part.primary.host] = error
            else:
                part.error, part.last = None, poll
                done[part] = replace(poll, calls=without(poll.calls, beside - part.beside))
                part.beside = beside
                if poll.clients is not None:
                    part.clients, part.clients_ms = poll.clients, poll.at_ms
        return done

    def _sent_beside(self, part: Part) -> Counter[str]:
        """What our connections to the same server's other databases sent so far."""
        sent: Counter[str] = Counter()
        for other in self._parts.all:
            if other.primary.host == part.primary.host and other is not part:
                sent.update(other.client.sent)
        return sent

    def _of_all(self) -> SourceUnavailable:
        errors = [part.error for part in self._parts.all if part.error is not None]
        if len(errors) == 1:
            return errors[0]
        reasons = dict.fromkeys(f"{error.what.removeprefix('Redis at ')}: {error.why}" for error in errors)
        return SourceUnavailable(self.what, "; ".join(reasons), errors[0].fix)

    def _previous_of(self, part: Part, previous: Poll | None) -> Poll | None:
        """What this part is compared with: its own last poll, or its share of what an earlier process saw."""
        last = self._last
        if previous is None:
            return None
        if last is not None and (last.number, last.at_ms) == (previous.number, previous.at_ms):
            return part.last
        nodes = {node.address: node.server for node in previous.nodes}
        server = nodes.get(part.address) if self._deployment.is_cluster else previous.server
        if server is None:
            return None
        streams = tuple(state for state in previous.streams if state.database == part.database)
        return replace(previous, server=server, streams=streams)

    def _whole(self, number: int, previous: Poll | None, polls: Mapping[Part, Poll]) -> Poll:
        before, self._where = self._where, {}
        if len(self._parts.all) == 1 and not self._deployment.names_nodes:
            ((part, poll),) = polls.items()
            self.broke = part.source.broke
            self._where = {state.name: part for state in poll.streams}
            return poll
        streams: dict[str, StreamState] = {}
        for part, poll in polls.items():
            for state in poll.streams:
                streams[state.name], self._where[state.name] = state, part
        absent = [
            state for state in (() if previous is None else previous.streams) if state.name not in streams
        ]
        # Where a part is not seen, what it had is unseen with it, and not gone.
        missing = [state for state in absent if (at := before.get(state.name)) is None or at.error is None]
        streams |= {state.name: state for state in self._find(missing, previous)}
        first: dict[object, Part] = {}
        for part in polls:
            first.setdefault(part.primary.host, part)
        pieces = [
            Piece(poll, first[part.primary.host] is part, part.clients_at(poll.at_ms))
            for part, poll in polls.items()
        ]
        poll = merged(number, pieces, streams.values())
        self.broke = self._break(list(polls), previous)
        after_gap = poll.after_gap or self.broke is not None
        return replace(poll, nodes=self._parts.nodes(self._where), after_gap=after_gap)

    def _break(self, seen: list[Part], previous: Poll | None) -> Break | None:
        if self._parts.vanished:
            names = ", ".join(sorted(self._parts.vanished))
            self._parts.vanished.clear()
            why = f"{names} is no primary any more: a failover, or its slots went to others"
            return Break(why, "Find what made that necessary.")
        known = "" if previous is None else "".join(node.address for node in previous.nodes)
        if known and not self._deployment.is_cluster and known != seen[0].address:
            why = f"{seen[0].address} is the primary now in the place of {known}: a failover"
            return Break(why, "Find what made the failover necessary.")
        broken = [(part, broke) for part in seen if (broke := part.source.broke) is not None]
        if not broken:
            return None
        part, first = broken[0]
        why = f"{part.client.address}: {first.why}" if len(self._parts.all) > 1 else first.why
        return Break(why, first.fix, blind=any(broke.blind for _, broke in broken))

    def _find(self, missing: list[StreamState], poll: Poll | None) -> Iterator[StreamState]:
        """Streams of a cluster that are not where they were: where they are now. What is gone is left out."""
        if not missing or poll is None or not self._deployment.is_cluster:
            return
        for database in sorted({state.database for state in missing}):
            book = self._parts.book(database)
            known = [(book.raw(state.name), state) for state in missing if state.database == database]
            raws = {raw: state for raw, state in known if raw is not None}
            try:
                self._parts.refresh(poll)
                found = moved.find(self._deployment, self._clock, raws, database)
            except SourceUnavailable:
                self._parts.expect_change()  # the next poll tells whom it does not see
                continue
            for host in dict.fromkeys([*found.there.values(), *found.coming.values()]):
                part = self._parts.at(host, database)
                if part is not None:
                    here = [raws[raw] for raw, at in found.there.items() if at == host]
                    coming = {raw: raws[raw].name for raw, at in found.coming.items() if at == host}
                    yield from self._at_its_place(part, here, coming, poll)

    def _at_its_place(
        self, part: Part, here: list[StreamState], coming: Mapping[bytes, str], poll: Poll
    ) -> Iterator[StreamState]:
        own = _of(part, poll, here)
        try:
            seen = list(
                part.source.recheck(own, [(state.name, "") for state in here]).streams if here else ()
            )
            if coming and part.primary.host is not None:
                seen += moved.look(self._deployment, part.primary.host, coming, part.database, own.server)
        except SourceUnavailable as error:
            part.lose(error)
            return
        self._where |= {state.name: part for state in seen}
        yield from seen


def _lean_on(part: Part, seen: Poll, names: Collection[str]) -> None:
    """What a part's next poll is compared with holds these streams as they were seen again."""
    if part.last is not None:
        streams = [state for state in part.last.streams if state.name not in names] + list(seen.streams)
        ordered = tuple(sorted(streams, key=lambda state: state.name))
        part.last = replace(part.last, streams=ordered, until_ms=seen.until_ms)


def _mended(error: SourceUnavailable) -> SourceUnavailable:
    """A cluster that misses a part stops answering for all of it, unless it is told otherwise."""
    if not error.why.startswith("CLUSTERDOWN"):
        return error
    return SourceUnavailable(
        error.what, error.why, "Restore the primary that is missing, or let a replica take its slots."
    )


def _of(part: Part, poll: Poll, streams: list[StreamState]) -> Poll:
    """A poll of these streams of one part, to look at them again."""
    server = poll.server if part.last is None else part.last.server
    return replace(poll, server=server, streams=tuple(streams))
