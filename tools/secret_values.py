"""What a value says of itself: a placeholder, a word, an identifier, or something that nobody would write by hand."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter

import msgspec
import re2

_PLACEHOLDER = re2.compile(
    rb"(?i)^(?:[x*.\-_#?]+|<.*>|(?-i:\$[A-Z_][A-Z0-9_]*|\$[a-z_]+|\$\d)|\$?\{.*\}|\$\(.*\)|%[a-z]|%\w+%|%[({].*[)}][sd]?|@[\w.]*\(.*\)|[:@][a-z_]+\d{0,2}|none|null|nil|true|false|yes|no|undefined"
    rb"|nan|n/a|\[(?:redacted|masked|filtered|hidden|secret|removed|omitted|sanitized|scrubbed|object)\b[^\]]*\]|(?-i:.*EXAMPLEKEY)"
    rb"|(?:my|some|the|a|dummy|fake|sample"
    rb"|insert|enter)[_ -][a-z _-]*|required|missing|invalid|incorrect|wrong|expired|revoked|rotated|refreshed|not[_-]?set|unset"
    rb"|empty|disabled|enabled|default|optional|string|number|integer|boolean|bytes|str|int|any|unknown|denied|rejected"
    rb"|failed|ok|set|todo|tbd|test|/run/secrets/.*|~?/(?-i:[a-z][a-z._-]{1,30})(?:/[\w.-]*)*|~?/|\.{1,2}/[\w./-]*|[a-z]:\\.*|env:.*|vault:.*|op://.*|arn:.*"
    rb"|secretref:.*|file:.*|ref\+.*|aws-sm:.*|https?://[^@]*)$"
)
"""The whole of a value."""
_STANDING_IN = re2.compile(
    rb"(?i)\*{3,}|example|^(?:<|\$?\{|\$\(|%[({]|@[\w.]*\()|^\[?(?:redacted|masked|filtered|hidden|secret|removed|omitted|sanitized|scrubbed|object)\b"
    rb"|^(?:change|replace|fill)[_-]?(?:me|this|it|in)\b|^placeholder|^your[_ -]"
)
"""A part of it: a value that is cut off, or partly shown (`sk-****1234`), unless what is beside it looks random."""
_SHOWN_MAX = 7
_DOCUMENTED = re2.compile(
    rb"(?i)example|placeholder|your[_-]|x{6}|\*{3}|\.{3}|redacted|1234567890abcdef|abcdefghijkl|_here\b"
)
_KEBAB = re2.compile(rb"^[a-z]+(?:[-_/.:][a-z]+)*$")
_LETTER_AND_DIGIT = re2.compile(rb"[A-Za-z].*\d|\d.*[A-Za-z]")
_IDENTIFIER = re2.compile(rb"(?i)^(?:sha\d{1,3}[:-]|md5[:-]|urn:|0x[0-9a-f]+$)")
_UUID = re2.compile(rb"(?i)^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$|(?-i:^[0-7][0-9A-HJKMNP-TV-Z]{25}$)")
_COUNT = re2.compile(rb"^\d+(?:[/.:%]\d*)*$")
_PORT = re2.compile(rb"^\d{2,5}[;,|]")
_LOCK = re2.compile(rb"(?i)^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}:\d{1,9}$")
_MOMENT = re2.compile(rb"^\d{4}-\d\d-\d\dT\d\d:\d\d")
_KEY_BODY = re2.compile(rb"(?s)KEY.*-----.*[A-Za-z0-9+/=%]{16}")
_PARTS = re.compile(rb"[-_.:/,@+=]+")
"""One class of characters is linear in any engine, and re2's own split runs in Python."""
_BETWEEN = re.compile(rb"[-_.:/,@+=\s]+")
_REFERENCE = re2.compile(rb"(?i)^[a-z_$][a-z_$.]*(?:pass|pwd|secret|token|key|cred|auth|cookie)[a-z_$.]*$")
_CODE = re2.compile(
    rb"^(?:self|this|os|process|config|settings|args|opts|options|env|conf|cfg|ctx|req|request|params?|kwargs)\.[\w.$]*$"
)

_IN_SENTENCES = re2.compile(
    rb"(?i)^(?:not|and|for|was|are|has|had|but|can|may|the|with|from|when|must|should|will|cannot|without|because|option|options"
    rb"|setting|settings|flag|argument|parameter|directive|value|values|password|config|configuration|configured|given|used"
    rb"|changed|updated|specified|supported|provided|detected|found|support|check|command)[.,:;!?)]*$"
)
_METHOD = re2.compile(
    rb"(?i)^(?:basic|digest|bearer|oauth2?|none|no|off|on|scram(?:-sha.*)?|plain|login|ldap|saml|sso|token|trust|md5|peer|jwt|iam|gss|sspi|pam|cert|key"
    rb"|kerberos|ntlm|negotiate|anonymous|apikey|command|commands|mode|type|user|username|url|uri|source|file|succeeded|success|accepted|error|errors"
    rb"|timeout|timed|took|returned|reply|response|sent|done|ignored|skipped|default|was|is|to|of|in|by|on|at|as|if|it|we|you|before|after|during|again)$|^-"
)
"""Ways of authentication, and words of sentences about one."""
_NAME_PARTS_MAX = 11
"""A part of an identifier that mixes letters and digits is no longer than this (`7d9f8b6c54-x2x9z` of a pod)."""


