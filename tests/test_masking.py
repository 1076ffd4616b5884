"""Masking: every kind in every context, nothing else, twice the same, and JSON stays JSON."""

from __future__ import annotations

import base64
import json
import random
import string
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools import masking

RANDOM = random.Random(20)


def text_of(alphabet: str, length: int) -> str:
    """Random characters, never twice the same kind in a row: at least one digit and one letter in 12."""
    return "".join(RANDOM.choice(alphabet) for _ in range(length))


LOWER_HEX = "0123456789abcdef"
WORD = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + "234567"


def encoded(data: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


JWT = (
    f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded({'sub': '42', 'role': 'admin'})}.{text_of(WORD, 43)}"
)

# Built at run time, so that no scanner takes this file for a leak.
TOKENS = {
    "aws-access-key": "AKIA" + text_of(UPPER, 16),
    "github-token": "gh" + "p_" + text_of(WORD, 36),
    "github-pat": "github" + "_pat_" + text_of(WORD, 82),
    "gitlab-token": "gl" + "pat-" + text_of(WORD, 20),
    "slack-token": "xox" + "b-" + text_of(string.digits, 12) + "-" + text_of(WORD, 24),
    "slack-app-token": "xapp" + "-1-" + text_of(WORD, 40),
    "slack-webhook": "https://hooks." + "slack.com/services/T0000AAAA/B0000BBBB/" + text_of(WORD, 24),
    "discord-webhook": "https://discord" + ".com/api/webhooks/123456789012345678/" + text_of(WORD, 68),
    "telegram-bot-token": "123456789:" + "AA" + text_of(WORD, 33),
    "stripe-key": "sk" + "_live_" + text_of(WORD, 24),
    "stripe-webhook-secret": "wh" + "sec_" + text_of(WORD, 32),
    "anthropic-key": "sk-" + "ant-api03-" + text_of(WORD, 93),
    "openai-key": "sk-" + "proj-" + text_of(WORD, 48),
    "groq-key": "gs" + "k_" + text_of(WORD, 52),
    "huggingface-token": "h" + "f_" + text_of(string.ascii_letters, 34),
    "google-api-key": "AI" + "za" + text_of(WORD, 35),
    "google-oauth-token": "ya" + "29." + text_of(WORD, 60),
    "google-client-secret": "GOC" + "SPX-" + text_of(WORD, 28),
    "npm-token": "np" + "m_" + text_of(WORD, 36),
    "pypi-token": "pypi" + "-AgE" + text_of(WORD, 80),
    "dockerhub-token": "dckr" + "_pat_" + text_of(WORD, 27),
    "sendgrid-key": "SG" + "." + text_of(WORD, 22) + "." + text_of(WORD, 43),
    "twilio-key": "S" + "K" + text_of(LOWER_HEX, 32),
    "digitalocean-token": "dop" + "_v1_" + text_of(LOWER_HEX, 64),
    "vault-token": "hv" + "s." + text_of(WORD, 90),
    "databricks-token": "da" + "pi" + text_of(LOWER_HEX, 32),
    "shopify-token": "shp" + "at_" + text_of(LOWER_HEX, 32),
    "square-token": "sq0" + "atp-" + text_of(WORD, 22),
    "linear-key": "lin" + "_api_" + text_of(WORD, 40),
    "figma-token": "fi" + "gd_" + text_of(WORD, 40),
    "postman-key": "PM" + "AK-" + text_of(LOWER_HEX, 24) + "-" + text_of(LOWER_HEX, 34),
    "grafana-token": "gl" + "sa_" + text_of(WORD, 32) + "_" + text_of(LOWER_HEX, 8),
    "langsmith-key": "ls" + "v2_pt_" + text_of(LOWER_HEX, 32) + "_" + text_of(LOWER_HEX, 10),
    "tailscale-key": "ts" + "key-auth-" + text_of(WORD, 30),
    "jwt": JWT,
}
PASSWORD = "hunter2!Zq"
OPAQUE = text_of(WORD, 31) + "7"
CONTEXTS = {
    "plain": "calling the provider with {} now",
    "end": "2025-06-01T10:00:00Z ERROR rejected: {}",
    "json": '{{"level":50,"msg":"rejected {}","n":1}}',
    "json-value": '{{"level":30,"header":"{}"}}',
    "escaped-json": '{{"msg":"body {{\\"value\\":\\"{}\\"}}"}}',
    "logfmt": 'level=error msg="denied" value={} took=3ms',
    "url": "GET https://api.test/v1?q={}&page=2 200",
    "comma": "tried [{}, none]",
}
NAMED = {
    "password=": f"password={PASSWORD} user=ann",
    "password:": f"password: {PASSWORD}",
    "json": f'{{"user":"ann","password":"{PASSWORD}"}}',
    "json-spaces": f'{{"dbPassword" : "two words {PASSWORD}"}}',
    "json-escape": '{"password":"hunter\\"' + PASSWORD + '"}',
    "escaped": '{"body":"{\\"password\\":\\"' + PASSWORD + '\\"}"}',
    "twice-escaped": '{"a":"{\\"b\\":\\"{\\\\\\"password\\\\\\":\\\\\\"' + PASSWORD + '\\\\\\"}\\"}"}',
    "python-dict": f"{{'user': 'ann', 'password': '{PASSWORD}'}}",
    "ruby": f':password=>"{PASSWORD}"',
    "env": f"REDIS_PASSWORD={PASSWORD}",
    "requirepass": f"config requirepass={PASSWORD}",
    "url-encoded": f"POST /login body=user%3Dann%26password%3D{quote(PASSWORD, safe='!')}%26x%3D1",
    "url-encoded-json": f"%22password%22%3A%22{PASSWORD}%22",
    "redis-url": f"connecting to redis://default:{PASSWORD}@cache.internal:6379/0",
    "postgres-url": f'{{"dsn":"postgres://app:{PASSWORD}@db/orders?sslmode=off"}}',
    "basic": "Authorization: Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode(),
    "bearer": f"Authorization: Bearer {OPAQUE}",
    "bearer-json": f'{{"headers":{{"authorization":"Bearer {OPAQUE}"}}}}',
    "api-key": f'apiKey: "{OPAQUE}"',
    "x-api-key": f"x-api-key: {OPAQUE}",
    "client-secret": f"client_secret={OPAQUE}&grant_type=code",
    "aws-secret": f"aws_secret_access_key = {OPAQUE}/{OPAQUE[:8]}",
    "azure": f"AccountName=a;AccountKey={OPAQUE}==;EndpointSuffix=x",
    "token": f"token={OPAQUE}",
    "session": f"cookie: connect.sid={OPAQUE}",
}


