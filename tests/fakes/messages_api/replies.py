"""What the server can answer: messages, errors, and connections that break."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

_DELTA_CHARS = 300
_ids = itertools.count(1)
_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 408: "timeout_error", 413: "request_too_large", 429: "rate_limit_error",
    500: "api_error", 503: "api_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip


@dataclass(frozen=True)
class Says:
    """A whole message. Without `usage` the server counts the tokens itself."""

    content: tuple[dict[str, Any], ...]
    stop_reason: str = "end_turn"
    stop_details: Mapping[str, Any] | None = None
    usage: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Fails:
    """An error in place of a message."""

    status: int
    message: str = "scripted"
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str | None = None
    body: bytes | None = None

    def data(self) -> dict[str, Any]:
        error: dict[str, Any] = {"type": _TYPES.get(self.status, "api_error"), "message": self.message}
        if self.code is not None:
            error["details"] = {"error_code": self.code}
        return {"type": "error", "error": error, "request_id": f"req_{next(_ids):08d}"}


@dataclass(frozen=True)
class Breaks:
    """A stream that begins well: `error` event, `reset`, end (`eof`), `garbage` or silence after `events` events."""

    how: Literal["error", "reset", "eof", "garbage", "silence"]
    says: Says
    events: int = 3


@dataclass(frozen=True)
class Never:
    """No answer, ever: not even a status."""


Reply = Says | Fails | Breaks | Never


def says(answer: object, **usage: int) -> Says:
    """A text, or the JSON of an answer."""
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return Says(({"type": "text", "text": text, "citations": None},), usage=usage or None)


def calls(*wanted: tuple[str, Mapping[str, Any]], **usage: int) -> Says:
    """Calls of tools, each (name, input), with a signed thought before them."""
    thought = {"type": "thinking", "thinking": "", "signature": f"sig_{next(_ids)}"}
    blocks = [
        {"type": "tool_use", "id": f"toolu_{next(_ids):08d}", "name": name, "input": dict(given)}
        for name, given in wanted
    ]
    return Says((thought, *blocks), stop_reason="tool_use", usage=usage or None)


def cut(text: str) -> Says:
    """An answer that ran into its limit."""
    return Says(({"type": "text", "text": text, "citations": None},), stop_reason="max_tokens")


def refuses() -> Says:
    """The model declines."""
    details = {"type": "refusal", "category": "cyber", "explanation": "declined"}
    return Says((), stop_reason="refusal", stop_details=details)


def rate_limited(retry_after_s: float) -> Fails:
    """429 with the time to wait."""
    return Fails(429, "slow down", headers={"retry-after": f"{retry_after_s:g}"})


def overloaded() -> Fails:
    """529."""
    return Fails(529, "Overloaded")


def events(said: Says, model: str, usage: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A message as the events of its stream."""
    start: dict[str, Any] = {
        "id": f"msg_{next(_ids):08d}", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None, "stop_details": None, "container": None,
        "usage": dict(usage) | {"output_tokens": 1},
    }  # fmt: skip
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for index, block in enumerate(said.content):
        yield from _block(index, block)
    end = {"stop_reason": said.stop_reason, "stop_sequence": None, "stop_details": said.stop_details}
    counted = {name: usage[name] for name in usage if name != "cache_creation"}
    yield {"type": "message_delta", "delta": end, "usage": counted}
    yield {"type": "message_stop"}


def _block(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}},
    }  # fmt: skip
    yield {"type": "content_block_start", "index": index, "content_block": block | empty[block["type"]]}
    for delta in _deltas(block):
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "thinking":
        yield {"type": "signature_delta", "signature": block["signature"]}
        return
    key, kind = ("text", "text_delta") if block["type"] == "text" else ("partial_json", "input_json_delta")
    text = block["text"] if block["type"] == "text" else block.get("raw") or json.dumps(block["input"])
    for at in range(0, len(text), _DELTA_CHARS):
        yield {"type": kind, key: text[at : at + _DELTA_CHARS]}
