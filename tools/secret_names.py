"""Secrets known by the name they stand behind: `password=…`, `"apiKey": "…"`, also escaped and URL-encoded.

A password may be any value; an opaque token must look like one (a digit among letters, long enough), so that
`token: expired`, `secret: my-tls-secret` or `tokens=4096` stay readable.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import re2

from tools import secret_quoting as quoting
from tools import secret_values as values

_AGAIN = (
    r"(?:[_-]?(?:confirm(?:ation)?|new|old|current|again|repeat|value|base|plain|raw|prod|dev|test))?\d{0,2}"
)
_PASSWORD = rf"(?:pass(?:word|wd|phrase|code)|(?:admin|auth|db|redis|root|user)[_-]?pass|masterauth|requirepass|redis(?:cli)?[_.-]?auth){_AGAIN}"
_PASS = rf"(?:pass|pwd){_AGAIN}"
"""Only as a part of its own: `compass`, `bypass` and the like are none."""
_STRONG = (
    r"(?:secret(?:[_-]?(?:access[_-]?)?key)?|(?:api|access|auth|bot|id|refresh|security|session)[_-]?token"
    r"|(?:api|access|account|deploy|encryption|hmac|jwt|master|private|secret|shared[_-]?access|signing|ssh)[_-]?key"
    rf"|(?:api|app|client|consumer|session|shared|signing|webhook)[_-]?secret){_AGAIN}"
)
_WEAK = (
    r"(?:token|credentials?|cookie|authorization|session[_-]?id|sessid|connect\.sid|jwt|bearer"
    r"|(?:app|application|auth|client|consumer|data|host|integration|licen[sc]e|routing|service|session|storage"
    rf"|subscription|webhook)[_-]?key|secret[_-]?id){_AGAIN}"
)
_ANY_NAME = rf"(?:{_PASSWORD}|{_PASS}|{_STRONG}|{_WEAK})"
_QUOTE = r"(?:\\{0,15}[\"'`]|&quot;|\\{1,3}u002[27]|%(?:25){0,2}22)"
_EQUALS = r"(?:=>|:=|[:=]|%(?:25){0,2}3[ad]|\\{1,7}u003[ad])"
_SEPARATOR = rf"(?:{_QUOTE}?\s{{0,3}}{_EQUALS}|{_QUOTE}\s{{0,2}},|{_QUOTE}\s{{1,3}}value\s?=)"

GATES = (
    rf"(?:{_PASSWORD}|{_STRONG}|{_WEAK})s?{_SEPARATOR}",
    rf"(?:\b|[_.-]|%2[26]){_PASS}{_SEPARATOR}",
    rf"--[\w.-]{{0,40}}{_ANY_NAME}\s",
    rf"<[\w:.-]{{0,40}}{_ANY_NAME}>",
)
"""What stands in every text that holds such a secret (patterns without case)."""

_FOUND = re2.compile(
    (
        rf"(?i)(?:({_PASSWORD})|(?:\b|[_.-]|%2[26])({_PASS})|({_STRONG})|({_WEAK}))"
        rf"(s?)(?:{_SEPARATOR}|\s|>)"
    ).encode()
)
_NAME_BYTES = (string.ascii_letters + string.digits + "_.-").encode()
_SCHEME = re.compile(
    rb"(?i)(?:\s{0,3}|%20)(?:\[\s{0,3})?(?:[bu]?\\{0,15}[\"'`]|%22)?(bearer|basic|token|bot|apikey|splunk|ssws|geniekey|key)(?:\s{1,3}|%20|\+)"
    rb"(?:token(?:=|%3D))?"
)
_VALUE_KEY = re.compile(rb"(?i)\s{0,3}(\\{0,15}[\"'])value\1\s{0,3}([:=])")
"""Behind a name that stands as a value itself: `{"name":"DB_PASSWORD","value":"…"}`."""
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_HARMLESS = frozenset(
    [
        "page",
        "continuation",
        "cancel",
        "cancellation",
        "sync",
        "csrf",
        "xsrf",
        "next",
        "cursor",
        "stop",
        "end",
        "pad",
        "padding",
        "mask",
        "symbol",
        "max",
        "usage",
        "public",
        "limit",
        "unexpected",
        "delimiter",
        "separator",
        "idempotency",
        "csrftoken",
        "xsrftoken",
        "pagetoken",
        "nextpagetoken",
        "synctoken",
        "nexttoken",
        "continuationtoken",
        "cancellationtoken",
        "idempotencykey",
    ]
)
"""Words in the name of a token that opens nothing."""
_PASSING = frozenset(
    ["lock", "lease", "fencing", "resume", "ack", "claim", "tracking", "change", "stream", "locktoken", "leasetoken", "resumetoken", "acktoken"]
)  # fmt: skip
"""As these, of tokens alone (a lock's secret is one): they tell holders and places apart."""
_WORD_BEFORE = re.compile(rb"(?i)([a-z]{3,16})\s$")
_KEY_OF_A_PLACE = re.compile(rb"(?i)(?:client|consumer|data|host|service|session|storage)[_-]?key\d{0,2}$")
"""Keys that are as often what a place or a caller is called as what opens it: these must look like key material."""
_HEX = re.compile(rb"(?i)^[0-9a-f]*$")
_MATERIAL_BYTES = 20
_SESSION_KEY_BYTES = 24
_NO_MEMBER = re.compile(
    rb"(?i)^(?:min|max|len|length|at_?least|at_?most|must|has|no|not|too|needs?|requires?)(?:[A-Z_\d-]|$)|a-z|0-9"
)
"""What is wrong with a password, as validators name it (`min8`, `must_have_1_digit`), and what it may be made of."""
_LISTED_MAX = 64
"""Members of one list that are looked at."""
_MEASURING = re.compile(rb"(?i)^\s*_{1,2}(?:ga|gid|gat|gcl|fbp|fbc|hj|utm|pk|cf_bm|dc_gtm)")
"""Cookies that count visitors."""
_SESSION = re2.compile(rb"(?i)(?:session[_-]?(?:id|key)|sessid)\d{0,2}$")
_TIME_AND_PROCESS = re.compile(rb"^[0-9a-f]{8}\.[0-9a-f]{1,6}$")
"""A session of PostgreSQL, as its logs name it: when its process began, and the process id."""
_PROSE = re2.compile(
    rb"(?i)\s(?:must|is|was|are|should|cannot|can't|required|least|incorrect|invalid|missing|expired|changed|reset"
    rb"|has|have|does|do|too|not|for|with|the|to)\b"
)
_WORD = re2.compile(rb"^[A-Za-z_.!?-]+$")
_NAME = re2.compile(
    (
        rf"(?i)^(?:[\w.-]{{0,60}}(?:{_PASSWORD}|{_STRONG}|token|authorization|cookie)|(?:[\w.-]{{0,60}}[_.-])?{_PASS})$"
    ).encode()
)
_KINDS = {b"bearer": "bearer-token", b"token": "bearer-token", b"basic": "basic-credentials"}


class Found(NamedTuple):
    """A secret in bytes `start` to `end`; `wrap` goes around its mark (`"` for a bare JSON number)."""

    kind: str
    start: int
    end: int
    wrap: str = ""


class _Named(NamedTuple):
    """A name in a text, and what stands between it and its value: `separator`, up to `end`."""

    name: bytes
    password: bool
    weak: bool
    short: bool
    separator: bytes
    end: int
    several: bool
    """Whether the name is a plural: only a list of secrets stands behind it."""
    paired: bool
    """Whether name and value are two values of one thing: so are the name and the default of a field of a form."""

    @property
    def closed_by(self) -> bytes:
        """The quote that closes the name, with its backslashes; b"" where it stands bare."""
        return self.separator.rstrip(b" \t\r\n=:>,")

    @property
    def colon(self) -> bool:
        return self.separator.endswith(b":")

    @property
    def encoded(self) -> bool:
        return b"%" in self.separator and self.separator[-2:].lower() in {b"3a", b"3d"}

    @property
    def cookie(self) -> bool:
        return self.weak and b"cookie" in self.name[-9:].lower()


def is_secret_name(key: str) -> bool:
    """Whether a key, by its name, holds a secret (`db_password`, `apiKey`, `Authorization`)."""
    return _NAME.match(key.encode("utf-8", "replace")) is not None and not _is_harmless(key)


def _is_harmless(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    if not _HARMLESS.isdisjoint(words):
        return True
    return bool(words) and words[-1].endswith("token") and not _PASSING.isdisjoint(words)


def find(piece: bytes) -> Iterator[Found]:
    """Secrets behind their names in UTF-8 bytes, in order; they may overlap what other rules find."""
    position = 0
    while (match := next(_FOUND.finditer(piece, position), None)) is not None:
        position = match.end()
        group = next(number for number in (4, 1, 3, 2) if match.span(number)[0] >= 0)
        start, end = match.span(group)
        near = piece[max(0, start - 60) : start]
        begin = start - len(near) + len(near.rstrip(_NAME_BYTES))
        separator = piece[end:position]
        name = piece[begin:end]
        if separator == b">" and piece[begin - 1 : begin] != b"<":
            continue
        if separator.isspace() and not name.startswith(b"--"):
            continue
        if group == 4 and _is_passing_by(piece, begin, name):
            continue
        paired = b"value" in separator.lower()
        if separator.endswith(b",") and (key := _VALUE_KEY.match(piece, position)) is not None:
            paired, separator, position = True, key.group(1) + key.group(2), key.end()
        several = match.group(5) != b""
        named = _Named(name, group <= 2, group == 4, group == 2, separator, position, several, paired)
        for found in _behind(piece, named):
            yield found
            position = max(position, found.end)


def _is_passing_by(piece: bytes, begin: int, name: bytes) -> bool:
    """Whether a word before a token says that it opens nothing: `lock token: …`."""
    if not name.lower().endswith(b"token"):
        return False
    before = _WORD_BEFORE.search(piece, max(0, begin - 20), begin)
    return before is not None and before.group(1).decode().lower() in (_PASSING | _HARMLESS)


def _behind(piece: bytes, named: _Named) -> Iterator[Found]:
    """The secrets behind one name: one, or those of a list."""
    if not named.password and _is_harmless(named.name.decode("ascii", "replace")):
        return
    value = _value(piece, named)
    if value is None or (named.several and not value.listed):
        return
    scheme = None if named.password else _SCHEME.match(piece, named.end, named.end + 40)
    if scheme is not None:
        value = _behind_scheme(piece, value, scheme.end())
        if value is None:
            return
    if value.listed:
        yield from _of_list(piece, named, value, scheme)
    elif _is_secret(piece, named, value):
        found = _found(piece, named, value, scheme)
        if found is not None:
            yield found


def _of_list(
    piece: bytes, named: _Named, first: quoting.Value, scheme: re.Match[bytes] | None
) -> Iterator[Found]:
    """Each secret of a list. What stands behind a secret is one as well; behind words, only what looks like a token."""
    known = False
    for value in (first, *islice(quoting.rest_of_list(piece, first), _LISTED_MAX)):
        text = piece[value.start : min(value.end, value.start + quoting.JUDGED_BYTES)]
        if known:
            secret = len(text) >= 3 and not values.is_placeholder(text)
        else:
            secret = known = _is_secret(piece, named, value)
        found = _found(piece, named, value, scheme) if secret else None
        if found is not None:
            yield found


def _found(piece: bytes, named: _Named, value: quoting.Value, scheme: re.Match[bytes] | None) -> Found | None:
    start, end = value.start, value.end
    wrap = ""
    if not value.quoted:
        closed_by = named.closed_by
        if closed_by.endswith(b'"'):
            if not (named.colon and piece[start:end].isdigit()):
                return None
            wrap = closed_by.decode()
        if not value.listed:
            end = quoting.whole(piece, value, loose=named.password)
        if not named.password:
            end = start + len(piece[start:end].rstrip(b".!?"))
    if named.password:
        return Found("password", start, end, wrap)
    kind = "secret-value" if scheme is None else _KINDS.get(scheme.group(1).lower(), "secret-value")
    return Found(kind, start, end, wrap)


def _value(piece: bytes, named: _Named) -> quoting.Value | None:
    if named.separator == b">":
        return quoting.tagged(piece, named.end)
    value = quoting.value_at(piece, named.end, encoded=named.encoded, line=named.cookie)
    if value is None or (named.separator.endswith(b",") and not value.quoted):
        return None
    if not value.quoted and piece[value.end : value.end + 1] == b"(":
        return None  # a call
    return value


def _behind_scheme(piece: bytes, value: quoting.Value, start: int) -> quoting.Value | None:
    """What follows `Bearer ` and the like, inside of quotes or bare."""
    if value.quoted:
        return value._replace(start=start) if start < value.end else None
    return quoting.value_at(piece, start)


def _is_secret(piece: bytes, named: _Named, value: quoting.Value) -> bool:
    text = piece[value.start : min(value.end, value.start + quoting.JUDGED_BYTES)]
    if (
        len(text) < 3
        or (named.weak and not values.looks_random(text))
        or values.is_placeholder(text)
        or (b" " in text and _PROSE.search(text) is not None)
    ):
        return False
    if not value.quoted and values.is_reference(text):
        return False
    if value.listed:
        return _is_listed(piece, named, value, text)
    prose = not value.quoted and named.separator == b":"
    unsure = named.separator.endswith(b",") or named.separator.isspace()
    unsure = unsure or (named.paired and not named.name.isupper())
    if named.password:
        return _is_password(text, short=named.short, prose=prose, unsure=unsure)
    if named.cookie:
        pairs = (pair.partition(b"=") for pair in text.split(b";"))
        return any(
            _is_token(value.strip(), prose=True) for name, _, value in pairs if not _MEASURING.match(name)
        )
    return _is_opaque(text, named, prose=prose, unsure=unsure)


def _is_listed(piece: bytes, named: _Named, value: quoting.Value, text: bytes) -> bool:
    """Whether a member of a list is a secret: what is wrong with a password stands there as well."""
    if b" " in text or not values.looks_random(text) or _NO_MEMBER.search(text) is not None:
        return False
    if not value.quoted:
        if piece[value.end : value.end + 1] not in {b"]", b" ", b","}:
            return False
        return (named.password and len(text) >= 8 and not values.is_identifier(text)) or _is_token(
            text, prose=False
        )
    return named.password or _is_opaque(text, named, prose=False, unsure=True)


def _is_password(text: bytes, *, short: bool, prose: bool, unsure: bool) -> bool:
    if short and (values.is_count(text) or values.is_words(text)):
        return False  # `pass=120 fail=3`, `pass: 12/12`
    if unsure:
        return values.looks_random(text)
    return not (prose and _WORD.match(text) is not None)


def _is_opaque(text: bytes, named: _Named, *, prose: bool, unsure: bool) -> bool:
    if len(text) < 8 or text.isdigit() or values.is_digest(text):
        return False
    if named.weak and _opens_nothing(text, named, prose=prose):
        return False
    if named.weak or prose or unsure:
        return _is_token(text, prose=prose)
    if named.name[-6:].lower() == b"secret" and values.is_identifier(text):
        return False
    return not values.is_words(text) or (len(text) >= 12 and b"-" not in text and b"/" not in text)


def _opens_nothing(text: bytes, named: _Named, *, prose: bool) -> bool:
    """Whether a value behind a name that says little is a moment, an id, or what something is called."""
    if values.is_passing(text):
        return True
    of_session = _SESSION.search(named.name) is not None
    if (values.is_uuid(text) and (prose or of_session)) or (of_session and _TIME_AND_PROCESS.match(text)):
        return True
    return _KEY_OF_A_PLACE.search(named.name) is not None and not _is_material(text, named.name[-16:])


def _is_material(text: bytes, name: bytes) -> bool:
    """Whether a value is random over letters of both cases: no name with a number in it, and no digest.

    Whoever has a session's key is in: there any long random text counts.
    """
    if b"session" in name.lower():
        return len(text) >= _SESSION_KEY_BYTES and b":" not in text and values.entropy(text) >= 3.0
    mixed = text != text.lower() and text != text.upper()
    return len(text) >= _MATERIAL_BYTES and mixed and not _HEX.match(text) and values.entropy(text) >= 3.5


def _is_token(text: bytes, *, prose: bool) -> bool:
    enough = len(text) >= (16 if prose else 10)
    return (
        enough
        and values.looks_random(text)
        and not values.is_identifier(text)
        and values.entropy(text) >= 2.5
    )
