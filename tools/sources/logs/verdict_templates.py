"""Templates of whole traces and of requests: what their lines have in common beside their words."""

from __future__ import annotations

from tools import linear
from tools.sources.logs import classify, parse
from tools.sources.logs.templates import template_of
from tools.sources.records import LogLine

_BELOW = linear.compile(r"\nTraceback \(most recent call last\):\n")
_REQUEST = linear.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) ([^\s?\"]{1,300})")
_SEGMENT = linear.compile(r"[^/\s]*\d[^/\s]*")


def trace_template(head: LogLine, exception: str, text: str) -> str:
    """What the line says, and what was thrown."""
    said = template_of(classify.spoken(head)) if head.level is not None or head.message else ""
    thrown = template_of(exception.strip())
    if thrown in said:
        return said
    if said in thrown:
        return thrown
    # A Python trace below a line may be another one's: what was thrown is known, whose it is is not.
    return f"{thrown} | {said}" if _BELOW.search(text) else f"{said} | {thrown}"


def access_template(text: str) -> str:
    """Method, path and status of a request; segments with digits vary."""
    match = _REQUEST.search(text)
    status = parse.status_of(text)
    if match is None:
        return f"HTTP {status}"
    return f"{match.group(1)} {_SEGMENT.sub('<*>', match.group(2))} {status}"
