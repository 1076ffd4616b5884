"""The choke point: secrets leave every text here, before it is written, shown or sent.

`mask` replaces each secret by `[masked:<kind>]`, or `[masked:<kind>:<hint>:<fingerprint>]` where the process has
a key. It is idempotent: a masked text stays as it is, and a JSON text stays JSON. Patterns run on re2, in
linear time. The rules are in `tools/secret_rules.py`; `LineMasker` also follows a private key over lines.

A hint is the fixed prefix of the provider's tokens (`ghp_`, at most 4 characters), else about how long the secret is
(`len16-31`), of a JWT its algorithm and expiry (`HS256-exp1750000000`). It has no part of what is secret.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import re2

from tools import auth_lines, key_lines, secret_finder

_KEY_BYTES = 32
_LONGEST = 2048
"""Characters that a secret may go on behind a cut: more than any token of a provider has."""
_KEY_LINES_MAX = 200
"""A 16,384-bit RSA key has 196 lines; after more, it is not a key any longer."""
_KEYS_MAX, _KEY_CHARACTERS = 2048, 64
"""Keys of records whose meaning is remembered; values never are."""
_FOREIGN_LINES_MAX = 5
"""Lines of others that may stand between two lines of a key; after more, it was cut off."""
_MARK = re2.compile(r"\[masked:([a-z0-9_-]{1,60})(?::([A-Za-z0-9_.+-]{1,32}))??(?::([0-9a-f]{12}))?\]")


@dataclass(slots=True)
class _Process:
    key: bytes | None = None


_process = _Process()


@dataclass(frozen=True, slots=True)
class SecretMark:
    """One secret that was masked: never its value.

    `fingerprint` is a keyed hash (12 hex digits) or "" without a key; `start` and `length` are
    characters in the text before masking.
    """

    kind: str
    fingerprint: str
    start: int
    length: int
    hint: str = ""


def use_key(key: bytes | None) -> None:
    """Set this process's fingerprint key; None switches fingerprints off."""
    _process.key = key


def fingerprint_key() -> bytes | None:
    """This process's fingerprint key, for a process that it starts."""
    return _process.key


def load_key(path: Path) -> bytes:
    """The project's fingerprint key; made (0600) where it is missing or was cut short. Raises OSError."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) == _KEY_BYTES:
        return key
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".mask.key.", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(_KEY_BYTES))
    # By rename: whoever reads it finds a whole key, and of two makers the last one's.
    Path(name).replace(path)
    return path.read_bytes()


def scan(text: str) -> tuple[str, tuple[SecretMark, ...]]:
    """The masked text and what was masked in it, in order."""
    spans = secret_finder.find(text)
    if not spans:
        return text, ()
    parts: list[str] = []
    marks: list[SecretMark] = []
    position = 0
    for span in spans:
        print_ = fingerprint(text[span.start : span.end])
        mark = _mark(span.kind, span.hint, print_)
        parts += [text[position : span.start], f"{span.wrap}{mark}{span.wrap}"]
        marks.append(SecretMark(span.kind, print_, span.start, span.end - span.start, span.hint))
        position = span.end
    parts.append(text[position:])
    return "".join(parts), tuple(marks)


def mask(text: str) -> str:
    """`text` without its secrets."""
    return scan(text)[0]


def read_marks(text: str) -> tuple[SecretMark, ...]:
    """The marks in a masked text, in order; `start` and `length` are those of the mark itself.

    Where this process has a key, marks without a fingerprint are no marks of ours: a service printed them.
    """
    if "[masked:" not in text:
        return ()
    found = (
        SecretMark(
            match.group(1),
            match.group(3) or "",
            match.start(),
            match.end() - match.start(),
            match.group(2) or "",
        )
        for match in _MARK.finditer(_without_surrogates(text))
    )
    return tuple(mark for mark in found if mark.fingerprint or _process.key is None)


def _without_surrogates(text: str) -> str:
    """As long as before, and encodable: re2 takes no lone surrogate."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _mark(kind: str, hint: str, print_: str) -> str:
    if not print_:
        return f"[masked:{kind}]"
    return f"[masked:{kind}:{hint}:{print_}]" if hint else f"[masked:{kind}:{print_}]"


def beginning(text: str, characters: int) -> str:
    """The first `characters` of a text, masked before it is cut: half a secret looks like none."""
    head = text[: characters + _LONGEST]
    masked = mask(head)
    # What was cut off unmasked lies in the last characters: they are not shown.
    return masked[: characters if len(head) == len(text) else min(characters, max(0, len(masked) - _LONGEST))]


