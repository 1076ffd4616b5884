"""Names of streams, groups, consumers and fields are arbitrary bytes: what of them a person may see.

The text is valid Unicode without control or direction characters, masked and bounded. Commands keep the raw
bytes. Two names that would read the same (after masking or shortening) are told apart by `~2`, `~3`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from functools import lru_cache

from tools.masking import mask

LENGTH_MAX = 300
"""Characters of a name that are shown; a key may hold up to 512 MB."""

_SPARE = 100
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@lru_cache(maxsize=65536)
def display(raw: bytes) -> str:
    r"""A name for people: undecodable bytes and control characters as `\xHH` or `\uHHHH`, masked."""
    if not raw:
        return "(empty name)"
    head = raw[: LENGTH_MAX * 4].decode("utf-8", "surrogateescape")
    text = head if head.isascii() and head.isprintable() and "\\" not in head else _escaped(head)
    shown = mask(text)
    if len(shown) <= LENGTH_MAX and len(raw) <= LENGTH_MAX * 4:
        return shown
    return f"{shown[:LENGTH_MAX]}…(+{max(len(raw) - LENGTH_MAX, 1)} bytes)"


def _escaped(text: str) -> str:
    parts = []
    for index, char in enumerate(text):
        code = ord(char)
        if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte that is not UTF-8
            parts.append(f"\\x{code - 0xDC00:02x}")
        elif unicodedata.category(char) in _UNSEEN:
            parts.append(f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}")
        elif char == "\\" and text[index + 1 : index + 2] in {"x", "u", "\\"}:
            parts.append("\\\\")  # so that no two names share a text
        else:
            parts.append(char)
    return "".join(parts)


class NameBook:
    """Raw stream names and the distinct texts they are shown as, for the life of a source.

    `suffix` ends every text (`@db3`). Books that share `taken` give no two names the same text.
    """

    def __init__(self, suffix: str = "", taken: set[str] | None = None) -> None:
        self._texts: dict[bytes, str] = {}
        self._raws: dict[str, bytes] = {}
        self._suffix = suffix
        self._taken = set[str]() if taken is None else taken

    def text(self, raw: bytes) -> str:
        """The text of a raw name; the same for the same name."""
        known = self._texts.get(raw)
        if known is None:
            plain = known = f"{display(raw)}{self._suffix}"
            number = 2
            while known in self._taken:
                known, number = f"{plain}~{number}", number + 1
            self._texts[raw], self._raws[known] = known, raw
            self._taken.add(known)
        return known

    def raw(self, text: str) -> bytes | None:
        """The raw name behind a text; None for one that was never seen."""
        return self._raws.get(text)

    def forget(self, raw: bytes) -> None:
        """Drop a name that is gone, so that the book stays as small as the server."""
        text = self._texts.pop(raw, None)
        if text is not None:
            del self._raws[text]
            self._taken.discard(text)


class SharedBook(NameBook):
    """One book of several sources: what one of them does not find, another may. Names go by `keep` alone."""

    def forget(self, raw: bytes) -> None:
        """Nothing: see `keep`."""

    def keep(self, texts: Collection[str]) -> None:
        """Drop all other names, now and then, so that the book stays about as small as the deployment."""
        if len(self._texts) > 2 * len(texts) + _SPARE:
            for raw, _ in [pair for pair in self._texts.items() if pair[1] not in texts]:
                super().forget(raw)