def is_placeholder(value: bytes) -> bool:
    """Whether a value stands for a secret without being one (`***`, `${TOKEN}`, `changeme`)."""
    if value.startswith(b"[masked:") or _PLACEHOLDER.search(value) is not None:
        return True
    return _STANDING_IN.search(value) is not None and not _has_random_part(_STANDING_IN.sub(b" ", value))


def _has_random_part(rest: bytes) -> bool:
    return any(len(part) > _SHOWN_MAX and looks_random(part) for part in _BETWEEN.split(rest))


def is_documented(token: bytes) -> bool:
    """Whether a token of a provider's format is one that documentations show (`AKIA…EXAMPLE`, `ghp_xxxxxx…`)."""
    return _DOCUMENTED.search(token) is not None


def is_reference(value: bytes) -> bool:
    """Whether a bare value is code that names where a secret is kept (`config.password`, `db_password`)."""
    if _CODE.search(value) is not None:
        return True
    # `mysecretpassword` is what people choose; `password`, `db_password` and `dbPassword` are names.
    named = len(value) <= 8 or b"_" in value or b"." in value or value[1:] != value[1:].lower()
    return named and _REFERENCE.search(value) is not None


def is_prose(value: bytes) -> bool:
    """Whether a value is a word that sentences about a setting have behind its name."""
    return _IN_SENTENCES.search(value) is not None


def is_argument(value: bytes) -> bool:
    """Whether what stands behind AUTH is what somebody chose, and no method and no word about it."""
    word = value.rstrip(b".,:;!?)]}>")
    return len(word) >= 3 and _METHOD.search(word) is None and not is_placeholder(word)


def is_uuid(value: bytes) -> bool:
    """Whether a value is written as a UUID or a ULID."""
    return _UUID.search(value) is not None


def is_count(value: bytes) -> bool:
    """Whether a value is a number, a part of one or a ratio (`12/12`)."""
    return _COUNT.search(value) is not None


def begins_with_port(value: bytes) -> bool:
    """Whether what stands behind a colon in a URL is a port, and then something that is no part of an address."""
    return _PORT.search(value) is not None


def is_passing(value: bytes) -> bool:
    """Whether a value is a moment, or a UUID and a counter, as BullMQ locks each job by: nobody gets in with either."""
    return _LOCK.search(value) is not None or _MOMENT.search(value) is not None


def is_words(value: bytes) -> bool:
    """Whether a value is lower-case words that are joined (`my-tls-secret`)."""
    return _KEBAB.search(value) is not None


def is_digest(value: bytes) -> bool:
    """Whether a value says that it is a digest, an address or a URN."""
    return _IDENTIFIER.search(value) is not None


def looks_random(value: bytes) -> bool:
    """Whether a value has letters and digits, as opaque tokens have and words have not."""
    return _LETTER_AND_DIGIT.search(value) is not None or (len(value) >= 40 and not is_words(value))


def is_identifier(value: bytes) -> bool:
    """Whether a value is words and short numbers that are joined (`orders-worker-7d9f8-x2x9z`, `AWS4-HMAC-SHA256`)."""
    parts = [part for part in _PARTS.split(value) if part]
    if len(parts) < 2 or not any(part.isalpha() and len(part) >= 4 for part in parts):
        return False
    return all(len(part) <= _NAME_PARTS_MAX or part.isalpha() or part.isdigit() for part in parts)


def entropy(value: bytes) -> float:
    """Shannon entropy in bits per character; 0 of nothing."""
    size = len(value)
    if not size:
        return 0.0
    return (
        math.log2(size)
        - sum(count * math.log2(count) for count in Counter(value).values() if count > 1) / size
    )


def is_basic(value: bytes) -> bool:
    """Whether a value is base64 of printable `user:password`, as basic authentication sends it."""
    plain = _decoded(value)
    return plain is not None and b":" in plain and all(32 <= byte < 127 for byte in plain)


def is_encoded_key(value: bytes) -> bool:
    """Whether base64 holds the armour of a private key."""
    plain = _decoded(value[: min(len(value), 128) // 4 * 4])
    return plain is not None and b"PRIVATE KEY" in plain


def holds_key_body(armoured: bytes) -> bool:
    """Whether there is a key behind the armour's first line, and not only words about it."""
    return _KEY_BODY.search(armoured) is not None


def jwt_details(token: bytes) -> str | None:
    """Algorithm and expiry of a JWT (`HS256-exp1750000000`, in seconds since 1970); None where it is none.

    A token without readable claims (encrypted, or cut off) has its algorithm only.
    """
    header, _, rest = token.partition(b".")
    named = _object(header)
    algorithm = named.get("alg", named.get("enc"))
    if not isinstance(algorithm, str):
        return None
    shown = (
        "".join(char for char in algorithm[:16] if char.isascii() and (char.isalnum() or char in "-_"))
        or "none"
    )
    expires = _object(rest.partition(b".")[0]).get("exp")
    if isinstance(expires, float) and math.isfinite(expires):
        expires = int(expires)
    if isinstance(expires, int) and not isinstance(expires, bool) and 0 <= expires < 10**11:
        return f"{shown}-exp{expires}"
    return shown


def _object(part: bytes) -> dict[str, object]:
    try:
        plain = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
        found = msgspec.json.decode(plain)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _decoded(value: bytes) -> bytes | None:
    bare = value.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return None
