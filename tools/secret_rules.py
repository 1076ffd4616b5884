"""What a secret looks like: the one rule file of the masking choke point.

Written from the token formats that the providers publish. A token rule is a re2 pattern whose first group is the
secret. Secrets without a format of their own (passwords, opaque tokens) are known by the name they stand
behind: `tools/secret_names.py`. A value that is a placeholder is not a secret.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

import re2

from tools import secret_names

_MARK = re2.compile(rb"\[masked:[^\[\]\s]{1,80}\]")
_DEPTH_MAX = 6
"""A text is looked at again between the secrets found in it; past this depth the piece is masked whole."""


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One kind of secret. `hint` is a lower-case literal that every match holds."""

    kind: str
    pattern: str
    hint: str


@dataclass(frozen=True, slots=True)
class Span:
    """One secret: characters `start` to `end`. `wrap` goes around its mark so that JSON stays JSON."""

    kind: str
    start: int
    end: int
    wrap: str = ""


_PEM_BODY = r"(?:(?:Proc-Type|DEK-Info): [^\r\n\\\"]*(?:\s|\\[rn])+)*[A-Za-z0-9+/=\s\\]*"

RULES: tuple[SecretRule, ...] = (
    SecretRule("private-key", rf"(-----BEGIN [A-Z0-9 ]{{0,30}}PRIVATE KEY(?: BLOCK)?-----{_PEM_BODY}(?:-----END [A-Z0-9 ]{{0,30}}PRIVATE KEY(?: BLOCK)?-----)?)", "private key"),
    SecretRule("aws-access-key", r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b", "a"),
    SecretRule("github-token", r"\b(gh[pousr]_[A-Za-z0-9]{36,255})\b", "gh"),
    SecretRule("github-pat", r"\b(github_pat_[A-Za-z0-9_]{22,255})\b", "github_pat_"),
    SecretRule("gitlab-token", r"\b(gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|oas|imt)-[A-Za-z0-9_-]{20,300})", "gl"),
    SecretRule("slack-token", r"\b(xox[abeoprs](?:\.xox[abp])?-[A-Za-z0-9-]{10,250})", "xox"),
    SecretRule("slack-app-token", r"\b(xapp-\d-[A-Za-z0-9-]{20,250})", "xapp-"),
    SecretRule("slack-webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/_-]{20,200})", "hooks.slack.com"),
    SecretRule("discord-webhook", r"discord(?:app)?\.com/api/webhooks/\d{16,20}/([A-Za-z0-9_-]{40,100})", "/api/webhooks/"),
    SecretRule("discord-token", r"\b([MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40})\b", "."),
    SecretRule("telegram-bot-token", r"\b(\d{8,10}:AA[A-Za-z0-9_-]{33})", ":aa"),
    SecretRule("stripe-key", r"\b([rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,255})\b", "k_"),
    SecretRule("stripe-webhook-secret", r"\b(whsec_[A-Za-z0-9+/=]{20,100})", "whsec_"),
    SecretRule("anthropic-key", r"\b(sk-ant-[A-Za-z0-9_-]{20,255})", "sk-ant-"),
    SecretRule("openai-key", r"\b(sk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{20,255}T3BlbkFJ[A-Za-z0-9_-]{20,255}|sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{32,255}|sk-[A-Za-z0-9]{48})\b", "sk-"),
    SecretRule("openrouter-key", r"\b(sk-or-v1-[0-9a-f]{64})\b", "sk-or-"),
    SecretRule("groq-key", r"\b(gsk_[A-Za-z0-9]{48,60})\b", "gsk_"),
    SecretRule("huggingface-token", r"\b((?:hf|api_org)_[A-Za-z]{34})\b", "_"),
    SecretRule("replicate-token", r"\b(r8_[A-Za-z0-9]{37})\b", "r8_"),
    SecretRule("langsmith-key", r"\b(lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10})\b", "lsv2_"),
    SecretRule("google-api-key", r"\b(AIza[A-Za-z0-9_-]{35})", "aiza"),
    SecretRule("google-oauth-token", r"\b(ya29\.[A-Za-z0-9_-]{20,1000})", "ya29."),
    SecretRule("google-client-secret", r"\b(GOCSPX-[A-Za-z0-9_-]{28})", "gocspx-"),
    SecretRule("npm-token", r"\b(npm_[A-Za-z0-9]{36})\b", "npm_"),
    SecretRule("pypi-token", r"\b(pypi-AgE[A-Za-z0-9_-]{50,1000})", "pypi-age"),
    SecretRule("rubygems-key", r"\b(rubygems_[0-9a-f]{48})\b", "rubygems_"),
    SecretRule("dockerhub-token", r"\b(dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,40})", "dckr_"),
    SecretRule("sendgrid-key", r"\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})", "sg."),
    SecretRule("mailgun-key", r"(?:^|[^\w-])(key-[0-9a-f]{32})\b", "key-"),
    SecretRule("mailchimp-key", r"\b([0-9a-f]{32}-us\d{1,2})\b", "-us"),
    SecretRule("brevo-key", r"\b(xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16})\b", "xkeysib-"),
    SecretRule("twilio-key", r"\b(SK[0-9a-f]{32})\b", "sk"),
    SecretRule("digitalocean-token", r"\b(do[opr]_v1_[0-9a-f]{64})\b", "_v1_"),
    SecretRule("vault-token", r"\b(hv[sbr]\.[A-Za-z0-9_-]{24,1000})", "hv"),
    SecretRule("terraform-token", r"\b([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70})", ".atlasv1."),
    SecretRule("databricks-token", r"\b(dapi[0-9a-f]{32}(?:-\d)?)\b", "dapi"),
    SecretRule("shopify-token", r"\b(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})\b", "shp"),
    SecretRule("square-token", r"\b(sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43})", "sq0"),
    SecretRule("paypal-token", r"\b(access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32})\b", "access_token$"),
    SecretRule("atlassian-token", r"\b(AT(?:ATT3|CTT3|BB)[A-Za-z0-9_=-]{28,250})", "at"),
    SecretRule("linear-key", r"\b(lin_(?:api|oauth)_[A-Za-z0-9]{40,64})\b", "lin_"),
    SecretRule("notion-token", r"\b(ntn_[A-Za-z0-9]{40,60}|secret_[A-Za-z0-9]{43})\b", "_"),
    SecretRule("figma-token", r"\b(figd_[A-Za-z0-9_-]{40,60})", "figd_"),
    SecretRule("airtable-token", r"\b(pat[A-Za-z0-9]{14}\.[0-9a-f]{64})\b", "pat"),
    SecretRule("planetscale-token", r"\b(pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64})", "pscale_"),
    SecretRule("supabase-token", r"\b(sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{20,60})\b", "sb"),
    SecretRule("postman-key", r"\b(PMAK-[0-9a-f]{24}-[0-9a-f]{34})\b", "pmak-"),
    SecretRule("newrelic-key", r"\b(NRAK-[A-Z0-9]{27})\b", "nrak-"),
    SecretRule("grafana-token", r"\b(glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_[A-Za-z0-9+/=]{32,400})", "gl"),
    SecretRule("sentry-token", r"\b(sntry[su]_[A-Za-z0-9+/=_-]{40,400})", "sntry"),
    SecretRule("doppler-token", r"\b(dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[A-Za-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44})\b", "dp."),
    SecretRule("tailscale-key", r"\b(tskey-[a-z]+-[A-Za-z0-9-]{16,80})\b", "tskey-"),
    SecretRule("flyio-token", r"\b(fo1_[A-Za-z0-9_-]{43}|fm[12][ar]?_[A-Za-z0-9+/=]{100,1000})", "f"),
    SecretRule("heroku-key", r"\b(HRKU-[A-Za-z0-9_-]{36,60})", "hrku-"),
    SecretRule("age-key", r"\b(AGE-SECRET-KEY-1[A-Z0-9]{58})\b", "age-secret-key-"),
    SecretRule("azure-sas-signature", r"(?i)[?&]sig=([A-Za-z0-9%+/=]{40,100})", "sig="),
    SecretRule("jwt", r"\b(eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?)", "eyj"),
    SecretRule("url-credentials", r"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>\\?#]{0,128}:([^\s/\"'<>\\?#]+)@[a-z0-9.\[_-]", "://"),
    SecretRule("bearer-token", r"(?i)\b(?:bearer|token)(?:\s+|%20|\+)([A-Za-z0-9._~+/=-]{12,})", "e"),
    SecretRule("basic-credentials", r"(?i)\bbasic(?:\s+|%20|\+)([A-Za-z0-9+/_-]{8,}={0,2})", "basic"),
)  # fmt: skip

_COMPILED = tuple((rule, re2.compile(rule.pattern.encode()), rule.hint.encode()) for rule in RULES)
# One pass that nearly every clean text fails: literals that some secret must hold.
_ANY = re2.compile(
    rb"(?i)private key|\b(?:akia|asia|abia|acca)[a-z2-7]{16}|\bgh[pousr]_|github_pat_|\bgl(?:pat|dt|rt|cbt|ptt|ft|soat"
    rb"|agent|oas|imt)-|\bxox[abeoprs]|xapp-|hooks\.slack\.com|/api/webhooks/|\b[mno][\w-]{23,27}\.[\w-]{6}\.|:aa[\w-]{33}"
    rb"|[rs]k_(?:live|test|prod)_|whsec_|\bsk-|gsk_|\b(?:hf|api_org)_[a-z]{34}|\br8_|lsv2_|aiza|ya29\.|gocspx-|npm_"
    rb"|pypi-age|rubygems_|dckr_|\bsg\.[\w-]{22}\.|key-[0-9a-f]{32}|[0-9a-f]{32}-us\d|xkeysib-|\bsk[0-9a-f]{32}"
    rb"|\bdo[opr]_v1_|\bhv[sbr]\.|\.atlasv1\.|\bdapi[0-9a-f]{32}|\bshp(?:at|ca|pa|ss)_|\bsq0|access_token\$"
    rb"|\bat(?:att3|ctt3|bb)|\blin_(?:api|oauth)_|\bntn_|\bsecret_|figd_|\bpat[a-z0-9]{14}\.|pscale_|\bsbp_|sb_secret_"
    rb"|pmak-|nrak-|\bglsa_|\bglc_|sntry[su]_|\bdp\.[a-z]|tskey-|\bfo1_|\bfm[12]|hrku-|age-secret-key|sig=|eyj[\w-]{8}"
    rb"|://[^\s:/@\"'<>\\?#]{0,128}:[^\s/\"'<>\\?#]+@|\b(?:bearer|basic|token)(?:\s|%20|\+)|"
    + secret_names.SEPARATED
)


def find(text: str) -> list[Span]:
    """Secrets in `text`, in order and without overlaps; what is masked already is left alone.

    The pieces between two secrets are looked at again, so a text whose secrets were replaced holds none.
    """
    raw = text.encode("utf-8", "surrogatepass")
    if not may_hold(raw):
        return []
    spans: list[Span] = []
    for start, end in _between_marks(raw):
        spans += _spans(raw, start, end, 0)
    return spans if len(raw) == len(text) else _in_characters(raw, spans)


def may_hold(raw: bytes) -> bool:
    """Whether these UTF-8 bytes may hold a secret: quick, never wrong when it says no."""
    return _ANY.search(raw) is not None


def names_a_secret(key: str) -> bool:
    """Whether a key, by its name, holds a secret (`db_password`, `apiKey`)."""
    return secret_names.is_secret_name(key)


def _between_marks(raw: bytes) -> Iterator[tuple[int, int]]:
    position = 0
    if b"[masked:" in raw:
        for match in _MARK.finditer(raw):
            yield position, match.start()
            position = match.end()
    yield position, len(raw)


def _spans(raw: bytes, start: int, end: int, depth: int) -> list[Span]:
    found = _look(raw[start:end])
    if not found:
        return []
    if depth >= _DEPTH_MAX:
        return [Span("unclear", start, end)]
    spans: list[Span] = []
    position = start
    for span in found:
        at, to = start + span.start, start + span.end
        spans += _spans(raw, position, at, depth + 1)
        spans.append(Span(span.kind, at, to, span.wrap))
        position = to
    return spans + _spans(raw, position, end, depth + 1)


def _look(piece: bytes) -> list[Span]:
    if len(piece) < 8:
        return []
    lowered = piece.lower()
    found: list[Span] = []
    for rule, pattern, hint in _COMPILED:
        if hint in lowered:
            for match in pattern.finditer(piece):
                start, end = match.span(1)
                if _is_secret(rule.kind, piece[start:end]):
                    found.append(Span(rule.kind, start, end))
    found += (Span(kind, start, end, wrap) for kind, start, end, wrap in secret_names.find(piece))
    chosen: list[Span] = []
    reached = 0
    for span in sorted(found, key=lambda span: (span.start, -span.end)):
        if span.start >= reached:
            chosen.append(span)
            reached = span.end
    return chosen


def _is_secret(kind: str, value: bytes) -> bool:
    if kind == "private-key":
        return True
    if secret_names.is_placeholder(value):
        return False
    if kind == "bearer-token":
        return len(value) >= 16 and secret_names.looks_random(value)
    if kind == "basic-credentials":
        return _is_basic(value)
    return True


def _is_basic(value: bytes) -> bool:
    try:
        plain = base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return False
    return b":" in plain and all(32 <= byte < 127 for byte in plain)


def _in_characters(raw: bytes, spans: list[Span]) -> list[Span]:
    moved: list[Span] = []
    at_byte = at_character = 0
    for span in spans:
        at_character += _length(raw[at_byte : span.start])
        length = _length(raw[span.start : span.end])
        moved.append(Span(span.kind, at_character, at_character + length, span.wrap))
        at_byte, at_character = span.end, at_character + length
    return moved


def _length(raw: bytes) -> int:
    # Bytes that do not continue a character: the number of characters, wherever the piece was cut.
    return sum(byte & 0xC0 != 0x80 for byte in raw)
