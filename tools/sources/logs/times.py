"""Times as logs write them, in ms since the epoch. A time without a zone is this machine's local time.

A time without a date is no time; one without a year belongs to the year that brings it closest to its arrival.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache

import re2

from tools import linear

_MONTHS = {
    "Jan": "01", "Feb": "02", "Mar": "03", "Apr": "04", "May": "05", "Jun": "06",
    "Jul": "07", "Aug": "08", "Sep": "09", "Oct": "10", "Nov": "11", "Dec": "12",
}  # fmt: skip
_ISO = linear.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)\s?(Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d\b)?"
)
_ZONE_APART = linear.compile(r"^ ([+-](?:0\d|1[0-4]):?(?:00|15|30|45)|UTC|GMT)(?:[^\w:-]|$)")
_ZONE_CHARACTERS = 8
_NAMED = {"UTC": "Z", "GMT": "Z"}
_WRITTEN = _MONTHS | _NAMED
_SLASH = linear.compile(r"\b(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?)")
_SYSLOG = linear.compile(r"^(?:<\d{1,3}>)?([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?)\s")
_DAY_FIRST = linear.compile(r"\b(\d\d)[ -]([A-Z][a-z]{2})[ -](\d{4}) (\d\d:\d\d:\d\d(?:\.\d{1,9})?)")
_WEEKDAY = linear.compile(
    r"\b[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?) (\d{4})\b"
)
_DOTTED = linear.compile(r"\b(\d{4}-\d\d-\d\d)-(\d\d)\.(\d\d)\.(\d\d)(\.\d{6})\b")
"""Of Blue Gene's and DB2's logs, with microseconds: without them it may be the name of a build."""
_AMERICAN = linear.compile(r"\b(\d\d)/(\d\d)/(\d{4}), (\d{1,2}):(\d\d):(\d\d) ([AP])M\b")
_EPOCH = linear.compile(r"^\[?(1\d{9}(?:\.\d{1,9}|\d{3})?|1\.\d{6,16}e\+09)[\]\s]")
_SHORT_YEAR = linear.compile(r"^(\d\d)(\d\d)(\d\d)  ?(\d{1,2}):(\d\d):(\d\d) ")
"""Of MySQL and MariaDB, which write an hour below ten with one digit."""
_COUNTED = linear.compile(r"^(1\d{9}): ")
"""Of Mosquitto; a number and a colon may be an id as well, so only a time near the line's arrival is one."""
_NEAR_MS = 400 * 86_400_000
_SENTENCE = linear.compile(
    r"(?:^|\s)[A-Z]?[a-z]{1,30}(?: [a-z]{1,30}){1,20}:?\s$|(?:^|\s)(?:at|on|since|until|from|to|before|after|by|in|for) $"
)
"""Behind words like these a time is what the line speaks of, not when it was written."""
_SHAPES = (
    (_ISO, "{0}{1}"),
    (_SLASH, "{0}-{1}-{2}T{3}"),
    (_DAY_FIRST, "{2}-{1}-{0}T{3}"),
    (_WEEKDAY, "{3}-{0}-{1}T{2}"),
    (_DOTTED, "{0}T{1}:{2}:{3}{4}"),
)
_HOLDS_TIME = linear.compile(r"\d:\d\d:\d\d|-\d\d\.\d\d\.\d\d\.\d|^\[?1\.?\d{6}")
_NUMBER_MAX = 1e19
"""More than 2100 in ns; JSON may hold whole numbers that are no float."""
_SMALLEST_S, _LARGEST_S = 631_152_000, 4_102_444_800
"""1990 to 2100: what is outside is not a time."""


