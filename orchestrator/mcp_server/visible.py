"""JSON data and texts that any client may take: nothing in them is invisible or half a character."""

from __future__ import annotations

import unicodedata
from typing import Any

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_KEPT = frozenset("\n\t")


def text(given: str) -> str:
    r"""Controls, directions and lone surrogates as `\uHHHH`; line ends and tabs stay."""
    if given.isascii() and given.isprintable():
        return given
    return "".join(_escape(char) if _is_unseen(char) else char for char in given)


def data(given: Any) -> Any:
    """The same of every text in JSON data, names included."""
    if isinstance(given, str):
        return text(given)
    if isinstance(given, list | tuple):
        return [data(item) for item in given]
    if isinstance(given, dict):
        return {text(str(name)): data(value) for name, value in given.items()}
    return given


def _is_unseen(char: str) -> bool:
    return char not in _KEPT and unicodedata.category(char) in _UNSEEN


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