class LineMasker:
    """Masks the lines of one source in order: the body of a private key goes although no line names it.

    So do the arguments of an AUTH command that is printed over several lines. `open_lines` is what a successor needs:
    lines since a key began that has not ended, or, below 0, since such a command's name; 0 outside of both.
    """

    def __init__(self, open_lines: int = 0) -> None:
        self.open_lines = open_lines
        self._foreign = 0
        self._prefix: str | None = None

    def scan(self, line: str) -> tuple[str, tuple[SecretMark, ...]]:
        """The masked line and what was masked in it."""
        if self.open_lines < 0:
            return self._scan_arguments(line)
        if not self.open_lines:
            if "PRIVATE KEY" in line and "-----BEGIN " in line and "-----END " not in line:
                self.open_lines, self._foreign, self._prefix = 1, 0, None
            else:
                self.open_lines = auth_lines.first_step(line)
            return scan(line)
        self.open_lines += 1
        plain = _without_surrogates(line)
        found = key_lines.look(plain, self._prefix)
        end = plain.find("-----END ")
        self._foreign = 0 if found.spans or key_lines.is_part(plain) else self._foreign + 1
        if found.ends or end >= 0 or self.open_lines > _KEY_LINES_MAX or self._foreign > _FOREIGN_LINES_MAX:
            self.open_lines = 0
        if found.spans:
            self._prefix = found.prefix
            return _without(line, found.spans)
        if end < 0:
            return scan(line)
        closed = plain.find("-----", end + len("-----END "))
        return _without(line, ((end, len(line) if closed < 0 else closed + len("-----")),))

    def _scan_arguments(self, line: str) -> tuple[str, tuple[SecretMark, ...]]:
        found = auth_lines.look(_without_surrogates(line), self.open_lines)
        self.open_lines = found.step
        return _without(line, found.spans, "password")


def _without(
    line: str, spans: tuple[tuple[int, int], ...], kind: str = "private-key"
) -> tuple[str, tuple[SecretMark, ...]]:
    """A line without these parts of it, and without the secrets around them."""
    parts: list[str] = []
    marks: list[SecretMark] = []
    position = 0
    for start, end in (*spans, (len(line), len(line))):
        masked, around = scan(line[position:start])
        parts.append(masked)
        marks += (replace(mark, start=mark.start + position) for mark in around)
        if end > start:
            print_ = fingerprint(line[start:end])
            parts.append(_mark(kind, "", print_))
            marks.append(SecretMark(kind, print_, start, end - start))
        position = end
    return "".join(parts), tuple(marks)


def fingerprint(secret: str) -> str:
    """Keyed hash of a secret, 12 hex digits; "" without a key (a plain hash could be guessed)."""
    if _process.key is None:
        return ""
    raw = secret.encode("utf-8", "surrogatepass")
    return hmac.new(_process.key, raw, hashlib.sha256).hexdigest()[:12]


def mask_data(data: object) -> object:
    """JSON data with every string leaf masked; a leaf under a key that names a secret goes whole."""
    return _masked(data, _Known(), _Named())


class _Known(dict[str, str]):
    """Texts as they are masked: large data says the same things often."""

    def __missing__(self, text: str) -> str:
        self[text] = shown = mask(text)
        return shown


class _Named(dict[str, bool]):
    """Whether keys name a secret."""

    def __missing__(self, key: str) -> bool:
        self[key] = named = (
            _names_a_secret(key) if len(key) <= _KEY_CHARACTERS else secret_finder.names_a_secret(key)
        )
        return named


@lru_cache(maxsize=_KEYS_MAX)
def _names_a_secret(key: str) -> bool:
    return secret_finder.names_a_secret(key)


@lru_cache(maxsize=_KEYS_MAX)
def _is_plain(key: str) -> bool:
    return not secret_finder.find(key)


def _shown_key(key: str, known: _Known) -> str:
    """A key as it is masked. Keys are few, and the same in all records."""
    return key if len(key) <= _KEY_CHARACTERS and _is_plain(key) else known[key]


def _masked(data: object, known: _Known, named: _Named) -> object:
    if isinstance(data, str):
        return known[data]
    if data is None or isinstance(data, int | float):
        return data
    if isinstance(data, list | tuple):
        return [_masked(item, known, named) for item in data]
    if isinstance(data, Mapping):
        return {
            _shown_key(str(key), known): _leaf(str(key), value, known, named) for key, value in data.items()
        }
    return data


def _leaf(key: str, value: object, known: _Known, named: _Named) -> object:
    if isinstance(value, str) and value and named[key]:
        return value if value.startswith("[masked:") else f"[masked:{_kind_of(key)}]"
    if isinstance(value, list | tuple) and (named[key] or (key[-1:] in "sS" and named[key[:-1]])):
        return [_member(key, item, known, named) for item in value]
    return _masked(value, known, named)


def _member(key: str, item: object, known: _Known, named: _Named) -> object:
    """One of a list under a name of secrets; words in it say what is wrong with one."""
    if isinstance(item, str) and secret_finder.is_listed(key, item):
        return f"[masked:{_kind_of(key)}]"
    return _masked(item, known, named)


def _kind_of(key: str) -> str:
    return "".join(char for char in key.lower()[:60] if char.isascii() and (char.isalnum() or char in "_-"))
