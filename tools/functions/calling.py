"""Runs a function by name: checks the arguments, keeps time and size, masks everything.

Nothing that a caller does wrong or the audited system is like makes it raise: the answer then is an error. A defect of
a function itself is raised, as it is.
"""

from __future__ import annotations

import json
import queue
import threading
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pydantic import ValidationError

from tools.errors import FunctionRefused, StreamgaugeError
from tools.findings.model import AgentId
from tools.functions.contract import Answer, Arguments, Desk, Item, Page, Result, ToolFunction, out_of_time
from tools.functions.table import by_name
from tools.masking import mask, mask_data
from tools.sources.redis.names import display

_NAME_MAX, _ERROR_MAX = 60, 600
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, StreamgaugeError)
"""What damaged files and silent servers raise: msgspec's and pydantic's errors are ValueErrors."""
_FRAME_BYTES = 1500
"""Room for the names around the items, and for the mark of the next page."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_CUTS = (4000, 1000, 300, 80)
"""Characters of each text of an item that alone is too long."""


def call(name: str, arguments: object, desk: Desk, *, agent: AgentId | None = None) -> Answer:
    """Call a function. `agent` is the specialist that asks; None: the orchestrator or an MCP client."""
    try:
        function = _function(name, agent)
    except FunctionRefused as error:
        return refusal(str(error))
    return run(function, arguments, desk)


def run(function: ToolFunction, arguments: object, desk: Desk) -> Answer:
    """Run one entry of the table."""
    try:
        result = _run(function, desk.begun(), _checked(function, arguments))
    except FunctionRefused as error:
        return refusal(str(error))
    except _UNREADABLE as error:
        words = _words(error)
        return refusal(f"This could not be read: {words}{'' if words.endswith(('.', '?', '!')) else '.'}")
    return answer(result, desk.limits.answer_bytes)


def refusal(words: str) -> Answer:
    """The answer that says why there is none."""
    said = mask(_visible(words))[:_ERROR_MAX]
    data = {"error": said}
    return Answer(ok=False, data=data, text=canonical(data), error=said)


def answer(result: Result, bytes_max: int) -> Answer:
    """A result, masked, and cut to the size limit: a page ends earlier, a single record has its texts cut."""
    if not isinstance(result, Page):
        data, cut = _fitting(_masked(result), bytes_max)
        return Answer(ok=True, data=data, text=canonical(data), truncated=cut)
    facts, cut = _fitting(_masked(result.facts), bytes_max // 2)
    room = bytes_max - _size(facts) - _FRAME_BYTES
    items = _within(result.items, room)
    if result.items and not items:
        first, cut = _fitting(_masked(result.items[0].data), room)
        items = [first]
    whole = len(items) == len(result.items)
    next_page = result.next_page if whole else result.items[len(items) - 1].cursor
    data = {**facts, "items": items, "nextPage": next_page}
    cut = cut or next_page is not None
    return Answer(ok=True, data=data, text=canonical(data), truncated=cut, next_page=next_page)


def canonical(data: object) -> str:
    r"""JSON with sorted keys; what a terminal or a reader could be misled by is written as `\uHHHH`."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return _visible(text)


def _function(name: str, agent: AgentId | None) -> ToolFunction:
    function = by_name().get(name) if isinstance(name, str) else None
    if function is None:
        known = ", ".join(
            sorted(key for key, one in by_name().items() if agent is None or agent in one.agents)
        )
        raise FunctionRefused(f"There is no function {_shown(name)}. Use one of {known}.")
    if agent is not None and agent not in function.agents:
        raise FunctionRefused(
            f"{function.name} is not for {agent}: ask the orchestrator for what it would tell."
        )
    return function


def _checked(function: ToolFunction, arguments: object) -> Arguments:
    if not isinstance(arguments, Mapping):
        raise FunctionRefused(f"The arguments of {function.name} must be an object with its named arguments.")
    try:
        return function.arguments.model_validate(dict(arguments))
    except ValidationError as error:
        raise FunctionRefused(_problem(function, error)) from error


def _problem(function: ToolFunction, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = _shown(".".join(map(str, first["loc"])))
    if first["type"] in {"extra_forbidden", "invalid_key"}:
        known = ", ".join(function.arguments.model_fields) or "none"
        return f"{function.name} has no argument {where}. It takes: {known}."
    return f"Argument {where} of {function.name}: {first['msg']}. Correct it and call again."


def _run(function: ToolFunction, desk: Desk, arguments: Arguments) -> Result:
    """In a thread of its own: what stands still (a disk, a mount) must not stop the caller."""
    outcome: queue.SimpleQueue[tuple[Result | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((function.run(desk, arguments), None))
        except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
            outcome.put((None, error))

    threading.Thread(target=work, name=f"function {function.name}", daemon=True).start()
    try:
        result, error = outcome.get(timeout=desk.limits.seconds + desk.limits.grace_s)
    except queue.Empty:
        raise out_of_time(desk.limits.seconds) from None
    if error is not None:
        raise error
    assert result is not None
    return result


def _masked(data: Mapping[str, object]) -> dict[str, Any]:
    masked = mask_data(msgspec.to_builtins(data))
    assert isinstance(masked, dict)
    return masked


def _within(items: Sequence[Item], bytes_max: int) -> list[dict[str, Any]]:
    """The items, masked, as far as they fit."""
    kept: list[dict[str, Any]] = []
    used = 0
    for item in items:
        masked = _masked(item.data)
        used += _size(masked) + 1
        if used > bytes_max:
            break
        kept.append(masked)
    return kept


def _fitting(data: dict[str, Any], bytes_max: int) -> tuple[dict[str, Any], bool]:
    """The record, and whether its texts had to be cut to fit."""
    if _size(data) <= bytes_max:
        return data, False
    for characters in _CUTS:
        for elements in (200, 20, 5):
            shorter = _cut(data, characters, elements)
            assert isinstance(shorter, dict)
            if _size(shorter) <= bytes_max:
                return shorter, True
    return {"cut": f"longer than {bytes_max} bytes even where every text is cut"}, True


def _cut(data: object, characters: int, elements: int) -> object:
    """JSON data with shorter texts and lists; it is masked, so no half of a secret shows."""
    if isinstance(data, str) and len(data) > characters:
        return f"{data[:characters]}…(+{len(data) - characters} characters)"
    if isinstance(data, list):
        kept = [_cut(part, characters, elements) for part in data[:elements]]
        return kept if len(data) <= elements else [*kept, f"…(+{len(data) - elements} more)"]
    if isinstance(data, dict):
        return {key: _cut(part, characters, elements) for key, part in list(data.items())[: elements * 4]}
    return data


def _size(data: object) -> int:
    return len(canonical(data).encode())


def _visible(text: str) -> str:
    """Every control, direction and lone surrogate character as its JSON escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(json.dumps(char)[1:-1] if unicodedata.category(char) in _UNSEEN else char for char in text)


def _shown(name: object) -> str:
    """What a caller wrote, for an error: bounded and harmless."""
    text = name if isinstance(name, str) else type(name).__name__
    shown = display(text[: _NAME_MAX + 1].encode("utf-8", "surrogatepass"))
    return f"'{shown[:_NAME_MAX]}…'" if len(text) > _NAME_MAX else f"'{shown}'"


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}. Look for what is there with another function."
    return " ".join(str(error).split())[:300] or type(error).__name__
