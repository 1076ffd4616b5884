"""Finds secrets in a text: one pass over what all rules look for, then only the rules whose head was seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import re2

from tools import secret_names, secret_values
from tools.secret_rules import RULES, Check, SecretRule, gates

MARK = re2.compile(rb"\[masked:[^\[\]\s]{1,80}\]")
_DEPTH_MAX = 6
"""A text is looked at again between the secrets found in it; past this depth the piece is masked whole."""
_MEMORY_BYTES = 16 << 20
"""Of the one pass over all heads; re2 begins anew when its table is full, and stays linear."""
_LENGTH_BOUNDS = (8, 16, 32, 64, 128)


@dataclass(frozen=True, slots=True)
class Span:
    """One secret: characters `start` to `end`. `wrap` goes around its mark so that JSON stays JSON.

    `hint` says what may be known of it: the fixed prefix of its provider, else about how long it is; of a JWT its
    algorithm and expiry.
    """

    kind: str
    start: int
    end: int
    wrap: str = ""
    hint: str = ""


def find(text: str) -> list[Span]:
    """Secrets in `text`, in order and without overlaps; what is masked already is left alone.

    The pieces between two secrets are looked at again, so a text whose secrets were replaced holds none.
    """
    raw = text.encode("utf-8", "surrogatepass")
    seen = _heads().Match(raw)
    if seen is None:
        return []
    spans: list[Span] = []
    marked = b"[masked:" in raw
    for start, end in _between_marks(raw) if marked else ((0, len(raw)),):
        spans += _spans(raw, start, end, 0, None if marked else seen)
    return spans if len(raw) == len(text) else _in_characters(raw, spans)


def may_hold(raw: bytes) -> bool:
    """Whether these UTF-8 bytes may hold a secret: quick, never wrong when it says no."""
    return _heads().Match(raw) is not None


def names_a_secret(key: str) -> bool:
    """Whether a key, by its name, holds a secret (`db_password`, `apiKey`)."""
    return secret_names.is_secret_name(key)


def is_listed(key: str, value: str) -> bool:
    """Whether a string in a list under such a key is a secret of its own; with one beside it, it may be more."""
    raw = (
        f'"{key}":["'.encode("utf-8", "replace") + value.encode("utf-8", "replace").replace(b'"', b"") + b'"]'
    )
    return next(secret_names.find(raw), None) is not None


@cache
def _heads() -> re2.Set:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY_BYTES
    heads = re2.Set.SearchSet(options)
    for gate in gates():
        heads.Add((f"(?i){gate.pattern}" if gate.caseless else gate.pattern).encode())
    heads.Compile()
    return heads


@cache
def _compiled(number: int) -> re2._Regexp[bytes]:
    return re2.compile(RULES[number].pattern.encode())


def _between_marks(raw: bytes) -> Iterator[tuple[int, int]]:
    position = 0
    for match in MARK.finditer(raw):
        yield position, match.start()
        position = match.end()
    yield position, len(raw)


def _spans(raw: bytes, start: int, end: int, depth: int, seen: list[int] | None = None) -> list[Span]:
    found = _look(raw[start:end], seen)
    if not found:
        return []
    if depth >= _DEPTH_MAX:
        return [Span("unclear", start, end)]
    spans: list[Span] = []
    position = start
    for span in found:
        at, to = start + span.start, start + span.end
        spans += _spans(raw, position, at, depth + 1)
        spans.append(Span(span.kind, at, to, span.wrap, span.hint))
        position = to
    return spans + _spans(raw, position, end, depth + 1)


def _look(piece: bytes, seen: list[int] | None) -> list[Span]:
    """The secrets of one piece; `seen` are the numbers of the heads in it, where they are known."""
    if len(piece) < 6:
        return []
    if seen is None:
        seen = _heads().Match(piece)
    if seen is None:
        return []
    tokens: list[Span] = []
    for number in sorted(seen):
        if number < len(RULES):
            tokens += _of_rule(number, piece)
    named = [
        Span(kind, start, end, wrap, _length_of(end - start))
        for kind, start, end, wrap in (secret_names.find(piece) if max(seen) >= len(RULES) else ())
    ]
    return _chosen(tokens, named) if tokens or named else []


def _of_rule(number: int, piece: bytes) -> Iterator[Span]:
    rule = RULES[number]
    for match in _compiled(number).finditer(piece):
        start, end = match.span(1)
        hint = _judged(rule, piece[start:end])
        if hint is not None:
            yield Span(rule.kind, start, end, "", hint)


def _chosen(tokens: list[Span], named: list[Span]) -> list[Span]:
    """Spans without overlaps. A value that is mostly a token of a known provider has that one's kind."""
    by_place = sorted(tokens, key=lambda span: (span.start, -span.end))
    named = [_with_provider(span, by_place) for span in named] if tokens else named
    chosen: list[Span] = []
    reached = 0
    for span in sorted([*named, *by_place], key=lambda span: (span.start, -span.end)):
        if span.start >= reached:
            chosen.append(span)
            reached = span.end
        elif span.end > reached:  # the rest of what begins inside another
            chosen.append(Span(span.kind, reached, span.end))
            reached = span.end
    return chosen


