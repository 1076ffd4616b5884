"""What every request must be like, as the API and our own promises have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.fakes.messages_api.request import Asked

_REMOVED = ("temperature", "top_p", "top_k", "stop_sequences")
_NOT_STRICT = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern", "default",
    "minItems", "maxItems", "oneOf", "allOf", "multipleOf",
})  # fmt: skip


def broken(asked: Asked, earlier: Sequence[Asked], secrets: Sequence[str]) -> Iterator[str]:
    """Everything that is wrong with a request."""
    body = asked.body
    yield from (f"{name} is not a parameter any more" for name in _REMOVED if name in body)
    if (body.get("tool_choice") or {"type": "auto"})["type"] != "auto":
        yield "forced tool use"
    if "thinking" in body and body["thinking"]["type"] in {"disabled", "enabled"}:
        yield "thinking can neither be disabled nor given a budget"
    if not body.get("stream"):
        yield "not streamed"
    if not 1 <= body.get("max_tokens", 0) <= 128_000:
        yield "max_tokens"
    yield from (f"a secret was sent: {secret[:4]}…" for secret in secrets if secret in asked.raw)
    yield from _conversation(asked.messages)
    yield from _schemas(body)
    yield from _cached(asked, earlier)


def _conversation(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    open_calls: set[str] = set()
    for number, message in enumerate(messages):
        if message["role"] != ("user", "assistant")[number % 2]:
            yield f"message {number} is of {message['role']}"
        if not message["content"]:
            yield f"message {number} is empty"
        answered = {block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"}
        if message["role"] == "user" and answered != open_calls:
            yield f"message {number} answers {sorted(answered)}, asked were {sorted(open_calls)}"
        open_calls = {block["id"] for block in message["content"] if block["type"] == "tool_use"}
    if messages[-1]["role"] != "user":
        yield "the last message is not ours"


def _schemas(body: Mapping[str, Any]) -> Iterator[str]:
    for tool in body.get("tools", ()):
        if tool.get("strict") is not True:
            yield f"tool {tool['name']} is not strict"
        if not tool.get("description"):
            yield f"tool {tool['name']} is not described"
        yield from (f"tool {tool['name']}: {problem}" for problem in _loose(tool["input_schema"]))
    config = body.get("output_config") or {}
    if "format" in config:
        yield from (f"answer: {problem}" for problem in _loose(config["format"]["schema"]))


def _loose(schema: object) -> Iterator[str]:
    if isinstance(schema, list):
        for part in schema:
            yield from _loose(part)
    if not isinstance(schema, Mapping):
        return
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield "an object is open"
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            yield "not every property is required"
    yield from (f"{name} is not taken" for name in sorted(_NOT_STRICT & set(schema)))
    for name, part in schema.items():
        if name in {"properties", "$defs"}:
            for inner in part.values():
                yield from _loose(inner)
        elif name in {"items", "anyOf"}:
            yield from _loose(part)


def _cached(asked: Asked, earlier: Sequence[Asked]) -> Iterator[str]:
    """The stable part carries the mark, and is the same in every request of a role."""
    system = asked.body.get("system") or [{}]
    if system[-1].get("cache_control") != {"type": "ephemeral"}:
        yield "the stable part is not marked to be cached"
    for other in earlier:
        same = other.system.split("\n", 1)[0] == asked.system.split("\n", 1)[0]
        if same and prefix(other) != prefix(asked):
            yield f"the stable part is another one than in request {other.number}"
            return


def prefix(asked: Asked) -> tuple[Any, Any]:
    """What the API caches first."""
    return asked.body.get("tools"), asked.body.get("system")
