"""A stream grows at poll after poll, and a group falls behind or nobody reads it.

Length grows by design until something trims, so where every group keeps up this is a LOW note, and only as long
as nothing is known to cap the stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tools.detectors.contract import StreamView
from tools.detectors.streams import roles
from tools.detectors.streams.code_map import CodeMap, code_map
from tools.detectors.streams.families import fold
from tools.detectors.streams.readers import may_be_read_plainly
from tools.detectors.streams.symptoms import many, on_stream, stream_rule
from tools.detectors.streams.tracks import Track, added, is_young, removed, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind

RULE = stream_rule(
    "stream.growing",
    StreamCategory.STREAM_GROWING,
    Severity.HIGH,
    "length grew on more than `growing_polls` (2) polls in a row: HIGH where a group falls behind or nobody "
    "reads; LOW where every group keeps up and the code that writes it sets no cap; nothing where nobody reads but the code caps it (stream.no-consumer-group says that)",
)
RULES: tuple[Rule, ...] = (RULE,)

_BEHIND_SHARE = 0.25
"""Of the entries added while the stream grew: a group that missed so many does not keep up."""

_BEHIND_ENTRIES_MIN = 20
"""Fewer entries than this are a batch in the making."""

_BEHIND_MS = 30_000
"""At a quick pace three polls are over in seconds: a group falls behind when it did for so long, or far already."""


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per growing stream that is anybody's business."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    code = code_map(view.code)
    for track in tracks(view).values():
        name = track.now.name
        steps = view.judgement.limits_for(stream=name).growing_polls + 1
        if not _grew(track, steps) or roles.needs_no_group(view, name):
            continue
        behind = _falling_behind(view, track, steps)
        if behind:
            yield _symptom(track, steps, Severity.HIGH, f"Group {behind} falls behind as it grows.", behind)
        elif _nobody_reads(view, track, code):
            if not code.writes_capped(name) and not removed(track):
                yield _symptom(
                    track, steps, Severity.HIGH, "No group and no XREAD reader was seen on it.", None
                )
        elif not _cap_known(track, code) and not view.judgement.allows("unbounded_ok", stream=name):
            reason = "Every group keeps up, but the code that writes it sets no cap: in the end it takes all memory."
            yield _symptom(track, steps, Severity.LOW, reason, None)


def _grew(track: Track, steps: int) -> bool:
    lengths = [state.info.length for state in track.states[-steps - 1 :]]
    return len(lengths) == steps + 1 and all(before < after for before, after in pairwise(lengths))


def _falling_behind(view: StreamView, track: Track, steps: int) -> str | None:
    """The group whose lag rose most: at every step, by a good share of what was added, and no batch in the making."""
    rises: dict[str, int] = {}
    for group in track.now.groups:
        names = {"stream": track.now.name, "group": group.info.name}
        far = group.lag is not None and group.lag.confirmed
        far = (
            far
            and group.lag is not None
            and group.lag.messages > view.judgement.limits_for(**names).consumer_lag
        )
        history = track.group(group.info.name)
        start = len(history) - 1 - steps if far else _start(track, len(history), steps)
        lags = [
            item.lag.messages for item in history[max(start, 0) :] if item.lag and item.lag.source != "bound"
        ]
        whole = start >= 0 and len(lags) == len(history) - start
        if (
            whole
            and all(before < after for before, after in pairwise(lags[-steps - 1 :]))
            and _never_drained(lags)
        ):
            grown = added(track.states[-len(lags)], track.states[-1])
            if lags[-1] - lags[0] >= max(_BEHIND_ENTRIES_MIN, _BEHIND_SHARE * grown):
                rises[group.info.name] = lags[-1] - lags[0]
    return max(rises, key=lambda name: (rises[name], name), default=None)


def _start(track: Track, known: int, steps: int) -> int:
    """Where in a group's history the newest `steps` begin, and at least 30 s; below 0 where it is too short."""
    since_ms = track.poll.at_ms - _BEHIND_MS
    early = [number for number, poll in enumerate(track.polls[-known:]) if poll.at_ms <= since_ms]
    return min(known - 1 - steps, early[-1] if early else -1)


def _never_drained(lags: list[int]) -> bool:
    """Whether the lag never fell by half: what does is taken in batches."""
    highest = 0
    for lag in lags:
        highest = max(highest, lag)
        if lag * 2 < highest:
            return False
    return True


def _nobody_reads(view: StreamView, track: Track, code: CodeMap) -> bool:
    name = track.now.name
    return (
        not track.now.groups
        and not is_young(track)
        and not view.judgement.allows("no_group_ok", stream=name)
        and not may_be_read_plainly(view, name, code)
    )


def _cap_known(track: Track, code: CodeMap) -> bool:
    """A cap in code, or trimming seen; where the code does not name the writers, nothing can be said."""
    name = track.now.name
    unsure = not code.uses(CodeKind.XADD, name) or code.unresolved(CodeKind.XTRIM) > 0
    return unsure or code.writes_capped(name) or removed(track)


def _symptom(track: Track, steps: int, severity: Severity, reason: str, group: str | None) -> Symptom:
    state, polls, name = track.now, track.polls[-steps - 1 :], track.now.name
    before, after = track.states[-steps - 1].info.length, state.info.length
    rate = track.messages_per_minute
    pace = "" if rate is None else f", {rate:g} entries a minute"
    return on_stream(
        RULE,
        track,
        consumer_group=group,
        severity=severity,
        confidence=1.0 if severity is Severity.HIGH else 0.8,
        title=f"Stream {name} grows: {before:,} to {many(after, 'entry', 'entries')} in {steps} polls",
        evidence=tuple(
            old.quote(poll.number, poll.source, old.info)
            for poll, old in ((polls[0], track.states[-steps - 1]), (polls[-1], state))
        ),
        hypothesis=f"{name} grew on {steps} polls in a row{pace}. {reason}",
        recommendation=(
            f"Mend or scale the consumers of group {group} on {name}."
            if group
            else f"Cap {name} where it is written (XADD {name} MAXLEN ~ n), and give it a consumer group or retire it."
        ),
    )
