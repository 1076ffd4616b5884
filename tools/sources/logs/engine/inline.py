"""Expressions made for one text, fitted for a block of many lines."""

from __future__ import annotations

_SPACE = r"[^\S\n]"


def inline(expression: str) -> str:
    """The same expression, that no newline can match: white space is within a line, and so is what is none of a set."""
    parts: list[str] = []
    at = 0
    while at < len(expression):
        char = expression[at]
        if char == "\\":
            pair = expression[at : at + 2]
            parts.append(_SPACE if pair == r"\s" else pair)
            at += 2
        elif char == "[":
            end = _set_end(expression, at)
            parts.append(_set(expression[at:end]))
            at = end
        else:
            parts.append(char)
            at += 1
    return "".join(parts)


def _set_end(expression: str, start: int) -> int:
    at = start + (2 if expression[start + 1] == "^" else 1)
    at += expression[at] == "]"
    while expression[at] != "]":
        at += 2 if expression[at] == "\\" else 1
    return at + 1


def _set(text: str) -> str:
    if text.startswith("[^"):
        return text if r"\s" in text or r"\n" in text else rf"[^\n{text[2:]}"
    return text.replace(r"\s", r" \t\r\f\v")
