"""Text of the audited system inside Markdown, HTML and Mermaid: it may say anything and must change nothing.

Every function takes hostile text and gives text that renders as itself: no markup, no link, no diagram syntax,
no control or direction-changing character reaches the reader.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import re2

from tools.report import commands

INLINE_CHARS_MAX = 300
FENCE_CHARS_MAX = 6000
LABEL_CHARS_MAX = 60

_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "$": "&#36;", "@": "@<i></i>"}
"""GitHub links bare e-mail addresses, `mailto:` and `xmpp:` among them, after it has read entities: an empty element
behind the @ ends the text in which it looks for them."""
_ESCAPED = frozenset("\\`*_[]#|~!")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are not shown as they are: control, format (bidi, zero width), surrogate, unassigned."""
_POINTERS = ("; the whole trace is the evidence.", "; it is the evidence.")
_SENTENCE = re2.compile(r"\. [A-Z]")
_SAFE_LABEL = frozenset(" -_.,/()?+")


def visible(text: str, keep: str = "") -> str:
    r"""`text` with every character that does not show as itself written as its code point (`\u202e`)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char in keep or unicodedata.category(char) not in _HIDDEN else _code_point(char)
        for char in text
    )


def inline(text: str, chars_max: int = INLINE_CHARS_MAX) -> str:
    """One line of running text, also inside a table cell."""
    line = visible(shortened(" ".join(text.split()), chars_max))
    escaped = "".join(_escape(char) for char in line)
    # GitHub links bare addresses; a broken scheme or host is text.
    escaped = escaped.replace("://", "&#58;//").replace("www.", "www&#46;").replace("WWW.", "WWW&#46;")
    return _escape_start(escaped)


def code(text: str, chars_max: int = INLINE_CHARS_MAX) -> str:
    """Inline code, also inside a table cell: names, files, ids."""
    line = visible(shortened(" ".join(text.split()), chars_max))
    if not line.strip():
        return "` `"
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def advice(text: str, chars_max: int = INLINE_CHARS_MAX) -> str:
    """One line of running text in which commands of Redis stand as code, so that they can be found and copied."""
    line = shortened(" ".join(text.split()), chars_max)
    return "".join(code(piece) if command else _between(piece) for piece, command in commands.parts(line))


def _between(piece: str) -> str:
    """A piece with the spaces at its ends, which `inline` takes away."""
    kept = piece.strip()
    if not kept:
        return piece
    start = piece[: len(piece) - len(piece.lstrip())]
    return f"{start}{inline(kept, len(kept))}{piece[len(piece.rstrip()) :]}"


def cell(text: str) -> str:
    r"""A rendered text made for a table: every pipe stands behind an odd number of backslashes."""
    parts = text.split("|")
    joined = parts[0]
    for part in parts[1:]:
        backslashes = len(joined) - len(joined.rstrip("\\"))
        joined += f"|{part}" if backslashes % 2 else f"\\|{part}"
    return joined


def fence(text: str, language: str = "text", chars_max: int = FENCE_CHARS_MAX) -> str:
    """A fenced block whose fence is longer than any run of backticks in it."""
    body = visible(shortened(text.rstrip("\n"), chars_max), keep="\n\t")
    marks = "`" * max(3, _longest_run(body) + 1)
    return f"{marks}{language}\n{body}\n{marks}"


def fold(summary: str, body: str) -> str:
    """What is not for now, behind one line; `summary` is a text of ours without markup."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def brief(text: str) -> str:
    """The first sentence of an advice, without a pointer to its evidence; what follows is told where its finding is."""
    line = " ".join(text.split())
    end = _SENTENCE.search(line)
    first = line if end is None else line[: end.start() + 1]
    return first.replace(_POINTERS[0], ".").replace(_POINTERS[1], ".")


def label(text: str, chars_max: int = LABEL_CHARS_MAX) -> str:
    """Text inside a quoted Mermaid label or a Mermaid message: all but plain characters as `#code;`."""
    line = visible(shortened(" ".join(text.split()), chars_max))
    encoded = "".join(char if char.isalnum() or char in _SAFE_LABEL else f"#{ord(char)};" for char in line)
    # `end` closes a block wherever Mermaid meets it as a word of its own.
    words = (f"#{ord(word[0])};{word[1:]}" if word.lower() == "end" else word for word in encoded.split(" "))
    return " ".join(words) or "#32;"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A GitHub table; cells must have come through `inline` or `code`."""
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"| {' | '.join('---' for _ in names)} |"]
    lines += [f"| {' | '.join(cell(text) for text in row)} |" for row in rows]
    return "\n".join(lines)


def shortened(text: str, chars_max: int) -> str:
    """`text`, or its beginning and how much was left out."""
    if len(text) <= chars_max:
        return text
    return f"{text[:chars_max]}… ({len(text) - chars_max} more characters)"


def _escape(char: str) -> str:
    if char in _ENTITIES:
        return _ENTITIES[char]
    return f"\\{char}" if char in _ESCAPED else char


def _escape_start(text: str) -> str:
    """Keep a text from opening a list, a quote or a rule where it begins a line or follows a bullet."""
    digits = len(text) - len(text.lstrip("0123456789"))
    if 0 < digits < len(text) and text[digits] in ".)" and not text[digits + 1 : digits + 2].strip():
        return f"{text[:digits]}\\{text[digits:]}"
    return f"\\{text}" if text[:1] in {"-", "+", "="} else text


def _longest_run(text: str) -> int:
    longest = run = 0
    for char in text:
        run = run + 1 if char == "`" else 0
        longest = max(longest, run)
    return longest


def _code_point(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"
