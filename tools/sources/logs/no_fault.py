"""Traces that tell of no fault of the service: it was stopped, or answered what a client sent wrong.

A logger that says ERROR is believed, but for what was cancelled: a task is, when a service stops or a client goes away.
"""

from __future__ import annotations

from collections.abc import Mapping

from tools import linear
from tools.sources.logs import parse
from tools.sources.records import LogLine

_STOPPED = linear.compile(r"^KeyboardInterrupt(?:: |$)")
_CANCELLED = linear.compile(
    r"^(?:asyncio\.(?:exceptions\.)?|concurrent\.futures\.(?:_base\.)?)?CancelledError(?:: |$)"
)
_ANSWERED = linear.compile(
    r"^(?:django\.core\.exceptions\.(?:PermissionDenied|Suspicious\w+|Disallowed\w+|BadRequest|RequestDataTooBig|TooMany\w+Sent)"
    r"|django\.http\.(?:response\.)?Http404|(?:starlette|fastapi)\.exceptions\.HTTPException: 4\d\d"
    r"|werkzeug\.exceptions\.(?:BadRequest\w*|NotFound|Forbidden|Unauthorized|MethodNotAllowed|Conflict|Gone|UnprocessableEntity"
    r"|TooManyRequests|RequestEntityTooLarge|UnsupportedMediaType|NotAcceptable)): ?|^django\.core\.exceptions\.PermissionDenied$"
)
"""What frameworks of Python turn into an answer of 400 to 499."""
_EXPOSED = linear.compile(r"\n +expose: true\b")
_CLIENT = linear.compile(r"\n +status(?:Code)?: 4\d\d\b")
"""Properties of an error of node that is meant for the client."""
_QUIET = frozenset({None, "DEBUG", "INFO", "WARN"})
_ERRORS = ("err", "error")


def was_stopped(exception: str) -> bool:
    """Whether somebody stopped the program by hand."""
    return _STOPPED.match(exception) is not None


def was_cancelled(exception: str) -> bool:
    """Whether a task ended because it was told to."""
    return _CANCELLED.match(exception) is not None


def was_answered(head: LogLine, text: str, exception: str) -> bool:
    """Whether a client's request was wrong, and was told so; what was logged as an error is one."""
    if head.level not in _QUIET:
        return False
    if _ANSWERED.match(exception) is not None:
        return True
    if head.format == "json":
        return any(_is_of_client(error) for error in _errors_of(head))
    return _EXPOSED.search(text) is not None and _CLIENT.search(text) is not None


def _errors_of(head: LogLine) -> list[Mapping[str, object]]:
    data = parse.decode(head.text) or {}
    return [error for key in _ERRORS if isinstance(error := data.get(key), dict)]


def _is_of_client(error: Mapping[str, object]) -> bool:
    # `status` alone is also what a peer answered us.
    status = error.get("statusCode", error.get("status") if error.get("expose") is True else None)
    return isinstance(status, int) and 400 <= status <= 499
