"""Severity, by the words and numbers of the loggers, as one of six upper-case names.

Syslog's `crit`, `alert` and `emerg` are FATAL, its `notice` is INFO. A custom slog level (`ERROR+4`) is that of its name.
"""

from __future__ import annotations

from tools import linear

_WORDS = {
    "FATAL": ("fatal", "critical", "crit", "panic", "dpanic", "emerg", "emergency", "alert", "60", "ftl", "fata"),
    "ERROR": ("error", "err", "severe", "failure", "50", "eror", "erro", "fail"),
    "WARN": ("warn", "warning", "40", "wrn"),
    "INFO": (
        *("info", "information", "informational", "notice", "note", "30", "http", "log", "inf", "success", "config"),
        "system",
    ),
    "DEBUG": ("debug", "20", "verbose", "dbg", "fine", "dbug", "debu", "vrb"),
    "TRACE": ("trace", "10", "silly", "finest", "finer", "trc", "trac", "trce"),
}  # fmt: skip
_LEVEL_OF = {word: level for level, words in _WORDS.items() for word in words} | {
    f"{word}{number}": level
    for word, level in (("debug", "DEBUG"), ("trace", "TRACE"))
    for number in range(1, 9)
}
_NUMBERS = ((60, "FATAL"), (50, "ERROR"), (40, "WARN"), (30, "INFO"), (20, "DEBUG"), (10, "TRACE"))
_SYSLOG = ("FATAL", "FATAL", "FATAL", "ERROR", "WARN", "INFO", "INFO", "DEBUG")
_OTEL = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_COLOUR = linear.compile(r"\x1b\[[0-9;]*m")
_CUSTOM = linear.compile(r"^(debug|info|warn|error)[+-]\d{1,4}$")
_BELOW_DEBUG = linear.compile(r"^debug-\d{1,4}$")


def level_of(value: object) -> str | None:
    """A level as its upper-case name, from a word or a number of 10 to 60."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return next((name for least, name in _NUMBERS if value >= least), None) if value < 100 else None
    if not isinstance(value, str) or len(value) > 40:
        return None
    word = value.strip().lower()
    if "\x1b" in word:  # a colouring format in front of a JSON format
        word = _COLOUR.sub("", word)
    found = _LEVEL_OF.get(word)
    if found is None and (custom := _CUSTOM.match(word)) is not None:
        return "TRACE" if _BELOW_DEBUG.match(word) else _LEVEL_OF[custom.group(1)]
    return found


def syslog_level(value: object) -> str | None:
    """The level of a syslog severity 0 to 7 (number or digit); None for anything else."""
    if isinstance(value, str) and len(value) == 1 and value in "01234567":
        value = int(value)
    return (
        _SYSLOG[value] if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 7 else None
    )


def otel_level(value: object) -> str | None:
    """The level of an OpenTelemetry severity number 1 to 24; None for anything else."""
    return (
        _OTEL[(value - 1) // 4]
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 24
        else None
    )
