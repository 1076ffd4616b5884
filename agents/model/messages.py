"""What is asked and what comes back, in plain records; messages are JSON data as the Messages API has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from msgspec import Struct

from agents.model.prices import Usage
from agents.model.settings import Role

Message = dict[str, Any]
"""One message: `role` and `content`, a list of blocks."""
Block = dict[str, Any]

Why = Literal["off", "budget", "breaker", "failed", "ended"]


class ModelUnavailable(Exception):
    """No answer, and none will come now: rules only. `why` is the kind, `reason` the sentence for people."""

    def __init__(self, why: Why, reason: str) -> None:
        super().__init__(reason)
        self.why, self.reason = why, reason


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the API is told of it; `schema` is strict."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. `system` is the same in every question of a role: it comes first and is cached.

    `prompt` is the prompt's name and version, `conversation` tells questions of one investigation from others.
    """

    role: Role
    purpose: str
    prompt: str
    conversation: str
    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    answer_schema: Mapping[str, Any] | None = None


class ToolUse(Struct, frozen=True, kw_only=True):
    """A tool that the model wants to be called."""

    id: str
    name: str
    input: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: its blocks as they came, why it ended, what it used and cost (USD as text), when it came."""

    model: str
    content: tuple[Block, ...]
    stop_reason: str
    usage: Usage
    usd: str
    at: str

    @property
    def text(self) -> str:
        """What it says."""
        return "".join(str(block.get("text", "")) for block in self.content if block.get("type") == "text")

    def tool_uses(self) -> Iterator[ToolUse]:
        """The tools it wants, in order."""
        for block in self.content:
            if block.get("type") == "tool_use":
                given = block.get("input")
                yield ToolUse(
                    id=str(block.get("id", "")),
                    name=str(block.get("name", "")),
                    input=given if isinstance(given, dict) else {},
                )


class Model(Protocol):
    """Whoever answers: the API through `ModelClient`, or a transcript."""

    async def ask(self, ask: Ask, within_s: float | None = None) -> Reply:
        """The answer, within so many seconds. Raises ModelUnavailable."""
        ...


def encodable(data: Any) -> Any:
    r"""JSON data whose texts can be written as UTF-8: half a character (`\ud800` alone) becomes a question mark."""
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode()
    if isinstance(data, list):
        return [encodable(item) for item in data]
    if isinstance(data, dict):
        return {encodable(name): encodable(value) for name, value in data.items()}
    return data


def user(*texts: str) -> Message:
    """A message of ours."""
    return {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}


def assistant(reply: Reply) -> Message:
    """The model's own message, given back as it came: its thoughts are signed."""
    return {"role": "assistant", "content": list(reply.content)}


def tool_results(results: Sequence[tuple[ToolUse, str, bool]]) -> Message:
    """What the tools said: (call, text, whether it failed), one for each call of the message before."""
    return {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": use.id, "content": text, "is_error": failed}
            for use, text, failed in results
        ],
    }


def with_note(messages: Sequence[Message], note: str) -> tuple[Message, ...]:
    """The messages with a sentence of ours at the end of the last one, which is ours."""
    *before, last = messages
    return (*before, {**last, "content": [*last["content"], {"type": "text", "text": note}]})
