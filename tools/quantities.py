"""Durations as people write them: `90s`, `10m`, `1h30m`, `250ms`, or a number of seconds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(value: object) -> float:
    """Seconds from `90s`, `1h30m` or a plain number; raises ValueError on anything else."""
    if isinstance(value, bool):
        raise ValueError("expected a duration such as '90s' or '10m'")  # noqa: TRY004 - pydantic wants ValueError
    if isinstance(value, int | float):
        seconds = float(value)
    elif isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        parts = _PART.findall(value.strip())
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    else:
        raise ValueError(f"{value!r} is not a duration; write it like '90s', '10m' or '1h30m'")
    if not 0 <= seconds < 10**9:
        raise ValueError(f"{value!r} is out of range")
    return seconds


def format_duration(seconds: float) -> str:
    """Seconds in the shortest form that `parse_duration` reads back: `1h30m`, `90s` as `1m30s`."""
    if seconds != int(seconds) or seconds == 0:
        return f"{round(seconds * 1000)}ms" if 0 < seconds < 60 else f"{seconds:g}s"
    left, text = int(seconds), ""
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if left >= size:
            text += f"{left // size}{unit}"
            left %= size
    return text


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
]
"""A pydantic field type: seconds inside, text such as `10m` outside."""
