"""What a secret looks like: the one rule file of the masking choke point.

Written from the token formats that the providers publish. Each rule is a re2 pattern whose group `s` is the
secret; everything else stays readable. A value that is a placeholder is not a secret.
"""

from __future__ import annotations

from dataclasses import dataclass

import re2

_MASKED = "[masked:"


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One kind of secret. `hint` is a lower-case literal that every match holds."""

    kind: str
    pattern: str
    hint: str


RULES: tuple[SecretRule, ...] = (
    SecretRule("private-key", r"(?P<s>-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]{0,8192}(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?)", "private key-----"),
    SecretRule("aws-access-key", r"\b(?P<s>(?:AKIA|ASIA)[A-Z2-7]{16})\b", "a"),
    SecretRule("github-token", r"\b(?P<s>gh[pousr]_[A-Za-z0-9]{36,255})\b", "gh"),
    SecretRule("github-pat", r"\b(?P<s>github_pat_[A-Za-z0-9_]{22,255})\b", "github_pat_"),
    SecretRule("slack-token", r"\b(?P<s>xox[abeoprs]-[A-Za-z0-9-]{10,250})", "xox"),
    SecretRule("stripe-key", r"\b(?P<s>[rs]k_(?:live|test)_[A-Za-z0-9]{16,255})\b", "k_"),
    SecretRule("anthropic-key", r"\b(?P<s>sk-ant-[A-Za-z0-9_-]{20,255})", "sk-ant-"),
    SecretRule("jwt", r"\b(?P<s>eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{16,4096})", "eyj"),
    SecretRule("url-credentials", r"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>\\]{0,128}:(?P<s>[^\s@/\"'<>\\]{1,256})@", "://"),
    SecretRule("bearer-token", r"(?i)\bbearer\s+(?P<s>[A-Za-z0-9._~+/=-]{16,4096})", "bearer"),
    SecretRule("password", r"(?i)(?:password|passwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token|client[_-]?secret|requirepass)\\?[\"']?\s{0,3}[=:]\s{0,3}\\?[\"']?(?P<s>[^\s\"'\\,;&<>(){}\[\]]{6,256})", ""),
)  # fmt: skip

_COMPILED = tuple((rule, re2.compile(rule.pattern)) for rule in RULES)
_SECRET_NAME = re2.compile(
    r"(?i)^(?:.*[_-])?(?:password|passwd|secret|api_?key|access_?token|auth_?token|private_?key)$"
)
_PLACEHOLDER = re2.compile(
    r"(?i)^(?:x+|\*+|\.+|<.*>|\$\{?.*|%.*|none|null|true|false|undefined|redacted|changeme|example.*"
    r"|your[_-].*|required|missing|invalid|expired|not[_-]?set|empty)$"
)


def find(text: str) -> list[tuple[str, int, int]]:
    """Secrets in `text` as (kind, start, end) in characters, in order and without overlaps."""
    lowered = text.lower()
    spans: list[tuple[int, int, str]] = []
    for rule, pattern in _COMPILED:
        if rule.hint not in lowered:
            continue
        for match in pattern.finditer(text):
            start, end = match.span("s")
            if text.startswith(_MASKED, start) or _PLACEHOLDER.match(text[start:end]):
                continue
            spans.append((start, end, rule.kind))
    chosen: list[tuple[str, int, int]] = []
    reached = 0
    for start, end, kind in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= reached:
            chosen.append((kind, start, end))
            reached = end
    return chosen


def names_a_secret(key: str) -> bool:
    """Whether a key, by its name, holds a secret (`db_password`, `apiKey`)."""
    return _SECRET_NAME.match(key) is not None
