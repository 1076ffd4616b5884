"""A group falls behind: more entries wait for it than the limit allows, twice counted.

Entries that no consumer of the group was given pile up; what trims the stream will take them away unread. The
figure is counted or exact by position, never the server's word alone, and stands only after a second look.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import StreamView
from tools.detectors.streams.code_map import code_map, told_places
from tools.detectors.streams.families import fold
from tools.detectors.streams.symptoms import many, on_group, seconds, stream_rule
from tools.detectors.streams.tracks import Track, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import GroupState, Lag

RULE = stream_rule(
    "stream.consumer-lag",
    StreamCategory.CONSUMER_LAG,
    Severity.CRITICAL,
    "lag above `consumer_lag` (100), still so on a counted second look at least `lag_recheck` (5 s) later",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group above its limit."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    code = code_map(view.code)
    for track in tracks(view).values():
        for group in track.now.groups:
            limit = view.judgement.limits_for(stream=track.now.name, group=group.info.name).consumer_lag
            if group.lag is not None and group.lag.confirmed and group.lag.messages > limit:
                places = told_places(code.reads(track.now.name, group.info.name))
                yield _symptom(track, group, group.lag, limit, places)


def _symptom(track: Track, group: GroupState, lag: Lag, limit: int, places: str) -> Symptom:
    name, stream, poll = group.info.name, track.now.name, track.poll
    figure = f"at least {lag.messages:,}" if lag.source == "bound" else f"{lag.messages:,}"
    late = "" if (group.time_lag_ms or 0) < 1000 else f", {seconds(group.time_lag_ms or 0)} behind by id"
    return on_group(
        RULE,
        track,
        group,
        title=f"Group {name} is {figure} entries behind on {stream}",
        evidence=(
            track.now.quote(poll.number, poll.source, group.info),
            track.now.quote(poll.number, poll.source, lag),
        ),
        hypothesis=(
            f"{figure} entries of {stream} were never given to a consumer of {name} ({lag.source}; limit "
            f"{limit:,}{late}). {_direction(track, name)}"
        ),
        recommendation=_recommendation(group, stream, places),
    )


def _direction(track: Track, name: str) -> str:
    history = track.group(name)
    if len(history) < 2 or history[-2].lag is None or history[-1].lag is None:
        return f"{many(history[-1].info.consumers, 'consumer')} registered."
    before, now = history[-2].lag.messages, history[-1].lag.messages
    delivered = history[-2].info.last_delivered_id != history[-1].info.last_delivered_id
    if not delivered:
        return "Nothing was delivered since the poll before: its consumers have stopped reading."
    if "bound" in {history[-2].lag.source, history[-1].lag.source}:
        return (
            "It reads; whether it catches up cannot be told yet, for what waits was not counted at each poll."
        )
    if now >= before:
        return f"It reads, but more waits than at the poll before ({before:,}): it is too slow or too few for what is added."
    return f"It catches up ({before:,} at the poll before)."


def _recommendation(group: GroupState, stream: str, places: str) -> str:
    name = group.info.name
    where = f" It is read at {places}." if places else ""
    if group.info.consumers == 0:
        return f"Start the consumers of group {name}: XINFO CONSUMERS {stream} {name} lists none.{where}"
    return (
        f"See what the consumers of {name} do (XINFO CONSUMERS {stream} {name}).{where} Where each entry is quick, raise COUNT in "
        f"that XREADGROUP; where it is slow, add consumers. Check that the cap of {stream} does not trim entries before they are read."
    )
