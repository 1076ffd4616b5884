"""Whether a log line shows that paths of the server, or its stack, went out in an answer: an HTTP body, an API error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from tools import linear

_FOLDERS = "app|apps|srv|home|root|usr/src|usr/local|opt|var/www|var/task|var/lib|workspace|workdir|build|code|Users|mnt|data"
_ENDINGS = (
    "js|mjs|cjs|ts|tsx|jsx|py|rb|go|rs|java|kt|php|cs|json|ya?ml|toml|env|conf|ini|sql|pem|key|db|sqlite"
)
_PATHS = (
    rf"(?:^|[^\w/.:-])/(?:{_FOLDERS})/[\w.@/+-]{{1,200}}\.(?:{_ENDINGS})\b",
    rf"\b[A-Z]:(?:\\\\?|/)(?:Users|inetpub|app|src|Program Files)(?:\\\\?|/)[\w .@\\/+-]{{1,200}}\.(?:{_ENDINGS})\b",
)
_FRAMES = (
    r"(?:^|\s|>|;|\\n)at (?:async )?(?:[\w.<>$\[\] ]{1,120} )?\(?(?:file://)?(?:/|[A-Z]:\\|node:)[^\s()<>\"]{1,200}:\d+:\d+",
    r"\bat [\w.$]{3,200}\([\w$]{1,80}\.(?:java|kt|scala):\d+\)",
    r"File \\?\"[^\"]{1,300}\", line \d+",
    r"Traceback \(most recent call last\)",
    r"goroutine \d+ \[running\]",
    r" at [\w.]{3,200}\([^)]{0,200}\) in [^\s\"]{1,200}:line \d+",
)
PATTERNS = (*_FRAMES, *_PATHS)
"""One of these stands in every line that shows the inside: a frame or a path."""
_INTERNAL = linear.compile("|".join(PATTERNS))
_FAILS = linear.compile(
    r"(?i)error|exception|\bstack\b|stack[ _-]?trace|traceback|enoent|eacces|no such file|not found|cannot|failed|denied|unexpected"
)
_NAMED = linear.compile("|".join(_PATHS))
"""A path: what its file is called tells of no failure."""
_STATUSES = frozenset({"status", "statuscode", "status_code"})
_FAILED_STATUS, _STATUS_DIGITS_MAX = 400, 3
_BODIES = frozenset({"body", "responsebody", "response_body", "resbody", "res_body", "rawbody"})
_ANSWERS = frozenset({"res", "response", "reply", "httpresponse", "http_response"})
_PAYLOADS = frozenset({"data", "payload", "content", "text", "json"})
_SPOKEN = linear.compile(
    r"(?i)\b(?:respon(?:se|ded|ding)|repl(?:y|ied|ying)|sent|sending|return(?:ed|ing)|answer(?:ed|ing)?)\b[^{\n]{0,80}?"
    r"(?:\bbody\b|\bpayload\b|\bto (?:the )?client\b|\b[45]\d\d\b)[^{\n]{0,30}?(?:\{|\bbody\b|[:=])"
    r"|\b(?:response|reply|res)[_ .]?body\b\"?\s?[:=]|^HTTP/[\d.]{1,3} [45]\d\d\b"
)
_NOT_OURS = linear.compile(
    r"(?i)\brequest[_ .]?body\b|\breceived\b|\bupstream\b|\bgot (?:a )?response\b|\bfrom (?:the )?(?:server|api|peer|upstream)\b"
)
_MAY_ANSWER = linear.compile(r"(?i)respon|repl(?:y|ied)|sent|sending|return|answer|body|\"res\"|HTTP/")
"""With what `_SPOKEN` begins, and what stands in the name of each field that may hold an answer."""
_CHARACTERS_MAX = 16_000
_DECODER = msgspec.json.Decoder()


def exposed(text: str) -> str | None:
    """What of the server's inside an answer shows: the path or frame; None where the line shows no such answer.

    Only answers of the service itself count, and only those that tell of a failure: that a path stands in a log
    line is no exposure.
    """
    text = text[:_CHARACTERS_MAX]
    found = next((found for part in _answers(text) if (found := _inside(part)) is not None), None)
    return found if found is not None and _INTERNAL.search(text) is not None else None


def may_answer(text: str) -> bool:
    """Whether one of some lines may show an answer; quick, and never wrong when it says no where nothing is escaped."""
    return _MAY_ANSWER.search(text) is not None


def shows_inside(text: str) -> bool:
    """Whether lines like this one may differ in judgement by a status alone."""
    return _INTERNAL.search(text[:_CHARACTERS_MAX]) is not None


def _inside(part: str) -> str | None:
    match = _INTERNAL.search(part)
    return (
        match.group(0).strip(" \"'(,:;>")
        if match is not None and _FAILS.search(_NAMED.sub(" ", part))
        else None
    )


def _answers(text: str) -> Iterator[str]:
    if text.startswith("{"):
        try:
            data = _DECODER.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            data = None
        if isinstance(data, dict):
            yield from _of_record(data)
            return
    match = _SPOKEN.search(text)
    if match is not None and not _NOT_OURS.search(text[: match.end()]):
        yield text[match.start() :]


def _of_record(data: Mapping[str, object]) -> Iterator[str]:
    if _went_well(data):
        return
    for key, value in data.items():
        name = key.lower()
        if name in _ANSWERS and isinstance(value, dict) and _went_well(value):
            continue
        if name in _BODIES and not _is_request(data):
            yield _flat(value)
        elif name in _ANSWERS and isinstance(value, dict):
            yield from (_flat(inner) for part, inner in value.items() if part.lower() in _BODIES | _PAYLOADS)
        elif name in _ANSWERS and isinstance(value, str):
            yield value
        elif name in {"msg", "message"} and isinstance(value, str):
            match = _SPOKEN.search(value)
            if match is not None and not _NOT_OURS.search(value[: match.end()]):
                yield value[match.start() :]


def _went_well(answer: Mapping[str, object]) -> bool:
    """Whether a status says that nothing failed."""
    statuses = [
        int(text)
        for key, value in answer.items()
        if key.lower() in _STATUSES and len(text := str(value)) <= _STATUS_DIGITS_MAX and text.isdecimal()
    ]
    return bool(statuses) and max(statuses) < _FAILED_STATUS


def _is_request(data: Mapping[str, object]) -> bool:
    """Whether a body is what came in: nothing tells of an answer."""
    return not any(
        key.lower() in {"status", "statuscode", "status_code", "res", "response", "responsetime"}
        for key in data
    )


def _flat(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8", "replace")
