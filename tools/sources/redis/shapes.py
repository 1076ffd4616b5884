"""The shape of an entry: its field names and the types of their values. Values never leave this module."""

from __future__ import annotations

import hashlib

import msgspec
import re2

from tools.sources.records import EntryShape
from tools.sources.redis.names import display
from tools.sources.redis.replies import Entry

FIELDS_MAX = 64
"""Fields of one entry that are looked at."""

_JSON_BYTES_MAX = 65536
_NUMBER_BYTES_MAX = 40
_TOKEN_BYTES_MAX = 64
_TOKEN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
_HEX_LETTERS = b"abcdef"
_HEX_BYTES_MIN = 8
"""No word of so many letters is made of these six alone; of hexadecimal ids a few are."""
_DATE = re2.compile(rb"\d{4}-\d\d-\d\d|\d{8}T")
_NOTHING = frozenset({b"", b"null", b"none", b"nil", b"undefined"})
_TYPE_FIELDS = frozenset(
    {"type", "event", "eventtype", "eventname", "kind", "action", "op", "operation", "messagetype", "msgtype"}
)


def shape(item: Entry) -> EntryShape:
    """The shape of one entry."""
    entry_id, fields = item
    kept = fields[:FIELDS_MAX]
    return EntryShape(
        id=entry_id,
        fields=tuple((display(name), value_type(value)) for name, value in kept),
        variant=_variant(kept),
    )


def value_type(value: bytes) -> str:
    """`int`, `float`, `bool`, `json`, `id` (a token of letters and digits), `empty` (nothing, null) or `text`."""
    stripped = value.strip()
    if stripped.lower() in _NOTHING:
        return "empty"
    if stripped.lower() in {b"true", b"false"}:
        return "bool"
    if stripped[:1] in {b"{", b"["} and stripped[-1:] in {b"}", b"]"}:
        return "json" if _is_json(stripped) else "text"
    number = _number_type(stripped)
    return "id" if number == "text" and _is_token(stripped) else number


def _is_token(value: bytes) -> bool:
    """`A12`, `9f3c-11`: what is all digits in another entry by chance, as it may be all letters. A date is none."""
    if len(value) > _TOKEN_BYTES_MAX or value.translate(None, _TOKEN):
        return False
    plain = value.translate(None, b"-_")
    if plain.isalpha():
        return len(plain) >= _HEX_BYTES_MIN and not plain.lower().translate(None, _HEX_LETTERS)
    return bool(plain) and not plain.isdigit() and not _DATE.match(value)


def _is_json(value: bytes) -> bool:
    if len(value) > _JSON_BYTES_MAX:
        return True
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _number_type(value: bytes) -> str:
    digits = value[1:] if value[:1] in {b"-", b"+"} else value
    if not digits or len(value) > _NUMBER_BYTES_MAX or not digits[:1].isdigit():
        return "text"
    if digits.isdigit():
        return "int"
    try:
        float(value)
    except ValueError:
        return "text"
    return "text" if b"_" in value else "float"


def _variant(fields: tuple[tuple[bytes, bytes], ...]) -> int:
    for name, value in fields:
        plain = name.lower().replace(b"_", b"").replace(b"-", b"").decode("ascii", "replace")
        if plain in _TYPE_FIELDS and len(value) <= _JSON_BYTES_MAX:
            return int.from_bytes(hashlib.blake2b(value, digest_size=4).digest())
    return 0
