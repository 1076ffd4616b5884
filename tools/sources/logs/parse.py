"""A masked line → level, time, message, correlation id and format. What cannot be told stays None.

Known: JSON records (`structured.py`); printed heads (`heads.py`); logfmt, klog; Docker's json-file; access lines,
which have no level. Never raises, whatever the line holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from tools import linear
from tools.sources import correlation
from tools.sources.logs import heads, structured, times
from tools.sources.logs.levels import level_of

_DECODER = msgspec.json.Decoder()
_STACK_KEYS = (
    "stack",
    "stacktrace",
    "stack_trace",
    "exc_info",
    "exception",
    "traceback",
    "error.stack_trace",
    "stackTrace",
)
_ERROR_KEYS = ("err", "error", "exception", "e", "cause")

_KLOG = linear.compile(r"^([IWEF])(\d{4} \d\d:\d\d:\d\d\.\d{1,9})\s+\d+\s\S+:\d+\]\s?")
_ACCESS_SHORT = linear.compile(
    r"(?:^|\s|\"|\])(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S+(?: HTTP/[\d.]{1,3})?\"?\s(\d{3})(?:\s+(?:[\d.]+|-)\s?(?:[mµu]?s|bytes)?\b|\s*$|\s+-)"
)
_FAILED_SHORT = linear.compile(
    r"\"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S+ HTTP/[\d.]{1,3}\"\s(5\d\d)(?:(?:\s[A-Z][A-Za-z'-]{1,30}){1,5}\s*$|\s[A-Z]{2,6}(?:,[A-Z]{2,6})*\s)"
)
"""With the reason behind the status, as uvicorn writes them under a level of its own, or the flags of Envoy."""
_HAPROXY = linear.compile(
    r"\] \S{1,200} \S{1,200}/\S{1,200} (?:[-+]?\d{1,9}/){4}[-+]?\d{1,9} (\d{3}) \+?\d{1,18} \S+ \S+ [\w-]{4} "
)
"""Names, times and bytes stand around the status, and the request behind it."""
_LOGFMT = linear.compile(r'(?:^|\s)(level|lvl|severity)="?([\w+-]+)"?(?:\s|$)')
_IN_PROSE = linear.compile(
    r"(?:^|[\s,;])(?:[a-z]+ )?(?:with|at|to|using|is|set|and|by|from|of) (?:level|lvl|severity)="
)
"""A sentence that names a level: `logger started with level=error`."""
_LOGFMT_START = linear.compile(r"^[A-Za-z_][\w.]{0,40}=(?:\"(?:[^\"\\]|\\.)*\"|\S+)\s+[A-Za-z_][\w.]{0,40}=")
_PAIR = linear.compile(r'(?:^|\s)([A-Za-z_][\w.-]{0,60})=(?:"((?:[^"\\]|\\.)*)"|(\S+))')
_LOGFMT_KEYS = ("time=", "ts=", "t=", "level=", "lvl=", "msg=", "at=", "severity=", "timestamp=")
_LOGFMT_LEVELS = ("level", "lvl", "severity", "at")
_LOGFMT_TIMES = ("time", "ts", "t", "timestamp", "when")
_LOGFMT_MESSAGES = ("msg", "message", "event")
_METHODS = ("GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "HEAD ", "OPTIONS ")
_SEARCHED_CHARACTERS = 120


class Parsed(NamedTuple):
    """What a line says about itself; `status` is the HTTP status of an access line."""

    format: str = "text"
    level: str | None = None
    event_ms: int | None = None
    message: str | None = None
    correlation_id: str | None = None
    status: int | None = None


def parse(text: str, arrived_ms: int) -> Parsed:
    """Level, time, message, correlation id and format of one line; `arrived_ms` completes times without a year."""
    if not text or text[0] in " \t":
        return Parsed()
    if text[0] == "{":
        data = decode(text)
        if data is not None:
            return _from_json(data, arrived_ms)
    return _from_text(text, arrived_ms)


def decode(text: str) -> Mapping[str, object] | None:
    """The line as a JSON object, or None."""
    try:
        data = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def status_of(text: str) -> int | None:
    """The HTTP status of an access line; None where the line is none."""
    opened = text.find('] "', 0, 300)
    if opened > 0 and text.find("[", 0, opened) > 0:
        closed = text.find('" ', opened + 3)
        status = text[closed + 2 : closed + 5]
        if closed > 0 and status.isascii() and status.isdigit() and len(status) == 3:
            return int(status)
    short = next(
        filter(None, (known.search(text[:2000]) for known in (_ACCESS_SHORT, _FAILED_SHORT, _HAPROXY))), None
    )
    return int(short.group(1)) if short is not None else None


def stack_of(data: Mapping[str, object]) -> str | None:
    """The stack trace that a structured line carries in a field of its own."""
    record, text = data.get("record"), data.get("text")
    if isinstance(record, dict) and isinstance(record.get("exception"), dict) and isinstance(text, str):
        return text if "\n" in text else None  # loguru
    for holder in (data, *(data[key] for key in _ERROR_KEYS if key in data)):
        if isinstance(holder, dict):
            for key in _STACK_KEYS:
                value = holder.get(key)
                if isinstance(value, list):
                    value = "\n".join(str(part) for part in value)
                if isinstance(value, str) and "\n" in value:
                    return value
        elif isinstance(holder, str) and "\n" in holder:
            return holder
    return None


def error_text(data: Mapping[str, object]) -> str:
    """Type, code and message of the error that a structured line carries; "" where there is none."""
    parts: list[str] = []
    for key in _ERROR_KEYS:
        value = data.get(key)
        if isinstance(value, str):
            parts.append(value)
        elif isinstance(value, dict):
            parts += (str(value[name]) for name in ("type", "name", "code", "message") if value.get(name))
    return " ".join(parts)


def pairs(text: str) -> dict[str, str]:
    """The key=value pairs of a logfmt line."""
    return {match.group(1): match.group(2) or match.group(3) or "" for match in _PAIR.finditer(text)}


def _from_json(data: Mapping[str, object], arrived_ms: int) -> Parsed:
    inner = data.get("log")
    if isinstance(inner, str) and "stream" in data and "time" in data:  # Docker's json-file
        parsed = parse(inner.rstrip("\n"), arrived_ms)
        event_ms = parsed.event_ms or times.from_value(data["time"])
        return parsed._replace(event_ms=event_ms, message=parsed.message or inner.rstrip("\n"))
    told = structured.told_by(data)
    return Parsed("json", told.level, told.event_ms, told.message, correlation.of_data(data))


def _from_text(text: str, arrived_ms: int) -> Parsed:
    head = text[:_SEARCHED_CHARACTERS]
    klog = _KLOG.match(head) if head[0] in "IWEF" and head[1:5].isdigit() else None
    if klog is not None:
        letter = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}[klog.group(1)]
        return Parsed("klog", letter, times.from_klog(klog.group(2), arrived_ms), text[klog.end() :])
    if text.startswith(_LOGFMT_KEYS):
        return _from_logfmt(text, None)
    event_ms = times.from_head(head, arrived_ms)
    if "=" in text and (_LOGFMT_START.match(text) or (_LOGFMT.search(head) and not _IN_PROSE.search(head))):
        return _from_logfmt(text, event_ms)
    if any(method in text for method in _METHODS):
        status = status_of(text)
        if status is not None:
            return Parsed("access", None, event_ms, None, None, status)
    found = heads.head_of(text, timed=event_ms is not None)
    format_ = "syslog" if found.syslog else "text"
    return Parsed(format_, found.level, event_ms, found.message, _text_id(text))


def _from_logfmt(text: str, event_ms: int | None) -> Parsed:
    level = next((name for key in _LOGFMT_LEVELS if (name := level_of(_field(text, key)))), None)
    if event_ms is None:
        event_ms = next((ms for key in _LOGFMT_TIMES if (ms := times.from_value(_field(text, key)))), None)
    message = next((value for key in _LOGFMT_MESSAGES if (value := _field(text, key))), None)
    return Parsed("logfmt", level, event_ms, message, _text_id(text))


def _field(text: str, key: str) -> str | None:
    start = text.find(key + "=")
    while start > 0 and text[start - 1] != " ":
        start = text.find(key + "=", start + 1)
    if start < 0:
        return None
    start += len(key) + 1
    if text[start : start + 1] != '"':
        end = text.find(" ", start)
        return text[start:] if end < 0 else text[start:end]
    end = text.find('"', start + 1)
    while end > 0 and text[end - 1] == "\\":
        end = text.find('"', end + 1)
    return text[start + 1 :] if end < 0 else text[start + 1 : end]


_ID_HINTS = (
    "orrelation",
    "equestI",
    "equest_id",
    "equest-id",
    "eqI",
    "eq_id",
    "eq-id",
    "raceI",
    "race_id",
    "race-id",
    "_ID",
    "traceid",
    "requestid",
)
_TEXT_ID = linear.compile(
    r"(?i)\b(?:correlation|request|req|trace)[_-]?id\"?\s?[=:]\s?\"?([A-Za-z0-9][\w.:-]{3,199})"
)


def _text_id(text: str) -> str | None:
    match = _TEXT_ID.search(text) if any(name in text for name in _ID_HINTS) else None
    return None if match is None else match.group(1)
