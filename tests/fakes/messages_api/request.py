"""One request as the server got it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request: its number (from 0), its body, and what scripts ask of it."""

    number: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def raw(self) -> str:
        return json.dumps(self.body, ensure_ascii=False)

    @property
    def system(self) -> str:
        return "".join(block["text"] for block in self.body.get("system", ()))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body["messages"])

    @property
    def tools(self) -> list[str]:
        return [tool["name"] for tool in self.body.get("tools", ())]

    @property
    def wants(self) -> Mapping[str, Any] | None:
        """The schema that the answer must have."""
        config = self.body.get("output_config") or {}
        return config["format"]["schema"] if "format" in config else None

    @property
    def last_text(self) -> str:
        """What we said last, tool results and all."""
        return "\n".join(_texts(self.messages[-1]))

    @property
    def all_text(self) -> str:
        """Everything we said."""
        return "\n".join(
            text for message in self.messages if message["role"] == "user" for text in _texts(message)
        )

    @property
    def rounds(self) -> int:
        """How often the model has spoken already in this conversation."""
        return sum(message["role"] == "assistant" for message in self.messages)


def _texts(message: Mapping[str, Any]) -> Iterator[str]:
    for block in message["content"]:
        yield str(block.get("text", block.get("content", "")))
