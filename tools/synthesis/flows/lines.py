"""What a log line says of a flow: what happened, of which message ids, of which stream."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

import re2

from tools.sources.records import LogLine
from tools.synthesis.flows.model import Action, Step

MESSAGE_ID = re2.compile(r"\b(\d{13}-\d{1,10})\b")
_ACTIONS: tuple[tuple[Action, str], ...] = (
    ("failed", r"redis\.failed|fail(?:ed|ure)?|error|exception|rejected|dead[- ]?letter(?:ed)?"),
    ("acked", r"redis\.ack|x?ack(?:ed|nowledged?)?|done|completed|handled|processed|finished"),
    ("consumed", r"redis\.consume|consum(?:ed|ing)|receiv(?:ed|ing)|process(?:ing)?|handling|picked up|dequeued|accepted|taken"),
    ("published", r"redis\.publish|publish(?:ed|ing)?|xadd|enqueued|emitted|produced|dispatched|sent|placed|submitted|requested|raised"),
)  # fmt: skip
_ACTION = re2.compile("(?i)" + "|".join(rf"\b({words})\b" for _, words in _ACTIONS))
_EVENT = re2.compile(r'"(?:event|action|type)"\s*:\s*"([^"]{1,80})"')
_STREAM = re2.compile(
    r'(?:"stream(?:_?[nN]ame|Key)?"\s*:\s*"([^"]{1,300})"|\bstream(?:_?name)?=(?:"([^"]{1,300})"|(\S{1,300})))'
)
_TEXT_CHARS_MAX = 2000
_IDS_MAX = 16
"""Message ids of one line that are followed: a line that lists hundreds tells of no flow."""


class Sighting(NamedTuple):
    """One line: the step without its message, the ids it names, and the stream it names, if any."""

    step: Step
    ids: tuple[str, ...]
    stream: str | None
    correlation_id: str | None


def action_of(text: str) -> Action:
    """What a log line says happened: its `event` field decides, else the first telling word."""
    text = text[:_TEXT_CHARS_MAX]
    event = _EVENT.search(text) if '"' in text else None
    for candidate in (text,) if event is None else (event.group(1), text):
        match = _ACTION.search(candidate)
        if match is not None and match.lastindex is not None:
            return _ACTIONS[match.lastindex - 1][0]
    return "seen"


def sighting(line: LogLine, streams: Container[str]) -> Sighting:
    """What a line says; a stream only where it names one of `streams` in a field of that name."""
    text = line.text[:_TEXT_CHARS_MAX]
    ids = tuple(dict.fromkeys(MESSAGE_ID.findall(text)))[:_IDS_MAX]
    named = _STREAM.search(text) if "stream" in text else None
    stream = None if named is None else next((name for name in named.groups() if name), None)
    step = Step(
        at_ms=line.arrived_ms if line.event_ms is None else line.event_ms,
        service=line.service,
        action=action_of(line.text if line.message is None else f"{line.message} {line.text}"),
        message_id=ids[0] if ids else None,
        source=f"{line.source}:{line.line}",
    )
    return Sighting(step, ids, stream if stream in streams else None, line.correlation_id or None)
