"""Which field of structured data is its correlation id: one list of names, for log lines and for stream entries."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

import msgspec

ID_KEYS = (
    "correlationId", "correlation_id", "correlation-id", "x-correlation-id", "requestId", "request_id", "reqId",
    "req_id", "x-request-id", "traceId", "trace_id", "trace.id", "correlationID", "requestID",
)  # fmt: skip
"""Names of fields that hold one; the first that is there counts."""

ID_CHARACTERS_MAX = 200

_HOLDERS = ("req", "context", "ctx", "meta", "trace")
_ID_HOLDERS = frozenset({"req", "context", "ctx", "trace"})
"""Parts of a log record in which a plain `id` is the request's. In an entry it is an order's, a user's, an address."""
_ENTRY_HOLDERS = (*_HOLDERS, "headers", "metadata", "envelope", "payload", "data")
_ENTRY_KEYS = tuple(dict.fromkeys(key.lower() for key in ID_KEYS))
_JSON_BYTES_MAX = 65_536
_JSON_FIELDS_MAX = 3
"""Fields of one entry that are looked into."""

_DECODER = msgspec.json.Decoder()


def of_data(data: Mapping[str, object]) -> str | None:
    """The correlation id of a log record, at its top or one level down; None where it has none."""
    return _of_holders(data, _HOLDERS, _ID_HOLDERS)


def _of_holders(data: Mapping[str, object], holders: Iterable[str], with_id: Container[str]) -> str | None:
    inner = [(key, value) for key in holders if isinstance(value := data.get(key), dict)]
    for name, holder in (("", data), *inner):
        for key in (*ID_KEYS, "id") if name in with_id else ID_KEYS:
            value = holder.get(key)
            if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                return str(value)[:ID_CHARACTERS_MAX]
    return None


def of_entry(fields: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """The raw correlation id of a stream entry: of a field of its own, else inside a field that holds JSON.

    A value of more than 200 bytes is no id.
    """
    plain = {name.lower(): value for name, value in reversed(fields)}
    for key in _ENTRY_KEYS:
        value = plain.get(key.encode())
        if value and len(value) <= ID_CHARACTERS_MAX:
            return value
    objects = (value for _, value in fields if value[:1] == b"{" and len(value) <= _JSON_BYTES_MAX)
    for value, _ in zip(objects, range(_JSON_FIELDS_MAX), strict=False):
        found = _of_json(value)
        if found:
            return found
    return None


def _of_json(value: bytes) -> bytes | None:
    try:
        data = _DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    found = _of_holders(data, _ENTRY_HOLDERS, ()) if isinstance(data, dict) else None
    raw = b"" if found is None else found.encode("utf-8", "surrogatepass")
    # A text that was cut is no id, and could be part of a secret that is no longer known as one.
    return raw if found is not None and len(found) < ID_CHARACTERS_MAX else None
