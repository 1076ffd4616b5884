"""The choke point to the API: every request is made here, with its secrets masked, and from nothing else.

The order is the API's order of caching: tools, the system text, then the conversation. The first two are the same in
every request of a role; the mark behind them and the one behind the newest message are where the API caches.
What the model itself said goes back unchanged: it never saw a secret, and its thoughts are signed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NewType

from agents.model.messages import Ask, Block, Message
from tools.masking import mask

Request = NewType("Request", dict[str, Any])
"""The body of a request, masked."""

_CACHED = {"type": "ephemeral"}
_OVERHEAD_TOKENS = 2000
"""What the API adds of its own to a request with tools and a schema, generously."""
_NONCE = re.compile(r"\bdata-[0-9a-f]{16}\b")
_MARK = re.compile(r"(</?data-[0-9a-f]{16}>)")


def request(ask: Ask, model: str, effort: str, output_tokens: int) -> Request:
    """The body of the request for a question."""
    config: dict[str, Any] = {"effort": effort}
    if ask.answer_schema is not None:
        config["format"] = {"type": "json_schema", "schema": dict(ask.answer_schema)}
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": output_tokens,
        "system": [{"type": "text", "text": mask(ask.system), "cache_control": _CACHED}],
        "messages": _messages(ask.messages),
        "output_config": config,
    }
    if ask.tools:
        body["tools"] = [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": dict(tool.schema),
                "strict": True,
            }
            for tool in ask.tools
        ]
        body["tool_choice"] = {"type": "auto"}
    return Request(body)


def prompt_tokens_max(body: Mapping[str, Any]) -> int:
    """An upper bound of the prompt's tokens: no token is shorter than a byte."""
    return len(json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")) + _OVERHEAD_TOKENS


def digest(body: Mapping[str, Any]) -> str:
    """SHA-256 of what was asked; the marks of our fences, which are new each time, do not count."""
    parts = {name: body.get(name) for name in ("model", "system", "tools", "messages")}
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(_NONCE.sub("data-", text).encode("ascii")).hexdigest()


def _messages(messages: tuple[Message, ...]) -> list[Message]:
    made = [_masked(message) for message in messages]
    if made and made[-1]["content"]:
        *before, last = made[-1]["content"]
        made[-1] = {**made[-1], "content": [*before, {**last, "cache_control": _CACHED}]}
    return made


def _masked(message: Message) -> Message:
    if message["role"] != "user":
        return message
    return {"role": "user", "content": [_masked_block(block) for block in message["content"]]}


def _masked_block(block: Block) -> Block:
    key = "content" if block["type"] == "tool_result" else "text"
    return {**block, key: _masked_text(str(block[key]))}


def _masked_text(text: str) -> str:
    """Masked; the marks of our fences stay, also behind a text that opens a quoted secret and never closes it."""
    masked = mask(text)
    if _MARK.findall(masked) == _MARK.findall(text):
        return masked
    return "".join(part if _MARK.fullmatch(part) else mask(part) for part in _MARK.split(text))
