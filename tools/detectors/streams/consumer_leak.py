"""Records of consumers that are gone pile up in a group: each restart left one, and the server removes none.

They cost memory and time in every command that walks consumers, hide who works, and what is pending for one of them is
never read again unless someone claims it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.detectors.contract import StreamView
from tools.detectors.streams.dead_consumer import RECORDS_READ_MAX
from tools.detectors.streams.families import fold
from tools.detectors.streams.readers import lists_attempts, newest_clients
from tools.detectors.streams.symptoms import many, on_group, seconds, stream_rule
from tools.detectors.streams.tracks import Track, active_consumers, tracks
from tools.detectors.thresholds import Limits
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import ConsumerInfo, GroupState

RULE = stream_rule(
    "stream.consumer-leak",
    StreamCategory.DEAD_CONSUMER,
    Severity.LOW,
    "more than `leaked_consumers` (20) records of consumers unseen for `leaked_idle` (1 h) in a group that others read, "
    "those left out that may be blocked in a read, and said only where the clients are listed and, before 7.2, nobody "
    "reads without waiting; MEDIUM above 1,000 records, which are no longer read",
)
RULES: tuple[Rule, ...] = (RULE,)

_NAMES_SHOWN = 5


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group with leaked records."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    for track in tracks(view).values():
        for group in track.now.groups:
            limits = view.judgement.limits_for(stream=track.now.name, group=group.info.name)
            if group.info.consumers > RECORDS_READ_MAX:
                yield _too_many(track, group)
            elif group.info.consumers > limits.leaked_consumers:
                leaked = _leaked(view, group, limits)
                if len(leaked.records) > limits.leaked_consumers:
                    yield _symptom(track, group, leaked)


@dataclass(frozen=True, slots=True)
class _Leaked:
    """Records unseen for long beside active ones, the longest unseen first, less one for each reader that waits."""

    records: tuple[ConsumerInfo, ...]
    surely_gone: bool
    """Whether none of them can be a reader that waits: no client does."""


def _leaked(view: StreamView, group: GroupState, limits: Limits) -> _Leaked:
    """Nothing where a worker that lives may look like one that is gone."""
    none = _Leaked((), surely_gone=False)
    known = newest_clients(view)
    if known is None or not active_consumers(group, limits.consumer_idle * 1000):
        return none  # a group that nobody reads is stream.dead-consumer's
    tells = lists_attempts(group.consumers or ())
    if not tells and _may_ask(view):
        return none  # before 7.2 a worker that asks and gets nothing is as idle as one that is gone
    old = sorted(
        (item for item in group.consumers or () if item.idle > limits.leaked_idle * 1000),
        key=lambda item: -item.idle,
    )
    waiting = sum(client.blocked and client.command == "xreadgroup" for client in known[1])
    return _Leaked(tuple(old[: max(len(old) - waiting, 0)]), surely_gone=tells and not waiting)


def _may_ask(view: StreamView) -> bool:
    """Whether anybody may have sent XREADGROUP between the polls; blocked readers are counted apart."""
    later = view.polls[1:]
    known = bool(later) and all(poll.calls or poll.quiet for poll in later)
    return not known or any(
        poll.calls.get("xreadgroup", 0) + poll.late_calls.get("xreadgroup", 0) > 0 for poll in later
    )


def _symptom(track: Track, group: GroupState, found: _Leaked) -> Symptom:
    name, stream, poll, leaked = group.info.name, track.now.name, track.poll, found.records
    owing = [item for item in leaked if item.pending]
    free = [item.name for item in leaked if found.surely_gone and not item.pending][:_NAMES_SHOWN]
    left = sum(item.pending for item in owing)
    owes = (
        f" {many(len(owing), 'record')} still {'has' if len(owing) == 1 else 'have'} {left:,} pending."
        if owing
        else ""
    )
    return on_group(
        RULE,
        track,
        group,
        confidence=0.9 if found.surely_gone else 0.6,
        title=f"{len(leaked)} records of consumers unseen for long lie in group {name} on {stream}",
        evidence=(
            track.now.quote(poll.number, poll.source, group.info),
            *(track.now.quote(poll.number, poll.source, item) for item in leaked[:3]),
        ),
        hypothesis=(
            f"{len(leaked)} of {group.info.consumers} consumers of {name} were not seen for {seconds(leaked[-1].idle)} to "
            f"{seconds(leaked[0].idle)} while others read. Each start seems to register a new name and none is removed.{owes}"
        ),
        recommendation=(
            f"Give the consumers of {name} names that stay the same over restarts, or let each remove itself as it ends. "
            + (
                f"Remove those with nothing pending, such as {', '.join(free)}: XGROUP DELCONSUMER {stream} {name} <name>. "
                if free
                else "Make sure that the process of a record is gone before you remove it. "
            )
            + (
                "Claim what is pending for the others first (XAUTOCLAIM): deleting a consumer deletes its pending messages."
                if owing
                else ""
            )
        ).strip(),
    )


def _too_many(track: Track, group: GroupState) -> Symptom:
    name, stream = group.info.name, track.now.name
    return on_group(
        RULE,
        track,
        group,
        severity=Severity.MEDIUM,
        title=f"Group {name} on {stream} holds {group.info.consumers:,} consumer records",
        hypothesis=(
            f"Few groups have so many workers: names seem to be registered at each start and never removed. Above "
            f"{RECORDS_READ_MAX:,} records they are not read here any more, for it would cost the server milliseconds at "
            "every look; who works for the group is judged by its progress alone."
        ),
        recommendation=(
            f"Give the consumers of {name} names that stay the same over restarts, or let each remove itself as it ends. List "
            f"them once (XINFO CONSUMERS {stream} {name}): what is pending for one whose process is gone must be claimed "
            "(XAUTOCLAIM) before its record is removed, for deleting a consumer deletes its pending messages."
        ),
    )
