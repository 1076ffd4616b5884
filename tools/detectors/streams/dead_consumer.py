"""A group that no consumer works for: none is registered, or none was seen for long and none waits in a read.

Consumer records are never removed by the server, so their number says little. A worker blocked in XREADGROUP on a
quiet stream looks idle; it is recognised by its client's name or by the equal idle time of its connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.detectors.contract import StreamView
from tools.detectors.streams import roles
from tools.detectors.streams.code_map import code_map, told_places
from tools.detectors.streams.families import fold
from tools.detectors.streams.readers import (
    blocked_reader,
    group_reads_seen,
    lists_attempts,
    newest_clients,
)
from tools.detectors.streams.symptoms import many, on_group, seconds, stream_rule
from tools.detectors.streams.tracks import YOUNG_MS, Track, active_consumers, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import GroupState, ServerState

RULE = stream_rule(
    "stream.dead-consumer",
    StreamCategory.DEAD_CONSUMER,
    Severity.CRITICAL,
    "a group with no active consumer: none at all for 12 s and two polls, or none seen for `consumer_idle` (5 min) and none blocked in a "
    "read. CRITICAL with no consumer, with lag or pending above 0, or where the server tells attempts (7.2+); "
    "else MEDIUM, and where the clients cannot be listed and no new entry waits",
)
RULES: tuple[Rule, ...] = (RULE,)

RECORDS_READ_MAX = 1_000
"""With more consumer records than this a group's consumers are not read: they would cost the server milliseconds."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    severity: Severity
    confidence: float
    why: str


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group without an active consumer, at the second poll that shows it so."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    for track in tracks(view).values():
        for group in track.now.groups:
            names = {"stream": track.now.name, "group": group.info.name}
            if view.judgement.allows("idle_ok", **names):
                continue
            idle_max_ms = view.judgement.limits_for(**names).consumer_idle * 1000
            verdict = _judge(view, track, group, idle_max_ms)
            if verdict is not None:
                yield _symptom(view, track, group, verdict)


def _judge(view: StreamView, track: Track, group: GroupState, idle_max_ms: float) -> _Verdict | None:
    if group.info.consumers == 0:
        return _judge_empty(view, track, group)
    if group.consumers is None:
        return _judge_by_progress(view, track, group, idle_max_ms)
    # While the server was away nobody could be seen.
    unseen = track.since_gap_ms is not None and track.since_gap_ms <= idle_max_ms
    active = unseen or active_consumers(group, idle_max_ms)
    if not group.consumers or active or _may_work(view, track, group):
        return None
    least = min(item.idle for item in group.consumers)
    count = len(group.consumers)
    why = f"{many(count, 'consumer is', 'consumers are')} registered, none seen for {seconds(least)}."
    clients_known = newest_clients(view) is not None
    if _waits(group) or (group.info.pending > 0 and clients_known):
        return _Verdict(Severity.CRITICAL, 1.0, why)
    if lists_attempts(group.consumers) and clients_known:
        return _Verdict(Severity.CRITICAL, 0.9, f"{why} None of them has even tried to read.")
    return _Verdict(
        Severity.MEDIUM, 0.5, f"{why} No new entry waits for it now, so a silent worker cannot be ruled out."
    )


def _waits(group: GroupState) -> bool:
    return group.lag is not None and group.lag.messages > 0


def _may_work(view: StreamView, track: Track, group: GroupState) -> bool:
    """Whether consumers that look idle may only have had nothing to do. Before 7.2 a poll that gives nothing leaves no trace."""
    attempts = lists_attempts(group.consumers or ())
    if _waits(group):
        # A reader blocked on this group would have been given what waits; one that polls takes it in a moment.
        return not attempts and not _left_waiting(track, group)
    return blocked_reader(view, track, group) or (not attempts and group_reads_seen(view))


def _judge_by_progress(
    view: StreamView, track: Track, group: GroupState, idle_max_ms: float
) -> _Verdict | None:
    """Of a group with more consumer records than are read: nothing was given to any of them, and entries wait."""
    account = None if view.ledger is None else view.ledger.account(track.now.name, group.info.name)
    if account is None or group.info.consumers <= RECORDS_READ_MAX or not _left_waiting(track, group):
        return None
    still_ms = track.poll.at_ms - account.moved_ms
    if still_ms <= idle_max_ms:
        return None
    why = (
        f"{many(group.info.consumers, 'consumer record')} are too many to read, but for {seconds(still_ms)} nothing was "
        "given to any of them while entries wait."
    )
    return _Verdict(Severity.CRITICAL, 0.9, why)


