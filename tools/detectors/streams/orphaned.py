"""A stream that nobody writes, nobody reads and no code names: a left-over that takes memory."""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import StreamView
from tools.detectors.streams import roles
from tools.detectors.streams.code_map import code_map
from tools.detectors.streams.families import fold
from tools.detectors.streams.readers import blocked_reader, may_be_read_plainly
from tools.detectors.streams.symptoms import many, on_stream, seconds, stream_rule
from tools.detectors.streams.tracks import Track, active_consumers, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind, entry_time_ms

RULE = stream_rule(
    "stream.orphaned",
    StreamCategory.ORPHANED_STREAM,
    Severity.LOW,
    "no producer and no consumer seen for at least a minute and 4 polls, and not in code",
)
RULES: tuple[Rule, ...] = (RULE,)

_WATCHED_POLLS = 4
_WATCHED_MS = 60_000
_STREAM_KINDS = (CodeKind.XADD, CodeKind.XREAD, CodeKind.XREADGROUP)


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per orphan. Without the code nothing can be said."""
    if view.code is not None:
        yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    code = code_map(view.code)
    unresolved = code.unresolved(*_STREAM_KINDS)
    for track in tracks(view).values():
        name = track.now.name
        if code.names(name) or roles.needs_no_group(view, name) or _in_use(view, track):
            continue
        if may_be_read_plainly(view, name, code):
            continue
        yield _symptom(track, unresolved)


def _in_use(view: StreamView, track: Track) -> bool:
    """Written or read while it was watched, or not watched for long enough to tell."""
    info, first = track.now.info, track.first.info
    since_ms = view.baseline.at_ms if track.old else track.polls[0].at_ms
    watched_ms = track.poll.at_ms - since_ms
    if len(track.polls) < _WATCHED_POLLS or watched_ms < _WATCHED_MS:
        return True
    moved = info.last_generated_id != first.last_generated_id or info.length != first.length
    idle_max_ms = view.judgement.limits_for(stream=track.now.name).consumer_idle * 1000
    return moved or any(
        active_consumers(group, idle_max_ms)
        or (group.info.consumers > 0 and blocked_reader(view, track, group))
        or (group.info.consumers > 0 and group.consumers is None)
        or len({item.info.last_delivered_id for item in track.group(group.info.name)}) > 1
        for group in track.now.groups
    )


def _symptom(track: Track, unresolved: int) -> Symptom:
    name, info = track.now.name, track.now.info
    added_ms = entry_time_ms(info.last_generated_id)
    age = "" if added_ms is None else f" The newest is {seconds(track.poll.at_ms - added_ms)} old."
    doubt = (
        f" ({many(unresolved, 'place')} in the code name streams that could not be resolved.)"
        if unresolved
        else ""
    )
    return on_stream(
        RULE,
        track,
        confidence=0.6 if unresolved else 0.9,
        title=f"Nobody uses stream {name}",
        hypothesis=(
            f"{name} holds {many(info.length, 'entry', 'entries')}; none was added, none was read, and no code or "
            f"document names it.{age}{doubt}"
        ),
        recommendation=f"Ask who owned {name}; if nobody does, archive its entries and delete it (UNLINK {name}).",
    )
