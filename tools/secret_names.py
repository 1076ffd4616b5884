"""Secrets known by the name they stand behind: `password=…`, `"apiKey": "…"`, also escaped and URL-encoded.

A password may be any value; an opaque token must look like one (a digit among letters, long enough), so that
`token: expired`, `secret: my-tls-secret` or `tokens=4096` stay readable.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2

_CHOSEN = r"[\w.-]{0,60}(?:password|passwd|passphrase|passcode|requirepass|masterauth)|(?:[\w.-]{0,60}[_.-])?(?:pass|pwd)"
_STRONG = (
    r"[\w.-]{0,60}(?:secret(?:[_-]?(?:access[_-]?)?key)?|api[_-]?key|api[_-]?token|access[_-]?(?:key|token)"
    r"|account[_-]?key|private[_-]?key|client[_-]?secret|auth[_-]?token|refresh[_-]?token|id[_-]?token"
    r"|session[_-]?(?:token|key|secret)|signing[_-]?(?:key|secret)|encryption[_-]?key|shared[_-]?access[_-]?key"
    r"|bot[_-]?token|deploy[_-]?key|master[_-]?key)"
)
_WEAK = r"[\w.-]{0,60}(?:token|credentials?|session[_-]?id|sessid|connect\.sid|cookie|authorization)"

SEPARATED = (
    rb"(?:pass\w{0,6}|pwd|masterauth|secret\w{0,12}|key|token|credentials?|session[_-]?id|sessid|\.sid|cookie"
    rb"|authorization)(?:(?:\\{0,7}[\"'])?\s{0,3}(?:=>|:=|[:=])|(?:%22)?%3[ad])"
)
"""What stands in every text that holds such a secret (a pattern without case)."""

_SEPARATED = re2.compile(rb"(?i)" + SEPARATED)
_NAMED = (
    rf"(?i)\b(?:({_CHOSEN})|({_STRONG})|({_WEAK}))"
    r"(?:(\\{0,7}[\"'])\s{0,3}|\s{0,3})(=>|:=|[:=])\s{0,3}"
)
_VALUE = (
    r"(?:\"((?:[^\"\\]|\\.)+)\"?"  # 6: quoted
    r"|'((?:[^'\\]|\\.)+)'?"  # 7: single quotes
    r"|\\+[\"']((?:[^\"'\\]|\\\\(?:\\+\"|[^\"\\]|\\))+)"  # 8: inside an escaped JSON text
    r"|(?:(?:bearer|basic|token)\s+)?([^\s\"'\\,;&<>(){}\[\]]+))"  # 9: bare
)
_PAIR = re2.compile((_NAMED + _VALUE).encode())
_ENCODED = re2.compile(
    rf"(?i)(?:\b|%22|%26)(?:({_CHOSEN})|({_STRONG})|({_WEAK}))(?:%22)?%3[ad](?:%22|%20)*([A-Za-z0-9._~+/!*$-]+)".encode()
)
_NAME = re2.compile(
    rf"(?i)^(?:{_CHOSEN}|{_STRONG}|(?:[\w.-]{{0,60}}[_-])?(?:token|authorization|cookie)|[\w.-]{{0,60}}Token)$"
)
_HARMLESS_NAME = re2.compile(
    rb"(?i)page|continuation|cancel|sync|csrf|xsrf|next|cursor|stop|end[_-]?of|pad|mask|symbol"
    rb"|secret[_-]?name|hash$"
)
_PLACEHOLDER = re2.compile(
    rb"(?i)^(?:[x*.\-_#?]+|.*\*{3}.*|<.*>?|\$\{?.*|\{.*|%[a-z({].*|none|null|nil|true|false|yes|no|undefined|nan"
    rb"|\[?(?:redacted|masked|filtered|hidden|secret|removed|object)\b.*|changeme|change_me|placeholder|example.*"
    rb"|your[_-].*|required|missing|invalid|incorrect|wrong|expired|revoked|rotated|refreshed|not[_-]?set|unset|empty"
    rb"|disabled|enabled|default|optional|string|number|/run/secrets/.*|~?/[\w./-]*|env:.*|vault:.*|https?://[^@]*)$"
)
_PROSE = re2.compile(
    rb"(?i)\s(?:must|is|was|are|should|cannot|can't|required|least|incorrect|invalid|missing|expired|changed|reset"
    rb"|has|have|does|do|too|not|for|with|the|to)\b"
)
_KEBAB = re2.compile(rb"^[a-z]+(?:[-_/.:][a-z]+)*$")
_WORD = re2.compile(rb"^[A-Za-z_.!?-]+$")
_LETTER_AND_DIGIT = re2.compile(rb"[A-Za-z].*\d|\d.*[A-Za-z]")
_IDENTIFIER = re2.compile(rb"(?i)^(?:sha\d{1,3}[:-]|md5:|0x)")

Found = tuple[str, int, int, str]
"""Kind, start and end in bytes, and what goes around the mark (`"` for a bare JSON number)."""


def is_secret_name(key: str) -> bool:
    """Whether a key, by its name, holds a secret (`db_password`, `apiKey`, `Authorization`)."""
    raw = key.encode("utf-8", "surrogatepass")
    return _NAME.match(key) is not None and _HARMLESS_NAME.search(raw) is None


def is_placeholder(value: bytes) -> bool:
    """Whether a value stands for a secret without being one (`***`, `${TOKEN}`, `changeme`)."""
    return value.startswith(b"[masked:") or _PLACEHOLDER.match(value) is not None


def looks_random(value: bytes) -> bool:
    """Whether a value has letters and digits, as opaque tokens have and words have not."""
    return _LETTER_AND_DIGIT.search(value) is not None or (len(value) >= 40 and not _KEBAB.match(value))


def find(piece: bytes) -> Iterator[Found]:
    """Secrets behind their names in UTF-8 bytes; they may overlap what other rules find."""
    if not _SEPARATED.search(piece):
        return
    for match in _PAIR.finditer(piece):
        group = next(number for number in (6, 7, 8, 9) if match.span(number)[0] >= 0)
        start, end = match.span(group)
        password, strong, weak = (match.span(number)[0] >= 0 for number in (1, 2, 3))
        name = match.group(1 if password else 2 if strong else 3)
        value = piece[start:end]
        if group == 9 and value.rstrip(b".!?") != value and not password:
            end -= len(value) - len(value.rstrip(b".!?"))
            value = piece[start:end]
        colon = match.group(5) == b":"
        prose = group == 9 and colon and match.span(4)[0] < 0
        if _secret(name, value, password=password, weak=weak, prose=prose):
            closing = piece[slice(*match.span(4))].decode() if match.span(4)[0] >= 0 else ""
            wrap = closing if group == 9 and colon and closing.endswith('"') else ""
            if wrap and not value.isdigit():
                continue
            yield ("password" if password else "secret-value"), start, end, wrap
    for match in _ENCODED.finditer(piece):
        password, strong, weak = (match.span(number)[0] >= 0 for number in (1, 2, 3))
        start, end = match.span(4)
        name = match.group(1 if password else 2 if strong else 3)
        if _secret(name, piece[start:end], password=password, weak=weak, prose=False):
            yield ("password" if password else "secret-value"), start, end, ""


def _secret(name: bytes, value: bytes, *, password: bool, weak: bool, prose: bool) -> bool:
    if len(value) < 3 or is_placeholder(value) or _PROSE.search(value):
        return False
    if password:
        return not (prose and _WORD.match(value))
    if len(value) < 8 or _HARMLESS_NAME.search(name) or _IDENTIFIER.match(value) or value.isdigit():
        return False
    if weak or prose:
        return len(value) >= 10 and looks_random(value)
    return not _KEBAB.match(value) or (len(value) >= 12 and b"-" not in value and b"/" not in value)
