"""Idle times of a stream's consumers and pending entries: the only figures that move where nothing happens."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from tools.sources.records import ConsumerInfo, GroupState, PendingEntry, StreamState

Idles = tuple[int | None, ...]
"""Of each group in turn: `idle` and `inactive` of its consumers, then `idle` of its pending entries; ms."""


def aged(streams: tuple[StreamState, ...], by_ms: int) -> tuple[StreamState, ...]:
    """The same streams later, when nothing has moved: only idle times have grown."""
    return tuple([aged_state(state, by_ms) for state in streams])


def aged_state(state: StreamState, by_ms: int) -> StreamState:
    """One stream later."""
    if not any(group.consumers or group.pending for group in state.groups):
        return state
    return with_idles(state, tuple(_older(ms, by_ms) for ms in idles(state)))


def aged_group(group: GroupState, by_ms: int) -> GroupState:
    """One group later."""
    return _with(group, iter([_older(ms, by_ms) for ms in _idles(group)]))


def idles(state: StreamState) -> Idles:
    """All idle times of a stream."""
    return tuple([ms for group in state.groups for ms in _idles(group)])


def _idles(group: GroupState) -> list[int | None]:
    found = [ms for consumer in group.consumers or () for ms in (consumer.idle, consumer.inactive)]
    return found + [entry.idle for entry in group.pending]


def with_idles(state: StreamState, times: Idles) -> StreamState:
    """The stream with other idle times. Raises ValueError where there are not as many as it has."""
    values = iter(times)
    try:
        groups = tuple([_with(group, values) for group in state.groups])
    except StopIteration as error:
        raise ValueError("too few idle times") from error
    if next(values, _NONE) is not _NONE:
        raise ValueError("too many idle times")
    return replace(state, groups=groups)


_NONE = object()


def _with(group: GroupState, values: Iterator[int | None]) -> GroupState:
    if not group.consumers and not group.pending:
        return group
    consumers = group.consumers and tuple(
        [_consumer(item, next(values), next(values)) for item in group.consumers]
    )
    pending = tuple([_entry(item, next(values)) for item in group.pending])
    return replace(group, consumers=consumers, pending=pending)


def _consumer(item: ConsumerInfo, idle: int | None, inactive: int | None) -> ConsumerInfo:
    return replace(item, idle=idle or 0, inactive=inactive)


def _entry(item: PendingEntry, idle: int | None) -> PendingEntry:
    return replace(item, idle=idle or 0)


def _older(ms: int | None, by_ms: int) -> int | None:
    """-1 is a consumer that never read anything, and stays so."""
    return ms if ms is None or ms < 0 else ms + by_ms
