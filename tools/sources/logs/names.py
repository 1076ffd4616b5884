"""What traces and access lines are called: the template that tells them apart, and that people read."""

from __future__ import annotations

from tools import linear
from tools.sources.logs import classify, parse
from tools.sources.logs.templates import template_of
from tools.sources.records import LogLine

_BELOW = linear.compile(r"\nTraceback \(most recent call last\):\n")
_REQUEST = linear.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) ([^\s?\"]{1,300})")
_SEGMENT = linear.compile(r"[^/\s]*\d[^/\s]*")
_TIMES = linear.compile(r"^(?:\[?<\*>\]?[\s,]{1,3}|<\*>,)+")
"""How the time at the head of a line looks in its template."""


def of_trace(head: LogLine, exception: str, text: str) -> str:
    """The template of a trace: what was thrown, and what its head says where that is something else."""
    said = template_of(_said(head)) if head.level is not None or head.message else ""
    own = head.message if head.message and exception == head.text.strip() else exception.strip()
    thrown = template_of(own)
    thrown = _TIMES.sub("", thrown) or thrown
    if thrown in said:
        return _TIMES.sub("", said) or said
    if said in thrown:
        return thrown
    # A Python trace below a line may be another one's: what was thrown is known, whose it is is not.
    return f"{thrown} | {said}" if _BELOW.search(text) else f"{said} | {thrown}"


def _said(head: LogLine) -> str:
    # A record names the error that it carries as well: that is the trace's to tell.
    return head.message if head.format == "json" and head.message else classify.spoken(head)


def of_request(text: str) -> str:
    """The template of an access line: method, path without figures, status."""
    match = _REQUEST.search(text)
    status = parse.status_of(text)
    if match is None:
        return f"HTTP {status}"
    return f"{match.group(1)} {_SEGMENT.sub('<*>', match.group(2))} {status}"
