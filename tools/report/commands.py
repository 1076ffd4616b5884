"""Commands of Redis in a sentence of advice: found, so that they can be shown as what is typed.

A command is its word, the names that it takes, and what can only be an argument behind them (ids, numbers, words in
capitals); a word of the sentence ends it. Names are the audited system's: what stands for one may be anything but a space.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2

_NAMES = {
    "XACK": 2,
    "XADD": 1,
    "XAUTOCLAIM": 2,
    "XCLAIM": 2,
    "XDEL": 1,
    "XGROUP CREATE": 2,
    "XGROUP DELCONSUMER": 3,
    "XGROUP DESTROY": 2,
    "XINFO CONSUMERS": 2,
    "XINFO GROUPS": 1,
    "XINFO STREAM": 1,
    "XLEN": 1,
    "XPENDING": 2,
    "XRANGE": 1,
    "XREVRANGE": 1,
    "XTRIM": 1,
}
"""Commands of which the advice of rules speaks, and how many names follow each."""
_COMMAND = re2.compile(rf"\b(?:{'|'.join(sorted(_NAMES, reverse=True))})\b")
_NAME = re2.compile(r" ([^\s(),;]*[^\s(),;.:?!])")
_ARGUMENT = re2.compile(
    r" (?:\d+-\d+|\d+|[+*~$=>-]|<[^<>\s]+>|(?:COUNT|MAXLEN|MINID|MKSTREAM|IDLE|JUSTID)\b)"
)
_PROSE = frozenset(
    [
        "a",
        "after",
        "an",
        "and",
        "as",
        "at",
        "before",
        "by",
        "each",
        "every",
        "for",
        "from",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "no",
        "of",
        "on",
        "one",
        "only",
        "or",
        "so",
        "that",
        "the",
        "them",
        "then",
        "there",
        "these",
        "this",
        "to",
        "until",
        "what",
        "where",
        "which",
        "with",
    ]
)
"""Words that end a command: `XADD at main.py` names no stream."""


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, in order and whole; True for those that are commands."""
    at = 0
    for match in _COMMAND.finditer(text):
        if match.start() < at:
            continue
        end = _end(text, match.end(), _NAMES[match.group()])
        if match.start() > at:
            yield text[at : match.start()], False
        yield text[match.start() : end], True
        at = end
    if at < len(text):
        yield text[at:], False


def _end(text: str, at: int, names: int) -> int:
    """Where the command ends that begins before `at`; without all of its names it is its word alone."""
    word = at
    for _ in range(names):
        name = _NAME.match(text, at)
        if name is None or name.group(1) in _PROSE:
            return word
        at = name.end()
    while argument := _ARGUMENT.match(text, at):
        at = argument.end()
    return at
