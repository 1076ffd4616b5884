"""Polls by hand: streams with their groups and how many consumers each has, and the shapes of entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.sources.records import (
    EntryShape,
    GroupInfo,
    GroupState,
    Poll,
    ServerState,
    StreamInfo,
    StreamState,
)

Shapes = Mapping[str, Sequence[Mapping[str, str]]]
"""Stream → entries, each field → type of its value."""


def poll(
    number: int, streams: dict[str, dict[str, int]], entries: Shapes | None = None, at_ms: int = 0
) -> Poll:
    """A poll: stream → group → number of consumers."""
    shapes = entries or {}
    return Poll(
        number=number,
        at_ms=at_ms or number * 1000,
        server=ServerState(flavour="valkey", version="9.1.2"),
        streams=tuple(
            _stream(name, groups, shapes.get(name, ())) for name, groups in sorted(streams.items())
        ),
    )


def _stream(name: str, groups: dict[str, int], entries: Sequence[Mapping[str, str]]) -> StreamState:
    states = tuple(
        GroupState(info=GroupInfo(name=group, consumers=count, pending=0, last_delivered_id="0-0"), lag=None)
        for group, count in groups.items()
    )
    sample = tuple(
        EntryShape(
            id=fields.get("__id", f"{number}-0"),
            fields=tuple(pair for pair in fields.items() if pair[0] != "__id"),
        )
        for number, fields in enumerate(entries, 1)
    )
    return StreamState(name=name, info=StreamInfo(length=3, groups=len(groups)), groups=states, sample=sample)