def _left_waiting(track: Track, group: GroupState) -> bool:
    """Whether entries waited at the poll before too, and the group was given nothing since."""
    history = track.group(group.info.name)[-2:]
    return (
        len(history) == 2
        and all(item.lag is not None and item.lag.messages > 0 for item in history)
        and history[0].info.last_delivered_id == history[1].info.last_delivered_id
    )


def _judge_empty(view: StreamView, track: Track, group: GroupState) -> _Verdict | None:
    if _empty_ms(view, track, group.info.name) < YOUNG_MS:
        return None  # a deployment in progress, or a server that has just come back, has a moment without consumers
    # Before 7.2 a consumer is listed only once it got a message: on a quiet group a reader anywhere speaks for it.
    hidden = not _waits(group) and not _lists_attempts(track.poll.server)
    found = newest_clients(view)
    if hidden and (
        found is None
        or group_reads_seen(view)
        or any(c.blocked and c.command == "xreadgroup" for c in found[1])
    ):
        return None
    if roles.is_dead_letter(view, track.now.name):
        return _Verdict(Severity.MEDIUM, 0.7, "It is a dead-letter stream: its group may wait for a person.")
    return _Verdict(Severity.CRITICAL, 1.0, "No consumer is registered in it.")


def _empty_ms(view: StreamView, track: Track, name: str) -> int:
    """For how long the group has had no consumer, over two polls at least; from the baseline on where that had none."""
    history = track.group(name)
    empty = 0
    while empty < len(history) and not history[-1 - empty].info.consumers:
        empty += 1
    if empty < 2:
        return 0
    since_ms = track.polls[-empty].at_ms
    before = track.first.group(name) if track.old else None
    if before is not None and not before.info.consumers and empty == len(track.polls):
        since_ms = min(since_ms, view.baseline.at_ms)
    return track.poll.at_ms - since_ms


def _lists_attempts(server: ServerState) -> bool:
    """Whether a consumer is listed from its first read on, with or without a message: Valkey, Redis 7.2+."""
    if server.flavour != "redis":
        return True
    parts = [int(part) for part in server.version.split(".")[:2] if part.isdigit()]
    return parts >= [7, 2]


def _leave_out(group: GroupState, stream: str) -> str:
    """What to do where nobody reads any more on purpose: no command to paste while something waits for the group."""
    name = group.info.name
    if group.info.pending or group.lag is None or group.lag.messages:
        return "Do not destroy the group before it is sure that nobody needs what waits for it: that cannot be undone."
    return (
        f"If nobody needs the group any more, XGROUP DESTROY {stream} {name} removes it, with its position."
    )


def _symptom(view: StreamView, track: Track, group: GroupState, verdict: _Verdict) -> Symptom:
    name, stream, poll = group.info.name, track.now.name, track.poll
    lag = "unknown" if group.lag is None else f"{group.lag.messages:,}"
    newest = min(group.consumers or (), key=lambda item: item.idle, default=None)
    parts = (group.info, newest) if newest is not None else (group.info,)
    owners = {
        entry.owner
        for entry in view.judgement.expect
        if entry.owner and entry.matches(stream=stream, group=name)
    }
    places = told_places(code_map(view.code).reads(stream, name))
    where = f" ({places})" if places else ""
    ask = f" Ask {', '.join(sorted(owners))}." if owners else ""
    return on_group(
        RULE,
        track,
        group,
        severity=verdict.severity,
        confidence=verdict.confidence,
        consumer=None if newest is None else newest.name,
        title=f"No consumer works for group {name} on {stream}",
        evidence=tuple(track.now.quote(poll.number, poll.source, part) for part in parts),
        hypothesis=f"{verdict.why} Lag {lag}, pending {group.info.pending:,}: what is added to {stream} is not handled.",
        recommendation=(
            f"Start or restart the service that reads {stream} as group {name}{where}. {_leave_out(group, stream)}{ask}"
        ),
    )
