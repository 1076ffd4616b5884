"""What comes over the wire: a request that is no JSON is mended or refused, so that no caller waits for an answer for ever.

The package `mcp` drops such a line without a word. Half a character (a lone surrogate, which JSON of JavaScript can
hold and a model can say) is all that is mended; what is nested too deeply or a number without an end is refused.
"""

from __future__ import annotations

import json
import re
from typing import Any, Self

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from agents.model.messages import encodable

_ID = r'"id"\s*:\s*(\d{1,15}|"[^"\\]{1,100}")'
_FIRST = re.compile(r'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?' + _ID)
_LAST = re.compile(_ID + r"\s*\}\s*$")
"""Only the outermost object can begin or end so: another `id` may stand in the arguments."""
_END = 200
REFUSED = "The request is no JSON that can be read: {reason}. Send it again without that."


class Incoming:
    """The incoming messages of a connection; `answers` is where a refusal goes."""

    def __init__(self, messages: Any, answers: Any) -> None:
        self._messages, self._answers = messages, answers

    @property
    def last_context(self) -> Any:
        """As the package's own stream has it."""
        return self._messages.last_context

    async def receive(self) -> Any:
        """The next message. Raises anyio.EndOfStream."""
        while True:
            item = await self._messages.receive()
            line = _unreadable(item)
            if line is None:
                return item
            try:
                return _mended(line)
            except (ValueError, RecursionError) as error:
                await self._answers.send(SessionMessage(_refusal(line, error)))

    async def aclose(self) -> None:
        """Close the connection's stream."""
        await self._messages.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _unreadable(item: object) -> str | None:
    """The line that is no JSON; None for anything else."""
    if not isinstance(item, ValidationError):
        return None
    first = item.errors(include_url=False)[0]
    line = first["input"]
    return line if first["type"] == "json_invalid" and isinstance(line, str) and line.strip() else None


def _mended(line: str) -> SessionMessage:
    """Raises ValueError, RecursionError for what is broken otherwise."""
    text = json.dumps(encodable(json.loads(line)))
    return SessionMessage(types.jsonrpc_message_adapter.validate_json(text, by_name=False))


def _refusal(line: str, error: Exception) -> types.JSONRPCError:
    reason = str(error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else error)
    if isinstance(error, RecursionError) or "recursion" in reason:
        reason = "it is nested too deeply"
    told = types.ErrorData(code=types.PARSE_ERROR, message=REFUSED.format(reason=reason[:120]))
    return types.JSONRPCError(jsonrpc="2.0", id=_id(line), error=told)


def _id(line: str) -> int | str | None:
    found = _FIRST.match(line) or _LAST.search(line, max(0, len(line) - _END))
    return None if found is None else json.loads(found[1])