def table() -> Iterator[object]:
    for kind, token in TOKENS.items():
        for context, frame in CONTEXTS.items():
            yield pytest.param(frame.format(token), token, id=f"{kind}-{context}")


@pytest.mark.parametrize(("text", "token"), list(table()))
def test_a_token_leaves_the_text_whatever_stands_around_it(text: str, token: str) -> None:
    masked = masking.mask(text)
    assert token not in masked
    assert token[-10:] not in masked
    assert "[masked:" in masked
    assert masking.mask(masked) == masked


@pytest.mark.parametrize("kind", TOKENS)
def test_the_mark_names_the_kind(kind: str) -> None:
    assert [mark.kind for mark in masking.scan(f"using {TOKENS[kind]} now")[1]] == [kind]


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in NAMED.items()])
def test_a_secret_is_known_by_its_name(text: str) -> None:
    masked = masking.mask(text)
    encoded_basic = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, OPAQUE, encoded_basic):
        assert secret not in masked
    assert "[masked:" in masked
    assert masking.mask(masked) == masked


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=name) for name, text in NAMED.items() if text.startswith('{"')]
)
def test_masked_json_is_still_json(text: str) -> None:
    json.loads(text)
    assert isinstance(json.loads(masking.mask(text)), dict)


@pytest.mark.parametrize(
    "text",
    ['{"password":123456,"n":1}', '{"a":{"dbPassword":99887766}}', '{"m":"{\\"password\\":123456}"}'],
)
def test_a_bare_number_under_a_secret_name_is_masked_as_json(text: str) -> None:
    masked = masking.mask(text)
    json.loads(masked)
    assert "123456" not in masked
    assert "99887766" not in masked
    assert masking.mask(masked) == masked


CLEAN = {
    "uuid": "request 550e8400-e29b-41d4-a716-446655440000 done",
    "sha1": "built from 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "sha256": "image sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "md5": "etag d41d8cd98f00b204e9800998ecf8427e",
    "message-id": "acked 1748771234567-0 of orders:created",
    "image": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAA",
    "token-count": '{"usage":{"input_tokens":4096,"max_tokens":100000}}',
    "token-word": "token: expired",
    "token-refreshed": "access_token refreshed for user 42",
    "password-prose": "password: incorrect",
    "password-form": '{"password":"must be at least 8 characters"}',
    "password-missing": "password=null user=ann",
    "placeholder": "password=${DB_PASSWORD} secret=<hidden> token=***",
    "your": 'api_key="your-api-key-here"',
    "k8s-name": "secretName: orders-tls-secret",
    "secret-path": "secret: /run/secrets/db",
    "next-page": '{"nextPageToken":"CAUQAA9x88812341234abcdef"}',
    "no-password": "redis://cache:6379/0 and https://example.test:8443/path@v2",
    "user-only": "ssh://git@github.com/org/repo.git",
    "bearer-prose": "missing bearer authentication in header",
    "basic-prose": "basic authentication required",
    "pgp-public": "-----BEGIN PUBLIC KEY----- is fine",
    "compass": "compass=north12345 bypass=allowed99",
    "version": "express@4.18.2 node v20.11.1",
    "key-value": "cache key=orders:42:items ttl=300",
    "primary-key": "primary_key=id1234567890abc",
    "ip": "peer 10.0.0.12:51234 fe80::1ff:fe23:4567:890a",
    "bignum": "offset=18446744073709551615 ts=1748771234567890123",
    "masked": "token=[masked:jwt:0123456789ab] and [masked:password]",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in CLEAN.items()])
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert masking.scan(text) == (text, ())


