"""The JSON Schemas of arguments: one for MCP clients, and one that the Messages API takes as a strict tool's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.functions.contract import ToolFunction

_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matches {}",
}
"""What a strict schema may not hold; it is told in words, and `call` checks it."""


def schema(function: ToolFunction) -> dict[str, Any]:
    """The whole schema: defaults, bounds and patterns."""
    made = function.arguments.model_json_schema()
    made.pop("description", None)
    return _plain(made)


def strict_schema(function: ToolFunction) -> dict[str, Any]:
    """The same for a strict tool: every argument required, no bounds, no defaults; these stand in the descriptions."""
    whole = schema(function)
    properties = {name: _strict(part) for name, part in whole.get("properties", {}).items()}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _plain(made: Mapping[str, Any]) -> dict[str, Any]:
    """Without the titles that say a name again."""
    kept = {name: part for name, part in made.items() if name != "title"}
    if "properties" in kept:
        kept["properties"] = {
            name: {key: value for key, value in part.items() if key != "title"}
            for name, part in kept["properties"].items()
        }
    return kept


def _strict(part: Mapping[str, Any]) -> dict[str, Any]:
    bounds = "; ".join(words.format(part[key]) for key, words in _BOUNDS.items() if key in part)
    made = {key: value for key, value in part.items() if key not in {*_BOUNDS, "default", "description"}}
    if "const" in made:
        made["enum"] = [made.pop("const")]
    description = part.get("description", "")
    return made | {"description": f"{description} ({bounds})" if bounds else description}
