"""A group keeps reading, but late: entries wait longer than the limit at poll after poll.

Each figure is the least of several looks, so that a group that works in batches, and reaches the end of the
stream between two of them, does not count as late.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.contract import StreamView
from tools.detectors.streams.families import fold
from tools.detectors.streams.symptoms import on_group, seconds, stream_rule
from tools.detectors.streams.tracks import Track, tracks
from tools.findings.model import Severity, StreamCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import GroupState

RULE = stream_rule(
    "stream.time-lag",
    StreamCategory.CONSUMER_LAG,
    Severity.MEDIUM,
    "time lag by ids above `time_lag` (500 ms) on `time_lag_polls` (4) polls in a row; ids must be times",
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: StreamView) -> Iterator[Symptom]:
    """One symptom per group that is late, unless its lag already says so or nobody reads at all."""
    yield from fold(_symptoms(view))


def _symptoms(view: StreamView) -> Iterator[Symptom]:
    for track in tracks(view).values():
        for group in track.now.groups:
            limits = view.judgement.limits_for(stream=track.now.name, group=group.info.name)
            times = _times(track, group.info.name, limits.time_lag_polls)
            far = group.lag is not None and group.lag.confirmed and group.lag.messages > limits.consumer_lag
            if len(times) == limits.time_lag_polls and min(times) > limits.time_lag * 1000 and not far:
                yield _symptom(track, group, times, limits.time_lag)


def _times(track: Track, name: str, polls: int) -> list[int]:
    """The time lags of the newest polls, up to the first that is unknown or zero."""
    found: list[int] = []
    for group in reversed(track.group(name)[-polls:]):
        if not group.time_lag_ms or group.info.consumers == 0:
            break
        found.append(group.time_lag_ms)
    return found


def _symptom(track: Track, group: GroupState, times: list[int], limit_s: float) -> Symptom:
    name, stream = group.info.name, track.now.name
    waiting = "some" if group.lag is None else f"{group.lag.messages:,}"
    return on_group(
        RULE,
        track,
        group,
        title=f"Group {name} runs {seconds(times[0])} behind on {stream}",
        hypothesis=(
            f"On {len(times)} polls in a row the newest entry of {stream} was {seconds(min(times))} to "
            f"{seconds(max(times))} newer than the last one given to {name} (limit {seconds(limit_s * 1000)}; "
            f"{waiting} entries wait). The group reads too seldom, or each batch takes too long."
        ),
        recommendation=(
            f"Let the consumers of {name} read {stream} with BLOCK and a larger COUNT, or add consumers; if the "
            f"delay is meant, set time_lag for group {name} in [[expect]]."
        ),
    )
