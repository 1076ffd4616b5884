"""Labelled lines: what a line says, decided by who wrote it and not by the code that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent


class Labelled(NamedTuple):
    """A line of one format, and the level, time (ms) and message that its logger was given."""

    format: str
    text: str
    level: str | None
    event_ms: int | None
    message: str | None


def formats() -> Iterator[Labelled]:
    """`formats.txt`: `## format`, then of each line `=`, level, time and message between tabs, and the line itself.

    `-` stands for none; a time without a zone is local. The blocks of pino, winston, bunyan, log4js, Python's loggers and
    structlog, loguru, uvicorn, gunicorn, and those from `postgres-csv` to `fail2ban`, were printed by them; the others are
    written from the formats that are published.
    """
    name, lines = "", iter((FOLDER / "formats.txt").read_text(encoding="utf-8").split("\n"))
    for text in lines:
        if text.startswith("## "):
            name = text[3:]
        elif text.startswith("=\t"):
            level, at, message = (None if part == "-" else part for part in text.split("\t", 3)[1:])
            at_ms = None if at is None else round(datetime.fromisoformat(at).timestamp() * 1000)
            yield Labelled(name, next(lines), level, at_ms, message)


def keywords(*, failures: bool) -> tuple[str, ...]:
    """`keywords.txt`: the lines that tell of a failure, or those that only hold words that could."""
    sign = "+\t" if failures else "-\t"
    lines = (FOLDER / "keywords.txt").read_text(encoding="utf-8").split("\n")
    return tuple(text[2:] for text in lines if text.startswith(sign))


def traces() -> dict[str, str]:
    """`traces.txt`: `=== name`, then a whole trace. Those of node, python, java and rust were printed by them."""
    parts = (FOLDER / "traces.txt").read_text(encoding="utf-8").split("=== ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].rstrip("\n") for part in parts}