def pem() -> list[str]:
    body = [text_of(WORD + "+/", 64) for _ in range(5)] + [text_of(WORD, 22) + "=="]
    return ["-----BEGIN RSA " + "PRIVATE KEY-----", *body, "-----END RSA " + "PRIVATE KEY-----"]


@pytest.mark.parametrize("newline", ["\n", "\\n", "\\\\n", "\r\n"])
def test_a_private_key_leaves_one_text_whole(newline: str) -> None:
    lines = pem()
    masked = masking.mask(f"key is {newline.join(lines)}{newline} and so on")
    assert not any(line in masked for line in lines)
    assert masked.endswith("and so on")


@pytest.mark.parametrize("prefix", ["", "2025-06-01 10:00:00 INFO ", "orders  | "])
def test_a_private_key_leaves_a_source_line_by_line(prefix: str) -> None:
    masker = masking.LineMasker()
    lines = pem()
    masked = [masker.scan(prefix + line)[0] for line in lines]
    assert not any(line in text for line in lines[1:-1] for text in masked)
    assert masker.open_lines == 0
    assert masker.scan("ABCDEFGHIJKLMNOPQRSTUVWX") == ("ABCDEFGHIJKLMNOPQRSTUVWX", ())


def test_a_key_that_never_ends_does_not_swallow_the_log() -> None:
    masker = masking.LineMasker()
    masker.scan("-----BEGIN " + "PRIVATE KEY-----")
    masker.scan(text_of(WORD, 64))
    assert masker.scan("order 12 was shipped.") == ("order 12 was shipped.", ())
    assert masker.open_lines == 0


def test_marks_tell_place_length_and_a_keyed_fingerprint() -> None:
    token = TOKENS["npm-token"]
    masking.use_key(b"k" * 32)
    try:
        masked, marks = masking.scan(f"größe {token} ünd {token}")
    finally:
        masking.use_key(None)
    first, second = marks
    assert (first.kind, first.start, first.length) == ("npm-token", 6, len(token))
    assert second.start == 6 + len(token) + 5
    assert first.fingerprint == second.fingerprint
    assert len(first.fingerprint) == 12
    assert masked == "größe {0} ünd {0}".format(f"[masked:npm-token:{first.fingerprint}]")


def test_data_is_masked_leaf_by_leaf_and_by_name() -> None:
    data = {"apiKey": "short", "n": 3, "list": [f"x {TOKENS['stripe-key']}"], "max_tokens": "90"}
    masked = masking.mask_data(data)
    assert masked == {
        "apiKey": "[masked:apikey]",
        "n": 3,
        "list": ["x [masked:stripe-key]"],
        "max_tokens": "90",
    }
    assert masking.mask_data(masked) == masked


PIECES = st.sampled_from(
    [*TOKENS.values(), *NAMED.values(), *CLEAN.values(), '"', "\\", " ", "=", ":", "[masked:", "]", "é", "\n"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=8))
def test_masking_twice_changes_nothing(parts: list[str]) -> None:
    once = masking.mask("".join(parts))
    assert masking.mask(once) == once


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["password", "msg", "token", "n"]), st.one_of(PIECES, st.integers()), max_size=4
    )
)
def test_masking_a_json_text_keeps_it_json(data: dict[str, object]) -> None:
    json.loads(masking.mask(json.dumps(data)))
    json.loads(masking.mask(json.dumps({"body": json.dumps(data)})))


@pytest.mark.parametrize(
    "unit",
    ["a:", "://a:", "eyJ", "password=", "\\", '"password":"\\', "-----BEGIN PRIVATE KEY-----", "bearer "],
)
def test_time_grows_with_length_not_with_its_square(unit: str) -> None:
    def cost(length: int) -> float:
        text = unit * (length // len(unit))
        best = 9.9
        for _ in range(3):
            start = time.process_time()
            masking.mask(text)
            best = min(best, time.process_time() - start)
        return best

    small, large = cost(20_000), cost(160_000)
    assert large < 0.05 + small * 8 * 4
