"""Flags: a missing step is told only where it would have been seen, had it happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tools.sources.records import Gap, entry_key
from tools.synthesis.flows.collect import Message, Trail
from tools.synthesis.flows.model import GRACE_MS, Flag, Step
from tools.synthesis.flows.server import ServerStory
from tools.synthesis.flows.story import MessageStory
from tools.synthesis.wiring import Wiring

_TELLS_OF_USE = frozenset({"consumed", "acked", "failed"})


@dataclass(frozen=True, slots=True)
class Blind:
    """A time in which the lines of a service (None: of any) may have been missed; ms since the epoch."""

    service: str | None
    from_ms: int
    until_ms: int | None


def blind_times(
    gaps: Iterable[Gap], dead_times: Iterable[tuple[int, int]], services: Iterable[str]
) -> tuple[Blind, ...]:
    """When log lines may be missing: dead times of the session, and gaps of log sources by the service they name."""
    found = [Blind(None, start, end) for start, end in dead_times]
    names = sorted(services)
    for gap in gaps:
        if (
            not gap.blind
            or gap.source in {"code", "synthesis"}
            or gap.source.startswith(("streams/", "config/"))
        ):
            continue
        words = set(gap.what.replace("'", " ").replace(",", " ").replace(":", " ").split())
        named = [name for name in names if name in words]
        spans = gap.until_ms is not None or gap.period
        start, end = (gap.at_ms, gap.until_ms) if spans else (0, None)
        found += [Blind(name, start, end) for name in named] or [Blind(None, start, end)]
    return tuple(found)


def ackers(trails: Iterable[Trail]) -> frozenset[str]:
    """The services whose lines tell of acks at all, so that the absence of one means something."""
    return frozenset(
        step.service
        for trail in trails
        for step in trail.steps
        if step.action == "acked" and step.service is not None
    )


@dataclass(frozen=True, slots=True)
class Judge:
    """What all flags are judged by. `lines_until_ms`: no line after it was kept; `ackers`: whose lines tell of acks."""

    story: ServerStory
    wiring: Wiring
    ackers: frozenset[str]
    lines_until_ms: int
    blind: tuple[Blind, ...] = ()

    def message(self, told: MessageStory) -> tuple[list[Flag], tuple[str, ...]]:
        """The flags of a message, and the groups it was pending in at the last poll."""
        stream, entry_id = told.message
        pending = list(self.story.pending_now(stream, entry_id)) if stream else []
        flags: list[Flag] = []
        if self.is_untaken(told):
            flags.append("published-never-consumed")
        stuck = any(self.story.is_stuck(stream, group, pend) for group, pend in pending)
        if stuck or (not pending and self._lacks_ack(told.steps, [told.message], full=told.full)):
            flags.append("consumed-never-acked")
        return flags, tuple(f"{stream}/{group}" for group, _ in pending)

    def is_untaken(self, told: MessageStory) -> bool:
        """Whether a message was published and certainly taken by nobody."""
        stream, entry_id = told.message
        published = any(step.action == "published" for step in told.steps)
        if not published or any(step.action in _TELLS_OF_USE for step in told.steps):
            return False
        if not stream or told.published_ms is None or self._read_without_group(stream):
            return False
        return self.story.never_taken(stream, entry_key(entry_id), told.published_ms)

    def correlation(
        self, steps: Sequence[Step], trail: Trail, stories: Mapping[Message, MessageStory]
    ) -> tuple[list[Flag], tuple[str, ...]]:
        """The flags of a correlation id and of all its messages, and where those were pending at the last poll.

        `steps` are its own lines', `stories` those of its messages.
        """
        flags: dict[Flag, None] = {}
        pending: dict[str, None] = {}
        if not trail.full and self._is_alone(steps, stories):
            flags["producer-only"] = None
        if self._lacks_ack(steps, list(stories), full=trail.full):
            flags["consumed-never-acked"] = None
        for told in stories.values():
            found, places = self.message(told)
            flags |= dict.fromkeys(found)
            pending |= dict.fromkeys(places)
        return list(flags), tuple(pending)

    def _is_alone(self, steps: Sequence[Step], stories: Mapping[Message, MessageStory]) -> bool:
        """Whether only those who published an id name it, and the server gave none of its messages to anybody.

        Without a message of a known stream the words of a line alone say nothing: "sent" may be a response or a mail.
        """
        published = [step for step in steps if step.action == "published"]
        services = {step.service for step in published}
        if not published or {step.service for step in steps} - services:
            return False
        if published[-1].at_ms > self.lines_until_ms - GRACE_MS:
            return False
        readers = {reader for stream, _ in stories for reader in self.wiring.consumers.get(stream, ())}
        if not stories or self._is_blind(published[0].at_ms, readers):
            return False
        return all(stream and self.is_untaken(told) for (stream, _), told in stories.items())

    def _lacks_ack(self, steps: Iterable[Step], messages: Sequence[Message], *, full: bool) -> bool:
        own = [step for step in steps if step.origin == "log"]
        acked = {step.service for step in own if step.action in {"acked", "failed"}}
        lacking = [
            step
            for step in own
            if step.action == "consumed"
            and step.service in self.ackers
            and step.service not in acked
            and step.at_ms < self.lines_until_ms - GRACE_MS
            # Of an id without a message "received" may be a request: only a line that names a message tells.
            and (messages or step.message_id is not None or step.stream is not None)
        ]
        if full or not lacking:
            return False
        if any(self._is_blind(step.at_ms, {step.service or ""}) for step in lacking):
            return False
        # Where the server keeps account of a message, its pending list decides, not the wording of a line.
        streams = {stream for stream, _ in messages} | {step.stream for step in lacking}
        return not any(stream and any(self.story.groups(stream)) for stream in streams)

    def _read_without_group(self, stream: str) -> bool:
        """Whether somebody may read it by plain XREAD: that leaves no trace at the server but a count of calls.

        Where there were such calls, the code must show whose they are, and that they are of other streams.
        """
        wiring = self.wiring
        if self.story.plain_reads:
            explained = bool(wiring.plain_readers) and not wiring.plain_unnamed
            return not (explained and wiring.groups_alone(stream))
        return stream in wiring.plain_readers

    def _is_blind(self, from_ms: int, services: Iterable[str]) -> bool:
        wanted = set(services)
        return any(
            (blind.service is None or blind.service in wanted)
            and (blind.until_ms is None or blind.until_ms >= from_ms)
            and blind.from_ms <= self.lines_until_ms
            for blind in self.blind
        )
