"""RESP2 replies as records. Replies are read as maps: fields that a newer server adds are ignored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter

from tools.sources.records import ConsumerInfo, GroupInfo, PendingEntry, StreamInfo
from tools.sources.redis.names import display

Entry = tuple[str, tuple[tuple[bytes, bytes], ...]]
"""An entry's id, and its fields with their raw values."""


def as_list(reply: object) -> list[object]:
    """An array reply; [] for anything else."""
    return reply if isinstance(reply, list) else []


def as_bytes(reply: object) -> bytes:
    """A bulk string; b"" for anything else."""
    return reply if isinstance(reply, bytes) else b""


def as_int(reply: object) -> int | None:
    """An integer; None for nil and for text that is none."""
    if isinstance(reply, int) or reply is None:
        return reply
    if isinstance(reply, bytes):
        try:
            return int(reply)
        except ValueError:
            return None
    return None


def as_map(reply: object) -> dict[str, object]:
    """A flat array of names and values as a map."""
    parts = as_list(reply)
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return {as_bytes(key).decode("ascii", "replace"): value for key, value in pairs}


def as_id(reply: object) -> str | None:
    """An entry id as text; None where there is none."""
    return (reply.decode("ascii", "replace") or None) if isinstance(reply, bytes) else None


def entry(reply: object) -> Entry | None:
    """One entry `[id, [field, value, …]]`; a deleted entry in a range has nil for its fields."""
    parts = as_list(reply)
    if len(parts) < 2 or as_id(parts[0]) is None:
        return None
    flat = [part if isinstance(part, bytes) else b"" for part in as_list(parts[1])]
    return as_bytes(parts[0]).decode("ascii", "replace"), tuple(zip(flat[::2], flat[1::2], strict=False))


def entry_bytes(item: Entry | None) -> int:
    """Payload size of an entry, in bytes."""
    return 0 if item is None else sum([len(name) + len(value) for name, value in item[1]])


def size_of(reply: object) -> int:
    """The same of an entry as the server sends it."""
    fields = reply[1] if isinstance(reply, list) and len(reply) > 1 else None
    return sum(map(len, fields)) if isinstance(fields, list) else 0


class _Layout:
    """Where the wanted fields stand in a flat map reply. Servers send them in one order; it is looked up once."""

    def __init__(self, *wanted: bytes) -> None:
        self._wanted = wanted
        self._names: list[object] = []
        self._places: tuple[int, ...] = ()
        self._all: Callable[[list[object]], tuple[object, ...]] | None = None

    def values(self, parts: list[object]) -> Sequence[object]:
        """The wanted values, in order; None for one that is not there."""
        names = parts[::2]
        if names != self._names:
            places = {as_bytes(name): 2 * number + 1 for number, name in enumerate(names)}
            self._names = names
            self._places = tuple(places.get(name, -1) for name in self._wanted)
            self._all = None if -1 in self._places else itemgetter(*self._places)
        if self._all is not None and len(parts) == 2 * len(names):
            return self._all(parts)
        return [parts[place] if 0 <= place < len(parts) else None for place in self._places]


_STREAM = _Layout(
    b"length", b"groups", b"first-entry", b"last-entry", b"last-generated-id", b"max-deleted-entry-id", b"entries-added"
)  # fmt: skip
_GROUP = _Layout(b"name", b"consumers", b"pending", b"last-delivered-id", b"entries-read", b"lag")
_CONSUMER = _Layout(b"name", b"pending", b"idle", b"inactive")


def stream_info(reply: object) -> tuple[StreamInfo, object, object]:
    """XINFO STREAM: the record, and the replies for the first and last entry, which the server sends along."""
    length, groups, oldest, newest, generated, deleted, added = _STREAM.values(as_list(reply))
    info = StreamInfo(
        length=length if type(length) is int else as_int(length) or 0,
        groups=groups if type(groups) is int else as_int(groups) or 0,
        first_entry_id=_id_of(oldest),
        last_entry_id=_id_of(newest),
        last_generated_id=as_id(generated) or "0-0",
        max_deleted_entry_id=as_id(deleted),
        entries_added=added if type(added) is int else as_int(added),
    )
    return info, oldest, newest


def _id_of(reply: object) -> str | None:
    """The id of an entry as `entry` reads it."""
    return as_id(reply[0]) if isinstance(reply, list) and len(reply) > 1 else None


# Tens of thousands of what follows are read a look: they are lists at once, and what is as expected is taken
# without a call.


def groups(reply: object) -> list[tuple[bytes, GroupInfo]]:
    """XINFO GROUPS: raw name and record of each group."""
    found = []
    for item in as_list(reply):
        name, consumers, pending, delivered, read, lag = _GROUP.values(as_list(item))
        raw = name if type(name) is bytes else as_bytes(name)
        info = GroupInfo(
            name=display(raw),
            consumers=consumers if type(consumers) is int else as_int(consumers) or 0,
            pending=pending if type(pending) is int else as_int(pending) or 0,
            last_delivered_id=as_id(delivered) or "0-0",
            entries_read=read if type(read) is int else as_int(read),
            lag=lag if type(lag) is int else as_int(lag),
        )
        found.append((raw, info))
    return found


def consumers(reply: object) -> list[ConsumerInfo]:
    """XINFO CONSUMERS."""
    found = []
    for item in as_list(reply):
        name, pending, idle, inactive = _CONSUMER.values(as_list(item))
        info = ConsumerInfo(
            name=display(name if type(name) is bytes else as_bytes(name)),
            pending=pending if type(pending) is int else as_int(pending) or 0,
            idle=idle if type(idle) is int else as_int(idle) or 0,
            inactive=inactive if type(inactive) is int else as_int(inactive),
        )
        found.append(info)
    return found


def pending(reply: object) -> list[PendingEntry]:
    """XPENDING's long form; an entry that nobody owns (8.8) has the consumer ""."""
    found = []
    for item in as_list(reply):
        if not isinstance(item, list) or len(item) < 4:
            continue
        raw, consumer, idle, deliveries = item if len(item) == 4 else item[:4]
        if isinstance(raw, bytes) and raw:
            entry = PendingEntry(
                id=raw.decode("ascii", "replace"),
                consumer=display(consumer if type(consumer) is bytes else as_bytes(consumer)),
                idle=idle if type(idle) is int else as_int(idle) or 0,
                deliveries=deliveries if type(deliveries) is int else as_int(deliveries) or 0,
            )
            found.append(entry)
    return found