def from_value(value: object) -> int | None:
    """A time from a field: ISO text, or a number of seconds, ms, µs or ns; None where it is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _from_number(float(value)) if abs(value) < _NUMBER_MAX else None
    if not isinstance(value, str) or not 10 <= len(value) <= 40:
        return None
    if value[4:5] == "-":
        return _iso(value.strip())
    try:
        return _from_number(float(value))
    except ValueError:
        return from_head(value + " ", None)


def from_head(head: str, arrived_ms: int | None) -> int | None:
    """The first time in the beginning of a line, or None."""
    quick = _leading_iso(head)
    if quick is not None:
        return quick
    bracket = head.find("[")
    common = _common(head[bracket + 1 : bracket + 27]) if head[bracket + 3 : bracket + 4] == "/" else None
    if bracket >= 0 and common is not None:
        return common
    seen = _seen().Match(head.encode("utf-8", "replace")) or ()
    if len(_SHAPES) not in seen:
        return None
    for number, (pattern, shape) in enumerate(_SHAPES):
        found = _read(pattern, head, shape) if number in seen else None
        if found is not None:
            return found
    return _without_year(head, arrived_ms) or _american(head) or _short_year(head) or _epoch(head, arrived_ms)


@cache
def _seen() -> re2.Set:
    """Which of the shapes may be in a text, and behind them whether there is any time: all are tried at once."""
    seen = re2.Set.SearchSet()
    for pattern in (*(pattern for pattern, _ in _SHAPES), _HOLDS_TIME):
        seen.Add(pattern.pattern.encode())
    seen.Compile()
    return seen


def _without_year(head: str, arrived_ms: int | None) -> int | None:
    match = None if arrived_ms is None else _SYSLOG.match(head)
    if match is None or arrived_ms is None:
        return None
    day = match.group(2).replace(" ", "0")
    return _nearest_year(f"{_MONTHS.get(match.group(1), '00')}-{day}T{match.group(3)}", arrived_ms)


def _american(head: str) -> int | None:
    # Month before day is certain only where the clock has two halves.
    match = _AMERICAN.search(head)
    if match is None:
        return None
    month, day, year, hour, minute, second, half = match.groups()
    hours = int(hour) % 12 + (12 if half == "P" else 0)
    return _iso(f"{year}-{month}-{day}T{hours:02}:{minute}:{second}")


def _short_year(head: str) -> int | None:
    match = _SHORT_YEAR.match(head)
    if match is None:
        return None
    year, month, day, hour, minute, second = match.groups()
    return _iso(f"20{year}-{month}-{day}T{int(hour):02}:{minute}:{second}")


def _epoch(head: str, arrived_ms: int | None) -> int | None:
    match = _EPOCH.match(head)
    if match is not None:
        return _from_number(float(match.group(1)))
    match = None if arrived_ms is None else _COUNTED.match(head)
    if match is None or arrived_ms is None:
        return None
    found = _from_number(float(match.group(1)))
    return found if found is not None and abs(found - arrived_ms) < _NEAR_MS else None


def _leading_iso(head: str) -> int | None:
    # The commonest form, without a pattern: it is looked for in every line.
    start = 1 if head[:1] in {"[", "("} else 0
    if head[start + 4 : start + 5] != "-" or head[start + 13 : start + 14] != ":":
        return None
    if head[start + 10 : start + 12] == "  ":  # MariaDB: an hour below ten
        head = f"{head[: start + 11]}0{head[start + 12 :]}"
    end = start + 19
    while end < len(head) and head[end] in "0123456789.,Z+-:":
        end += 1
    said = head[start:end].rstrip(":-,") if end > start + 19 else head[start:end]
    zone = _ZONE_APART.match(head[end : end + _ZONE_CHARACTERS])
    return _iso(said if zone is None else said + _NAMED.get(zone.group(1), zone.group(1)))


def _common(text: str) -> int | None:
    # `01/Jun/2025:10:00:00 +0000` of access lines; HAProxy's have milliseconds and no zone.
    month = _MONTHS.get(text[3:6], "00")
    rest = text[20:24] if text[20:21] == "." else text[21:26]
    return _iso(f"{text[7:11]}-{month}-{text[:2]}T{text[12:20]}{rest}")


def _read(pattern: re2._Regexp[str], head: str, shape: str) -> int | None:
    match = pattern.search(head)
    if match is None or _SENTENCE.search(head[: match.start()]):
        return None
    groups = [part or "" for part in match.groups()]
    parts = [_WRITTEN.get(part, part.replace(" ", "0") if len(part) == 2 else part) for part in groups]
    return _iso(shape.format(*parts))


def from_klog(text: str, arrived_ms: int) -> int | None:
    """`0507 10:00:00.123456` of klog, which has no year."""
    return _nearest_year(f"{text[:2]}-{text[2:4]}T{text[5:]}", arrived_ms)


def _from_number(number: float) -> int | None:
    for unit in (1.0, 1e3, 1e6, 1e9):
        if _SMALLEST_S <= number / unit < _LARGEST_S:
            return round(number / unit * 1000)
    return None


def _nearest_year(rest: str, arrived_ms: int) -> int | None:
    this_year = datetime.fromtimestamp(arrived_ms / 1000).astimezone().year
    found = [
        ms for year in (this_year - 1, this_year, this_year + 1) if (ms := _iso(f"{year}-{rest}")) is not None
    ]
    return min(found, key=lambda ms: abs(ms - arrived_ms), default=None)


def _iso(text: str) -> int | None:
    if text.endswith(("UTC", "GMT")):
        text = f"{text[:-3].rstrip()}+00:00"
    try:
        moment = datetime.fromisoformat(text)
        seconds = moment.timestamp()
        return round(seconds * 1000) if _SMALLEST_S <= seconds < _LARGEST_S else None
    except (ValueError, OverflowError, OSError):
        return None
