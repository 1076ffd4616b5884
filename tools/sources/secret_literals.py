"""Secrets that stand in code as the literal beside a name: `process.env.API_SECRET ?? "…"`, `db_password: str = "…"`.

`masking.mask` knows `name=value`; in code an operator, a call or a type stands between the two.
"""

from __future__ import annotations

from collections.abc import Callable

import re2

from tools import masking, secret_finder

_LITERAL = r"(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)"
_QUOTED = re2.compile(_LITERAL)
_WORD = re2.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BESIDE = re2.compile(
    rf"([A-Za-z_]\w*)(?:[\"'`][\s)\]]*,|[\"'`]?[\s)\]?!]*(?:\?\?=?|\|\|=?|\?:|\bor\b|=|:[\w\s|.\[\],]{{1,80}}=))\s*({_LITERAL})"
)
"""A name, then a comma behind its quote, an operator that gives a fallback or an assignment, then a literal."""
_NAME_ITSELF = re2.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_NUMBER = re2.compile(r"\d[\w.]*")


def masked_code(text: str) -> str:
    """Source text without the literals that stand beside a name that says secret, and without other secrets."""
    parts: list[str] = []
    position = 0
    for found in _BESIDE.finditer(_plain(text)):
        name, literal = found.group(1), found.group(2)
        if len(literal) > 2 and secret_finder.names_a_secret(name):
            parts += [text[position : found.start(2)], _gone(name, literal)]
            position = found.end(2)
    return masking.mask("".join((*parts, text[position:])))


def masked_read(name: str, text: str) -> str:
    """Source text around the read of a variable: where it or another name in it says secret, every literal goes.

    Literals that are names of variables themselves stay.
    """
    plain = _plain(text)
    secret = next(
        (word for word in (name, *_WORD.findall(plain)) if secret_finder.names_a_secret(word)), None
    )
    if secret is None:
        return masking.mask(text)

    def shown(literal: str) -> str:
        inner = literal[1:-1]
        stays = not inner or inner == name or inner.startswith("[masked:") or _NAME_ITSELF.fullmatch(inner)
        return literal if stays else _gone(secret, literal)

    return masking.mask(_replaced(text, plain, shown))


def masked_default(name: str, text: str) -> str:
    """The default of a variable as code writes it: of one that names a secret no literal and no number stays."""
    if not secret_finder.names_a_secret(name):
        return masked_code(text)
    if _NUMBER.fullmatch(text.strip()):
        return f"[masked:{name.lower()}]"
    plain = _plain(text)
    return masking.mask(
        _replaced(text, plain, lambda literal: literal if len(literal) <= 2 else _gone(name, literal))
    )


def _replaced(text: str, plain: str, shown: Callable[[str], str]) -> str:
    parts: list[str] = []
    position = 0
    for found in _QUOTED.finditer(plain):
        parts += [text[position : found.start()], shown(text[found.start() : found.end()])]
        position = found.end()
    return "".join((*parts, text[position:]))


def _gone(name: str, literal: str) -> str:
    return f"{literal[0]}[masked:{name.lower()[:60]}]{literal[0]}"


def _plain(text: str) -> str:
    """As long as before, and encodable: re2 takes no lone surrogate."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
