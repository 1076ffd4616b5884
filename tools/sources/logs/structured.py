"""A JSON record → its level, time and message, by the field names of the loggers.

pino, bunyan, winston (json and logstash), python-json-logger, structlog, loguru, logback and log4j, ECS, zap, zerolog, slog,
Caddy, Serilog, .NET, tracing-subscriber, GELF, journald, MongoDB, OpenTelemetry, Google Cloud, PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tools.sources.logs import times
from tools.sources.logs.levels import level_of, otel_level, syslog_level

_LEVEL_KEYS = (
    *("level", "severity", "levelname", "lvl", "log.level", "loglevel", "@level", "level_name", "severity_text"),
    *("severitytext", "@l", "error_severity"),
)  # fmt: skip
_TIME_KEYS = (
    *("time", "timestamp", "ts", "@timestamp", "t", "datetime", "date", "asctime", "eventtime", "@t"),
    "__realtime_timestamp",
)
_SURE_TIME_KEYS = tuple(key for key in _TIME_KEYS if key != "date")
"""Where there is no level, a date may be that of an order as well."""
_MESSAGE_KEYS = (
    *("msg", "message", "@message", "event", "short_message", "@m", "renderedmessage", "@mt", "messagetemplate"),
    *("text", "log", "body"),
)  # fmt: skip
_HOLDERS = ("fields", "@fields", "log", "record")
"""Objects that some loggers put level or message into: tracing-subscriber, logstash, ECS, loguru."""
_MONGODB = {"F": "FATAL", "E": "ERROR", "W": "WARN", "I": "INFO", "D": "DEBUG"}
_NAMES = ("name", "repr")


class Told(NamedTuple):
    """What a record says about itself."""

    level: str | None
    event_ms: int | None
    message: str | None


def told_by(data: Mapping[str, object]) -> Told:
    """Level, time and message of a record; each None where it has none."""
    record = data.get("record")
    if isinstance(record, dict) and isinstance(record.get("level"), dict):  # loguru
        data = record
    plain = {key.lower(): value for key, value in data.items()}
    inner = [value for key in _HOLDERS if isinstance(value := plain.get(key), dict)]
    layers = [plain, *({str(key).lower(): value for key, value in holder.items()} for holder in inner)]
    level = _level(layers)
    return Told(level, _time(layers, _TIME_KEYS if level is not None else _SURE_TIME_KEYS), _message(layers))


def _level(layers: list[dict[str, object]]) -> str | None:
    plain = layers[0]
    if "short_message" in plain or "gelf" in plain:
        return syslog_level(plain.get("level"))
    for layer in layers:
        for key in _LEVEL_KEYS:
            value = layer.get(key)
            if isinstance(value, dict):
                value = value.get("name")
            found = level_of(value)
            if found is not None:
                return found
    return _by_number(plain)


def _by_number(plain: dict[str, object]) -> str | None:
    if "@t" in plain and ("@m" in plain or "@mt" in plain):  # Serilog leaves out what is usual
        return "INFO"
    if "priority" in plain and "message" in plain and "__realtime_timestamp" in plain:
        return syslog_level(plain["priority"])
    letter = plain.get("s")
    if isinstance(letter, str) and "c" in plain and "ctx" in plain:
        return _MONGODB.get(letter[:1])
    return otel_level(plain.get("severitynumber", plain.get("severity_number")))


def _time(layers: list[dict[str, object]], keys: tuple[str, ...]) -> int | None:
    for layer in layers:
        for key in keys:
            value = layer.get(key)
            if isinstance(value, dict):
                value = next((value[name] for name in ("$date", *_NAMES) if name in value), None)
            found = times.from_value(value)
            if found is not None:
                return found
    return None


def _message(layers: list[dict[str, object]]) -> str | None:
    given = (value for layer in layers for key in _MESSAGE_KEYS if isinstance(value := layer.get(key), str))
    return next(given, None) or _of_error(layers[0])


def _of_error(plain: dict[str, object]) -> str | None:
    """What an error says that was logged without words of its own."""
    errors = (plain.get(key) for key in ("err", "error"))
    said = (error.get("message") for error in errors if isinstance(error, dict))
    return next((value for value in said if isinstance(value, str) and value), None)
