"""Who was seen to write and to read a stream, where the code does not say: by log lines that name its messages.

A line says "published" or "consumed" of a message id, and a sampled entry says of which stream that id is. Ids are
unique within a stream only, so an id that two streams hold tells nothing, and one id alone tells nothing either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tools.sources.records import LogLine
from tools.synthesis.flows.collect import Sampled
from tools.synthesis.flows.lines import MESSAGE_ID, sighting
from tools.synthesis.wiring import Seen, Wiring

IDS_MIN = 3
"""Different messages of a stream that a service must have named."""

_ROLES = {"published": "producer", "consumed": "consumer", "acked": "consumer"}


def roles(lines: Iterable[LogLine], samples: Sequence[Sampled], wiring: Wiring) -> Seen:
    """The producers and consumers of streams that `wiring` knows none of."""
    silent = {
        sampled.entry.stream
        for sampled in samples
        if not wiring.producers.get(sampled.entry.stream) or not wiring.consumers.get(sampled.entry.stream)
    }
    if not silent:
        return Seen()
    stream_of = _streams(samples)
    named: dict[tuple[str, str, str], set[str]] = {}
    for line in lines:
        for entry_id in MESSAGE_ID.findall(line.text[:2000]):
            stream = stream_of.get(entry_id)
            if stream in silent and stream is not None:
                seen = sighting(line, silent)
                role = _ROLES.get(seen.step.action)
                if role is not None and seen.stream in {None, stream}:
                    named.setdefault((role, stream, line.service), set()).add(entry_id)
    return Seen(producers=_of("producer", named), consumers=_of("consumer", named))


def _streams(samples: Iterable[Sampled]) -> dict[str, str | None]:
    """Message id → the one sampled stream that holds it; None where several do."""
    found: dict[str, str | None] = {}
    for sampled in samples:
        entry = sampled.entry
        found[entry.id] = entry.stream if found.get(entry.id, entry.stream) == entry.stream else None
    return found


def _of(role: str, named: dict[tuple[str, str, str], set[str]]) -> dict[str, tuple[str, ...]]:
    services: dict[str, set[str]] = {}
    for (kind, stream, service), ids in named.items():
        if kind == role and len(ids) >= IDS_MIN:
            services.setdefault(stream, set()).add(service)
    return {stream: tuple(sorted(names)) for stream, names in sorted(services.items())}
