"""Polls by hand: streams with their groups and how many consumers each has."""

from __future__ import annotations

from tools.sources.records import GroupInfo, GroupState, Poll, ServerState, StreamInfo, StreamState


def poll(number: int, streams: dict[str, dict[str, int]]) -> Poll:
    """A poll: stream → group → number of consumers."""
    return Poll(
        number=number,
        at_ms=number * 1000,
        server=ServerState(flavour="valkey", version="9.1.2"),
        streams=tuple(_stream(name, groups) for name, groups in sorted(streams.items())),
    )


def _stream(name: str, groups: dict[str, int]) -> StreamState:
    states = tuple(
        GroupState(info=GroupInfo(name=group, consumers=count, pending=0, last_delivered_id="0-0"), lag=None)
        for group, count in groups.items()
    )
    return StreamState(name=name, info=StreamInfo(length=3, groups=len(groups)), groups=states)