def _with_provider(span: Span, tokens: list[Span]) -> Span:
    for token in tokens:
        inside = span.start <= token.start and token.end <= span.end
        if inside and 2 * (token.end - token.start) > span.end - span.start:
            return Span(token.kind, span.start, span.end, span.wrap, token.hint)
    return span


def _judged(rule: SecretRule, value: bytes) -> str | None:
    """The hint of a match that is a secret; None of one that is none."""
    if rule.check is Check.JWT:
        return secret_values.jwt_details(value)
    if rule.check is Check.KEY:
        return "" if secret_values.holds_key_body(value) else None
    if not _holds(rule, value):
        return None
    return _printable(value[: rule.shown]) if rule.shown else _length_of(len(value))


def _holds(rule: SecretRule, value: bytes) -> bool:
    if rule.check is Check.KEY_BASE64:
        return secret_values.is_encoded_key(value)
    if secret_values.is_placeholder(value):
        return False
    if rule.check in {Check.CHOSEN, Check.URL, Check.DIRECTIVE, Check.ARGUMENT}:
        return _is_chosen(rule, value)
    if rule.check is Check.BASIC:
        return secret_values.is_basic(value)
    mixed = secret_values.entropy(value[rule.shown :]) >= rule.entropy and not secret_values.is_documented(
        value
    )
    if rule.kind == "password" and not secret_values.is_argument(value):
        return False
    return mixed and (rule.check is Check.TOKEN or _is_opaque(value))


def _is_chosen(rule: SecretRule, value: bytes) -> bool:
    if rule.check is Check.URL:
        return not secret_values.begins_with_port(value)
    if rule.check is Check.ARGUMENT and not secret_values.is_argument(value):
        return False
    return rule.check is Check.CHOSEN or not secret_values.is_prose(value)


def _is_opaque(value: bytes) -> bool:
    return secret_values.looks_random(value) and not (
        secret_values.is_placeholder(value.rstrip(b"0123456789.,;:!?)"))
        or secret_values.is_identifier(value)
        or secret_values.is_uuid(value)
        or secret_values.is_digest(value)
    )


def _length_of(length: int) -> str:
    for low, high in zip((1, *_LENGTH_BOUNDS), _LENGTH_BOUNDS, strict=False):
        if length < high:
            return f"len{low}-{high - 1}"
    return f"len{_LENGTH_BOUNDS[-1]}+"


def _printable(prefix: bytes) -> str:
    return "".join(
        char if char.isalnum() or char in "_.-" else "." for char in prefix.decode("ascii", "replace")
    )


def _in_characters(raw: bytes, spans: list[Span]) -> list[Span]:
    moved: list[Span] = []
    at_byte = at_character = 0
    for span in spans:
        at_character += _length(raw[at_byte : span.start])
        length = _length(raw[span.start : span.end])
        moved.append(Span(span.kind, at_character, at_character + length, span.wrap, span.hint))
        at_byte, at_character = span.end, at_character + length
    return moved


def _length(raw: bytes) -> int:
    # Bytes that do not continue a character: the number of characters, wherever the piece was cut.
    return sum(byte & 0xC0 != 0x80 for byte in raw)
