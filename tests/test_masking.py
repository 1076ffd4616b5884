"""Masking: secrets behind names in every context, twice the same, JSON stays JSON, keys over lines, marks."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.secret_samples import jwt
from tests.secret_samples import pem as pem_text
from tools import masking

RANDOM = random.Random(20)
WORD = string.ascii_letters + string.digits


def text_of(alphabet: str, length: int) -> str:
    return "".join(RANDOM.choice(alphabet) for _ in range(length))


# Built at run time, so that no scanner takes this file for a leak.
NPM = "np" + "m_" + text_of(WORD, 36)
STRIPE = "sk" + "_live_" + text_of(WORD, 24)
PASSWORD = "hunter2!Zq"
OPAQUE = text_of(WORD, 31) + "7"
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


FRAMES = {
    "json-file": '{{"log":"{}\\n","stream":"stdout","time":"2025-06-01T12:00:00Z"}}',
    "escaped-slashes": '{{"msg":"{}","n":1}}',
    "json": '{{"level":30,"msg":"{}","hostname":"orders-1"}}',
    "python": "    '{}',",
    "javascript": "  '{}\\n' +",
    "json-in-json": '{{"log":"{{\\"msg\\":\\"{}\\"}}\\n","stream":"stdout"}}',
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_private_key_leaves_json_and_quotes_line_by_line(name: str) -> None:
    masker = masking.LineMasker()
    lines = [line.replace("/", "\\/") if name == "escaped-slashes" else line for line in pem()]
    masked = [masker.scan(FRAMES[name].format(line))[0] for line in lines]
    assert not any(line in text for line in lines[1:-1] for text in masked)
    if name.startswith(("json", "escaped")):
        assert all(isinstance(json.loads(text), dict) for text in masked[1:])
    assert masker.open_lines == 0


@pytest.mark.parametrize(
    "other", ["2025-06-01 12:00:00 INFO tick", "INFO port 3000", '{"level":30,"msg":"ok"}']
)
def test_lines_of_others_between_those_of_a_key_hide_none_of_them(other: str) -> None:
    masker = masking.LineMasker()
    first, *body, last = pem()
    masker.scan(first)
    for line in body:
        for _ in range(4):
            assert masker.scan(other) == (other, ())
        assert line not in masker.scan(line)[0]
    masker.scan(last)
    assert masker.open_lines == 0


def test_marks_beside_a_key_tell_their_place() -> None:
    masker = masking.LineMasker()
    first, body, *_ = pem()
    masker.scan(first)
    line = f'{{"password":"{PASSWORD}","msg":"{body}","token":"{NPM}"}}'
    masked, marks = masker.scan(line)
    assert [line[mark.start : mark.start + mark.length] for mark in marks] == [PASSWORD, body, NPM]
    assert isinstance(json.loads(masked), dict)


def test_a_key_that_never_ends_does_not_swallow_the_log() -> None:
    masker = masking.LineMasker()
    masker.scan("-----BEGIN " + "PRIVATE KEY-----")
    masker.scan(text_of(WORD, 64))
    for number in range(12):
        assert masker.scan(f"order {number} was shipped.") == (f"order {number} was shipped.", ())
    assert masker.open_lines == 0


def test_marks_tell_place_length_and_a_keyed_fingerprint() -> None:
    token = NPM
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
    assert masked == "größe {0} ünd {0}".format(f"[masked:npm-token:npm_:{first.fingerprint}]")
    assert masking.scan(masked) == (masked, ())
    assert [(mark.kind, mark.hint, mark.fingerprint) for mark in masking.read_marks(masked)] == [
        ("npm-token", "npm_", first.fingerprint)
    ] * 2


@pytest.fixture
def keyed() -> Iterator[None]:
    masking.use_key(b"k" * 32)
    yield
    masking.use_key(None)


@pytest.mark.parametrize(
    ("text", "kind", "hint"),
    [
        (f"using {STRIPE}", "stripe-key", "sk_l"),
        ("password=hunter22", "password", "len8-15"),
        ("password=abc", "password", "len1-7"),
        (f"apiKey={'x1' * 64}", "secret-value", "len128+"),
        ("redis://u:hunter22@h", "url-credentials", "len8-15"),
        (jwt({"alg": "HS256"}, {"exp": 1750000000}), "jwt", "HS256-exp1750000000"),
        (pem_text(), "private-key", ""),
    ],
)
@pytest.mark.usefixtures("keyed")
def test_a_mark_hints_at_a_secret_without_a_part_of_it(text: str, kind: str, hint: str) -> None:
    masked, marks = masking.scan(text)
    assert [(mark.kind, mark.hint) for mark in marks] == [(kind, hint)]
    assert [(mark.kind, mark.hint) for mark in masking.read_marks(masked)] == [(kind, hint)]
    assert masking.mask(masked) == masked


@pytest.mark.usefixtures("keyed")
def test_a_mark_that_a_service_printed_is_none_of_ours() -> None:
    assert masking.read_marks("token [masked:jwt] and [masked:jwt:HS256] and [masked]") == ()
    assert [
        mark.kind for mark in masking.read_marks("[masked:a:0123456789ab][masked:b:len8-15:0123456789ab]")
    ] == ["a", "b"]


def test_without_a_key_every_mark_counts() -> None:
    assert [(mark.kind, mark.fingerprint) for mark in masking.read_marks("x [masked:jwt] y")] == [("jwt", "")]


@pytest.mark.parametrize("at", range(0, 60, 4))
def test_a_text_is_masked_before_it_is_cut(at: int) -> None:
    text = "a" * at + f" {NPM} " + "b" * 9000
    shown = masking.beginning(text, 50)
    assert len(shown) <= 50
    assert NPM[:8] not in shown
    assert masking.beginning("short text", 50) == "short text"


def test_half_a_secret_at_the_end_of_what_was_looked_at_is_not_shown() -> None:
    text = f"{'x' * 30} password={'y1' * 1014} {NPM} end"
    assert NPM[:8] not in masking.beginning(text, 50)


def test_data_is_masked_leaf_by_leaf_and_by_name() -> None:
    data = {"apiKey": "short", "n": 3, "list": [f"x {STRIPE}"], "max_tokens": "90"}
    masked = masking.mask_data(data)
    assert masked == {
        "apiKey": "[masked:apikey]",
        "n": 3,
        "list": ["x [masked:stripe-key]"],
        "max_tokens": "90",
    }
    assert masking.mask_data(masked) == masked


ARGUMENTS = {
    "one-line": ["  command: {", "    name: 'auth',", "    args: [ 'default', '{}' ]", "  }"],
    "a-line-each": ["    name: 'auth',", "    args: [", "      'default',", "      '{}'", "    ]"],
    "in-double-quotes": ['    name: "auth",', '    args: [ "{}" ]'],
    "hello": ["    name: 'hello',", "    args: [ '3', 'AUTH', 'default', '{}' ]"],
    "node-redis": ["  args: [", "    'AUTH',", "    'default',", "    '{}'", "  ]"],
    "json-file": [
        '{"log":"    name: \'auth\',\\n","stream":"stderr"}',
        '{"log":"    args: [\\n","stream":"stderr"}',
        '{"log":"      \'{}\'\\n","stream":"stderr"}',
        '{"log":"    ]\\n","stream":"stderr"}',
    ],
    "prefixed": ["orders | name: 'auth',", "orders | args: [", "orders |   '{}'", "orders | ]"],
    "others-between": ["    name: 'auth',", "INFO it's order 12", "    args: [ '{}' ]"],
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_arguments_of_auth_go_line_by_line(name: str) -> None:
    masker = masking.LineMasker()
    lines = [text.replace("{}", PASSWORD) for text in ARGUMENTS[name]]
    masked = [masker.scan(text) for text in lines]
    assert [text for text, _ in masked] == [
        text.replace("{}", "[masked:password]") for text in ARGUMENTS[name]
    ]
    assert [mark.kind for _, marks in masked for mark in marks] == ["password"]
    after = "it's 'orders' that said 'abc12def'"
    for _ in range(20):
        assert masker.scan(after) == (after, ())
    assert masker.open_lines == 0


def test_what_only_is_called_auth_hides_no_strings() -> None:
    lines = [
        "  - name: 'auth',",
        "    path: '/login',",
        "    'orders2024',",
        "    roles: [ 'admin7' ]",
        "  plugins: [ 'auth',",
        "INFO order 'a1b2c3' is here",
        "    said 'a1b2c3d4', 'x'",
    ]
    masker = masking.LineMasker()
    assert [masker.scan(text) for text in lines] == [(text, ()) for text in lines]


def test_a_successor_goes_on_among_the_arguments_of_auth() -> None:
    masker = masking.LineMasker()
    for text in ("    name: 'auth',", "    args: ["):
        masker.scan(text)
    assert PASSWORD not in masking.LineMasker(masker.open_lines).scan(f"      '{PASSWORD}'")[0]


def test_each_of_a_list_of_secrets_is_masked_in_data() -> None:
    data = {
        "passwords": [PASSWORD, "required"],
        "tokens": ["un", "believ", OPAQUE],
        "password": ["must be at least 8 characters"],
        "tags": ["auth", OPAQUE],
    }
    masked = masking.mask_data(data)
    assert masked == data | {
        "passwords": ["[masked:passwords]", "required"],
        "tokens": ["un", "believ", "[masked:tokens]"],
    }
    assert masking.mask_data(masked) == masked


PIECES = st.sampled_from([NPM, STRIPE, *NAMED.values(), '"', "\\", " ", "=", ":", "[masked:", "]", "é", "\n"])


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["password", "msg", "token", "n"]), st.one_of(PIECES, st.integers()), max_size=4
    )
)
def test_masking_a_json_text_keeps_it_json(data: dict[str, object]) -> None:
    json.loads(masking.mask(json.dumps(data)))
    json.loads(masking.mask(json.dumps({"body": json.dumps(data)})))


ARMOUR = "-----BEGIN " + "PRIVATE KEY-----"


def test_words_about_a_private_key_are_none_and_hide_nothing() -> None:
    lines = [
        f"Error: the key must start with {ARMOUR}",
        "INFO order 12 stored",
        "INFO listening on port 3000",
        "INFO image sha256:" + "9f86d081884c7d65" * 4,
        "INFO loaded InternalAuthenticationServiceExceptionHandler",
        '{"level":30,"msg":"charged","hostname":"orders-1"}',
        "    at Object.<anonymous> (/srv/app/node_modules/pkg/dist/index.js:10:5)",
        "INFO listening on port 3001",
    ]
    masker = masking.LineMasker()
    assert [masker.scan(text) for text in lines] == [(text, ()) for text in lines]
    assert masker.open_lines == 0
    assert masking.mask(f"{ARMOUR} is missing") == f"{ARMOUR} is missing"


def test_a_key_that_is_cut_off_hides_no_lines_behind_it() -> None:
    masker = masking.LineMasker()
    masker.scan(f"app | {ARMOUR}")
    assert masker.scan("app | " + "aB3/" * 16)[0] == "app | [masked:private-key]"
    assert masker.scan("app | x9==")[0] == "app | [masked:private-key]"
    assert masker.scan("app | order 12 stored") == ("app | order 12 stored", ())


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n", "\\\\n"])
@pytest.mark.parametrize(
    "headers", [["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,0A1B", ""], ["Version: GnuPG v2", ""]]
)
def test_a_private_key_with_headers_is_masked_whole(headers: list[str], newline: str) -> None:
    end = ARMOUR.replace("BEGIN", "END")
    key = newline.join([ARMOUR, *headers, "aB3/" * 16, "x9==", end])
    assert masking.mask(f"read {key} done") == "read [masked:private-key] done"
