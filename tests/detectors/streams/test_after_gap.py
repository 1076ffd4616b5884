"""After a gap nobody is blamed for the time in which the server could not be seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.detectors.streams.crafted import (
    consumer,
    entry,
    found,
    group,
    polls,
    severities,
    stream,
    view,
)
from tools.detectors.contract import StreamView
from tools.detectors.thresholds import Limits
from tools.sources.records import StreamState

QUICK = Limits(consumer_idle=20)
POLL_S = 15


def idle_consumer(after: int) -> StreamState:
    """A consumer last seen ten minutes before, and work for it."""
    idle_s = 600 + POLL_S * after
    return stream(
        "orders", 20, group(lag=5, consumers=(consumer(idle_s=idle_s, inactive_s=idle_s),), delivered="1-0")
    )


def old_pending(after: int) -> StreamState:
    """A message that was given out ten minutes before."""
    return stream("orders", 20, group(pending=[entry(idle_s=600 + POLL_S * after)]))


def no_group(_after: int) -> StreamState:
    return stream("orders", 20)


def no_consumer(_after: int) -> StreamState:
    return stream("orders", 20, group(registered=0, consumers=(), lag=3))


def seen(state: Callable[[int], StreamState], after: int, *, gap: bool = True) -> StreamView:
    """A healthy poll, a gap, and so many polls after the first one behind it."""
    healthy = stream("orders", 10, group(consumers=(consumer(),)))
    moments = [healthy, *(state(number) for number in range(after + 1))]
    return view(polls(*moments, gap_at=2 if gap else None), limits=QUICK)


@pytest.mark.parametrize(
    ("state", "rule", "quiet", "speaks"),
    [
        pytest.param(idle_consumer, "dead-consumer", 1, 2, id="no consumer seen for consumer_idle (20 s)"),
        pytest.param(old_pending, "stuck-message", 2, 3, id="pending for pending_idle (30 s)"),
        pytest.param(no_group, "no-consumer-group", 0, 1, id="no group, at the second poll"),
        pytest.param(no_consumer, "dead-consumer", 0, 1, id="no consumer at all, at the second poll"),
    ],
)
def test_time_counts_from_when_the_server_was_seen_again(
    state: Callable[[int], StreamState], rule: str, quiet: int, speaks: int
) -> None:
    assert found(seen(state, quiet), rule) == []
    assert len(found(seen(state, speaks), rule)) == 1


@pytest.mark.parametrize(
    ("state", "rule"), [(idle_consumer, "dead-consumer"), (old_pending, "stuck-message")]
)
def test_without_a_gap_they_speak_at_once(state: Callable[[int], StreamState], rule: str) -> None:
    assert len(severities(seen(state, 0, gap=False), rule)) == 1


def test_a_stream_without_a_group_has_time_at_a_quick_pace() -> None:
    """Two polls a second after the server came back are not enough for a consumer to make its group again."""
    history = polls(stream("orders", 10, group()), no_group(0), no_group(1), gap_at=2)
    quick = tuple(
        type(poll)(
            number=poll.number,
            at_ms=history[0].at_ms + 1000 * poll.number,
            server=poll.server,
            streams=poll.streams,
            clients=poll.clients,
            after_gap=poll.after_gap,
        )
        for poll in history
    )
    assert found(view(quick), "no-consumer-group") == []
