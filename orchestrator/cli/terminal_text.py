"""Text of the audited system made safe for a terminal: no control sequence, no reversed line, one line."""

from __future__ import annotations

import unicodedata

import re2

_SEQUENCES = re2.compile(
    r"(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS, SOS, PM, APC with their text
    r"|\x1b[ -/]*[0-~]"
)
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories shown as escapes: controls, format characters (bidi among them), surrogates, line ends."""


def clean(text: str, width: int | None = None) -> str:
    """`text` as one line: sequences removed, white space as spaces, what else is invisible escaped.

    Longer than `width` characters it is cut, with an ellipsis.
    """
    if not (text.isascii() and text.isprintable()):
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
        text = _SEQUENCES.sub("", text) if "\x1b" in text or "\x9b" in text else text
        text = "".join(map(_visible, text))
    if width is not None and len(text) > width:
        return text[: max(0, width - 1)] + "…"
    return text


def _visible(char: str) -> str:
    if char in "\n\r\t\v\f":
        return " "
    if unicodedata.category(char) not in _ESCAPED:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
