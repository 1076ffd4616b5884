"""What is a secret and what is none: the labelled set, hostile texts, and what every rule keeps."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.secret_samples import (
    CONTEXTS,
    HEX,
    LOOK_ALIKES,
    LOWER,
    NAMED,
    PASSWORD,
    SAMPLES,
    TOKENS,
    WORD,
    Sample,
    jwt,
    of,
    pem,
    uuid,
    written,
)
from tools import masking, secret_finder, secret_values
from tools.secret_rules import RULES, gates


def left(context: str, secret: str, masked: str) -> set[str]:
    """Pieces of a secret (ten characters, of a short one all) that are still there."""
    found = set()
    for form in written(context, secret):
        size = min(10, len(form))
        pieces = {form[at : at + size] for at in range(len(form) - size + 1)}
        found |= {piece for piece in pieces if piece in masked and "---" not in piece}
    return found


def named(sample: Sample) -> str:
    return f"{sample.kind}-{sample.name}-{SAMPLES.index(sample)}"


@pytest.mark.parametrize("sample", SAMPLES, ids=named)
def test_a_secret_leaves_the_text_whatever_stands_around_it(sample: Sample) -> None:
    for context, frame in CONTEXTS.items():
        masked, marks = masking.scan(frame(sample.name, sample.text))
        assert (context, left(context, sample.secret, masked)) == (context, set())
        assert (context, [mark.kind for mark in marks]) == (context, [sample.kind])
        assert masking.scan(masked) == (masked, ())


def test_the_labelled_set_is_as_wide_as_promised() -> None:
    assert {rule.kind for rule in RULES} <= {sample.kind for sample in SAMPLES}
    assert len({sample.kind for sample in SAMPLES}) >= 100
    assert len(CONTEXTS) >= 16
    assert len(LOOK_ALIKES) >= 90


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in LOOK_ALIKES.items()])
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert masking.scan(text) == (text, ())


BARE = (
    "using {} now",
    "{}",
    "({})",
    "<{}>",
    "a,{},b",
    "x={};",
    "\\n{}\\n",
    "%3D{}%26",
    "…{}…",
)


@pytest.mark.parametrize("sample", TOKENS, ids=named)
def test_a_token_of_a_provider_needs_no_name(sample: Sample) -> None:
    for frame in BARE:
        masked = masking.mask(frame.format(sample.text))
        assert (frame, left("plain", sample.secret, masked)) == (frame, set())


OTHER = {
    "go-dsn": (f"open root:{PASSWORD}@tcp(db:3306)/orders", PASSWORD),
    "encoded-url": (f"dsn=postgres%3A%2F%2Fapp%3A{PASSWORD[:10]}%40db%2Forders", PASSWORD[:10]),
    "url-with-at": ("redis://u:p@ss:word@cache:6379", "p@ss:word"),
    "jdbc": (f"jdbc:postgresql://db/orders?user=app&password={PASSWORD}&ssl=true", PASSWORD),
    "odbc": (f"Server=db;User Id=sa;Password={PASSWORD};Encrypt=True", PASSWORD),
    "flag": (f"redis-exporter --redis.password {PASSWORD} --port 9121", PASSWORD),
    "flag=": ("worker --api-key=Zx81kf93hfu2Lp0 --verbose", "Zx81kf93hfu2Lp0"),
    "curl": (f"+ curl -s -u ann:{PASSWORD} https://api.test/", PASSWORD),
    "redis-cli": (f"sh -c redis-cli -h cache -a {PASSWORD} ping", PASSWORD),
    "mysql": (f"mysqldump -h db -uroot -p{PASSWORD} orders", PASSWORD),
    "redis-cli-auth": (f"$ redis-cli AUTH {PASSWORD}", PASSWORD),
    "redis-cli-auth-user": (f"redis-cli -h cache auth app {PASSWORD}", PASSWORD),
    "auth-pass": (f"sentinel auth-pass mymaster {PASSWORD}", PASSWORD),
    "password-is": (f"the generated password is {PASSWORD}", PASSWORD),
    "password-set-to": (f'password for ann set to, no: pwd was "{PASSWORD}"', PASSWORD),
    "smtp": ("C: AUTH PLAIN " + "AGFubgBzM2NyM3RQNHNz", "AGFubgBzM2NyM3RQNHNz"),
    "sshpass": (f"sshpass -p {PASSWORD} ssh host", PASSWORD),
    "hello": (f"-> HELLO 3 AUTH default {PASSWORD} SETNAME x", PASSWORD),
    "hello-monitor": (f'1748.1 [0 10.0.0.1:1] "HELLO" "3" "AUTH" "app" "{PASSWORD}"', PASSWORD),
    "dollar": ('{"password":"$ecr3tPa55"}', "$ecr3tPa55"),
    "at-sign": ('{"password":"@dm1n-pa55"}', "@dm1n-pa55"),
    "percent-sign": ('{"password":"%h4rdP4ss"}', "%h4rdP4ss"),
    "bcrypt": ("password=$2b$12$" + "q1W2" * 13, "$2b$12$" + "q1W2" * 13),
    "secret-and-more": (f"password=secret!{PASSWORD}9x", PASSWORD),
    "secret-dash": (f"JWT_SECRET=secret-{(made := of(WORD, 14))}", made),
    "hidden-dot": (f"password=hidden.{made}", made),
    "angle-open": (f'"password":"<{made}"', made),
    "brace-open": (f'"password":"{{{made}"', made),
    "dollar-brace-open": (f'password="${{{made}"', made),
    "example-inside": (f'"password":"Example{made}"', made),
    "url-secret": (f"redis://:secret-{made}@h:1", made),
    "url-stars": (f"redis://:a***{made}@h:1", made),
    "url-example": (f"redis://:my-example{made}@h:1", made),
    "url-object": (f"redis://:object.{made}@h:1", made),
    "your-own": (f"password=your_{made}", made),
    "php-url": (f'{{"msg":"cannot connect redis:\\/\\/:{made}@h:6379"}}', made),
    "unicode-url": (f'{{"msg":"redis:\\u002f\\u002fapp:{made}@h"}}', made),
    "gson": (f'{{"msg":"connect password\\u003d{made}\\u0026x"}}', made),
    "gson-quotes": (f'{{"msg":"\\u0027password\\u0027: \\u0027{made}\\u0027"}}', made),
    "header-list": (f'{{"headers":{{"x-api-key":["{made * 2}"]}}}}', made),
    "node-list-header": (f"'x-api-key': [ '{made * 2}' ]", made),
    "go-header": (f"map[Accept:[*/*] X-Api-Key:[{made * 2}]]", made),
    "go-bearer": (f"map[Authorization:[Bearer {made * 2}]]", made),
    "listed-bearer": (f'"authorization":["Bearer {made * 2}"]', made),
    "listed-password": (f'{{"password":["{made}"]}}', made),
    "name-and-value": ('{"name":"DB_PASSWORD","value":"correcthorse"}', "correcthorse"),
    "name-and-value-escaped": (f'{{"a":"[{{\\"Name\\": \\"REDIS_PASSWORD\\", \\"Value\\": \\"{made}\\"}}]"}}', made),
    "key-and-value": (f'{{"key":"apiKey","value":"{made}"}}', made),
    "xml-setting": (f'<add key="password" value="{made}" />', made),
    "lock-secret": (f"lock_secret={made}", made),
    "session-token-beside": (f"sessionToken={made * 2} lockToken={made[::-1] * 2}", made * 2),
    "cookie-beside-analytics": (f"Cookie: _ga=GA1.2.1234567890.1748779200; sid={made * 2}", made * 2),
    "pass-with-slash": ("pass: 12/ab!Zq", "12/ab!Zq"),
    "url-semicolon": (f"redis://app:pa;{made}@h", made),
    "my": ("password=my_" + "passw0rd99", "my_" + "passw0rd99"),
    "requirepass": (f"config: requirepass {PASSWORD}", PASSWORD),
    "masterauth": (f'"CONFIG" "SET" "masterauth" "{PASSWORD}"', PASSWORD),
    "ioredis": (f"ioredis:redis write command[::1:6379]: 0 -> auth([ '{PASSWORD}' ]) +1ms", PASSWORD),
    "ioredis-user": (f"ioredis:redis write command[::1:6379]: 0 -> auth([ 'app', '{PASSWORD}' ]) +1ms", PASSWORD),
    "setuser": (f"ACL SETUSER app on >{PASSWORD} ~* +@all", PASSWORD),
    "ioredis-wrongpass": (f"  command: {{ name: 'auth', args: [ 'default', '{PASSWORD}' ] }}", PASSWORD),
    "ioredis-alone": (f"  command: {{ name: 'auth', args: [ '{PASSWORD}' ] }}", PASSWORD),
    "ioredis-json": (f'"err":{{"command":{{"name":"auth","args":["default","{PASSWORD}"]}}}}', PASSWORD),
    "ioredis-in-json": (f'{{"msg":"{{\\"name\\":\\"auth\\",\\"args\\":[\\"{PASSWORD}\\"]}}"}}', PASSWORD),
    "node-hello": (f"  command: {{ name: 'hello', args: [ '3', 'AUTH', 'default', '{PASSWORD}' ] }}", PASSWORD),
    "node-list": (f"sending [ 'AUTH', 'default', '{PASSWORD}' ]", PASSWORD),
    "unknown-hello": (f"ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '{PASSWORD}' ", PASSWORD),
    "unknown-auth": (f"ERR unknown command `AUTH`, with args beginning with: `{PASSWORD}`, ", PASSWORD),
    "rediscli-auth": (f"REDISCLI_AUTH={PASSWORD} redis-cli ping", PASSWORD),
    "redis-auth": (f"redis.auth={PASSWORD}", PASSWORD),
    "valkey-cli": (f"valkey-cli -h cache -a {PASSWORD} ping", PASSWORD),
    "redis-benchmark": (f"redis-benchmark -a {PASSWORD} -n 10", PASSWORD),
    "acl-file": (f"user default on >{PASSWORD} ~* &* +@all", PASSWORD),
    "acl-file-two": (f"user app on sanitize-payload #2d9c >correcthorse ~* >{PASSWORD} +@all", "correcthorse"),
    "requirepass-words": ("redis-server --port 1 --requirepass correcthorsebattery", "correcthorsebattery"),
    "requirepass-set": ('"CONFIG" "SET" "requirepass" "correcthorsebattery"', "correcthorsebattery"),
    "requirepass-file": ("requirepass foobared", "foobared"),
    "masterauth-words": ("redis-server --masterauth correcthorse --port 1", "correcthorse"),
    "sentinel-set": ("sentinel set mymaster quorum 2 auth-pass correcthorse", "correcthorse"),
    "sentinel-set-monitor": (f'"SENTINEL" "SET" "mymaster" "auth-pass" "{PASSWORD}"', PASSWORD),
    "command": (f"Command: AUTH {PASSWORD}", PASSWORD),
    "command-word": ("Command: AUTH correcthorse", "correcthorse"),
    "command-user": (f"Command: AUTH default {PASSWORD}", PASSWORD),
    "command-app": ("cmd=AUTH app correcthorse", "correcthorse"),
    "command-app-and-more": (f"Command: AUTH app {PASSWORD} took 3 ms", PASSWORD),
    "command-sent": (f"sending AUTH {PASSWORD} to 10.0.0.1:6379", PASSWORD),
    "lettuce": (f"write(ctx, Command [type=AUTH, output=StatusOutput, args=[{PASSWORD}]])", PASSWORD),
    "lettuce-user": (f"AsyncCommand [type=AUTH, args=[app, {PASSWORD}], state=x]", PASSWORD),
    "lettuce-args": (f"Command [type=AUTH, output=StatusOutput [output=null], args=CommandArgs [{PASSWORD}]]", PASSWORD),
    "auth-flag": (f"redis-exporter --auth {PASSWORD} --port 9121", PASSWORD),
    "auth-flag=": (f"tool --auth={PASSWORD}", PASSWORD),
    "auth-flag-user": ("http --auth ann:correcthorse GET https://api.test/", "correcthorse"),
    "password-for": (f"Password for ann: {PASSWORD}", PASSWORD),
    "password-for-user": (f"password for user 'ann' = {PASSWORD}", PASSWORD),
    "password-for-quoted": ("Password for ann: 'correct horse'", "correct horse"),
    "resp": (f"wrote *2\\r\\n$4\\r\\nAUTH\\r\\n$10\\r\\n{PASSWORD}\\r\\n", PASSWORD),
    "resp-user": (f"*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$12\r\n{PASSWORD}\r\n", PASSWORD),
    "ioredis-lines": (f"  command: {{\n    name: 'auth',\n    args: [\n      'default',\n      '{PASSWORD}'\n    ]\n  }}", PASSWORD),
    "ioredis-written-lines": (f"{{\"stack\":\"command: {{\\n    name: 'auth',\\n    args: [ '{PASSWORD}' ]\"}}", PASSWORD),
    "listed-second": (f'{{"password":["{made}","correcthorse"]}}', "correcthorse"),
    "listed-bare": ("passwords=[hunter2Zq,correcthorse]", "correcthorse"),
    "listed-bare-spaces": ("passwords: [hunter2Zq, correcthorse]", "correcthorse"),
    "listed-first": ("passwords=[hunter2Zq,correcthorse]", "hunter2Zq"),
    "listed-plural": (f'{{"apiKeys":["{made * 2}","{made[::-1] * 2}"]}}', made[::-1] * 2),
    "listed-lines": (f'"secrets": [\n  "{made * 2}",\n  "{made[::-1] * 2}"\n]', made[::-1] * 2),
    "listed-escaped": (f'{{"m":"{{\\"tokens\\":[\\"{made * 2}\\",\\"{made[::-1] * 2}\\"]}}"}}', made[::-1] * 2),
    "listed-python": (f"tokens: ['{made * 2}', '{made[::-1] * 2}']", made[::-1] * 2),
    "listed-behind-words": (f'{{"apiKey":["none","{made * 2}"]}}', made * 2),
    "go-header-two": (f"map[X-Api-Key:[{made * 2} {made[::-1] * 2}]]", made[::-1] * 2),
    "sql-user": (f"LOG:  statement: ALTER USER app PASSWORD '{PASSWORD}'", PASSWORD),
    "sql-role": ("CREATE ROLE app WITH LOGIN ENCRYPTED PASSWORD 'correct horse' VALID UNTIL 'x'", "correct horse"),
    "monitor-auth": (f'1750000000.1 [0 127.0.0.1:5] "AUTH" "{PASSWORD}"', PASSWORD),
    "monitor-auth-user": ('1750000000.1 [0 127.0.0.1:5] "auth" "app" "correcthorse"', "correcthorse"),
    "mysql-generated": ("A temporary password is generated for root@localhost: xK3)aB9!qLm2", "xK3)aB9!qLm2"),
    "elastic-password": ("Password for the elastic user (reset with `x -u elastic`): uTq7xP2-zLm4", "uTq7xP2-zLm4"),
    "root-pass": (f"RootUser: minioadmin RootPass: {PASSWORD}", PASSWORD),
    "key-file-pass": (f"tls-key-file-pass {PASSWORD}", PASSWORD),
    "storage-key": (f"storageKey={(made_key := of(WORD, 43))}=", made_key),
    "django-session": (f"session_key={(made_session := of(LOWER, 32))} expired", made_session),
    "session-key-hex": (f'{{"sessionKey":"{(made_hex := of(HEX, 32))}"}}', made_hex),
    "client-key": (f"client_key={made_key}", made_key),
    "identified": (f"CREATE USER app IDENTIFIED BY '{PASSWORD}'", PASSWORD),
    "comma-in-value": ("password=Tr0ub4dor&3,x9 user=ann", "Tr0ub4dor&3,x9"),
    "percent": ("body=user%3Dann%26password%3Dp%2540ss%2Fw0rd%26x%3D1", "p%2540ss%2Fw0rd"),
    "twice-encoded": (f"state=user%253Dann%2526password%253D{PASSWORD[:7]}Zq%2526x", PASSWORD[:7] + "Zq"),
    "unicode-escape": ("{\\u0022password\\u0022:\\u0022" + PASSWORD + "\\u0022}", PASSWORD),
    "escaped-quote": ('{"password":"two\\"parts' + PASSWORD + '"}', 'two\\"parts' + PASSWORD),
    "two-words": (f'{{"dbPassword" : "two words {PASSWORD}"}}', f"two words {PASSWORD}"),
    "cut-off": (f'{{"password":"{PASSWORD}', PASSWORD),
    "bytes": (f"{{b'password': b'{PASSWORD}'}}", PASSWORD),
    "hash-rocket": (f':password=>"{PASSWORD}"', PASSWORD),
    "telegram-url": ("POST https://api.telegram.org/bot1234567890:AA" + "x7Kp2" * 6 + "abc/sendMessage", "AA" + "x7Kp2" * 6 + "abc"),
    "cookie": ("cookie: theme=dark; connect.sid=s%3A" + "aB3xY7" * 6 + "; lang=en", "aB3xY7" * 6),
    "jwe": (".".join([jwt({"alg": "RSA-OAEP", "enc": "A256GCM"}, {}).split(".")[0], "x1" * 20, "y2" * 8, "z3" * 30, "w4" * 11]), "z3" * 30),
    "encoded-pem": ("KEY=" + "%0A".join(pem().replace(" ", "%20").replace("+", "%2B").splitlines()), pem().splitlines()[0]),
    "session-key": ("export PGPASSWORD=" + PASSWORD, PASSWORD),
    "npmrc": ("//registry.test/:_authToken=" + uuid(), "_never_"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "secret"), [pytest.param(*case, id=name) for name, case in OTHER.items()])
def test_secrets_in_odd_places(text: str, secret: str) -> None:
    masked = masking.mask(text)
    assert secret not in masked
    assert "[masked:" in masked
    assert masking.mask(masked) == masked


@pytest.mark.parametrize(
    "password",
    ["@dmin123", "$ecret123", "%aB12xyz", "a_9xKq7z", "my-9xKq7z", "mysecretpassword", "/Xk9abQ/7fKq2Lm", "Password1", "#Summer24", "0123456", "pässwörd-9"],
)  # fmt: skip
def test_what_people_choose_is_no_placeholder(password: str) -> None:
    for frame in (
        "DB_PASSWORD={} user=ann",
        '{{"password":"{}"}}',
        "password: '{}'",
        "login failed (password={})",
    ):
        assert password not in masking.mask(frame.format(password))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("password=one,user=ann", "password=[masked:password],user=ann"),
        ("GET /?token=a1b2c3d4e5f6g7&x=1 200", "GET /?token=[masked:secret-value]&x=1 200"),
        ("(password=hunter22) ok", "(password=[masked:password]) ok"),
        ("a password=hunter22, b", "a password=[masked:password], b"),
        ("secret: Zx81kf93hfu2Lp0wq7.", "secret: [masked:secret-value]."),
        ("redis://u:hunter22@h:6379/0?x=1", "redis://u:[masked:url-credentials]@h:6379/0?x=1"),
        ("Authorization: Basic YW5uOmh1bnRlcjIy\n", "Authorization: Basic [masked:basic-credentials]\n"),
        ('{"a":"{\\"password\\":\\"hunter22\\"}"}', '{"a":"{\\"password\\":\\"[masked:password]\\"}"}'),
    ],
)
def test_nothing_but_the_secret_goes(text: str, masked: str) -> None:
    assert masking.mask(text) == masked


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_key_that_is_cut_off_leaves_the_json_around_it_whole(depth: int) -> None:
    text = pem()[:300]
    for _ in range(depth):
        text = json.dumps({"value": text})
    masked = masking.mask(text)
    json.loads(masked)
    assert pem()[40:60] not in masked


@pytest.mark.parametrize("number", range(len(RULES)), ids=lambda number: f"{RULES[number].kind}-{number}")
def test_what_a_rule_finds_its_gate_finds_first(number: int) -> None:
    """Also where several rules find the same: each must pass on its own."""
    rule, gate = RULES[number], gates()[number]
    pattern, first = (
        re2.compile(rule.pattern),
        re2.compile(f"(?i){gate.pattern}" if gate.caseless else gate.pattern),
    )
    texts = [frame(sample.name, sample.text) for sample in SAMPLES for frame in CONTEXTS.values()]
    texts += [text for text, _ in OTHER.values()]
    for text in texts:
        assert pattern.search(text) is None or first.search(text) is not None
    assert rule.head
    assert rule.shown <= 4


def test_gates_fit_a_database_of_many_patterns() -> None:
    """re2 refuses look-around and back references; hyperscan is asked where it is installed."""
    assert [gate for gate in gates() if re2.compile(gate.pattern).search("") is not None] == []
    assert [
        gate
        for gate in gates()
        if max(map(int, re2.compile(r"\{(?:\d+,)?(\d+)\}").findall(gate.pattern)), default=0) > 300
    ] == []
    if importlib.util.find_spec("hyperscan") is not None:
        import hyperscan  # type: ignore[import-not-found, unused-ignore]

        flags = [hyperscan.HS_FLAG_CASELESS if gate.caseless else 0 for gate in gates()]
        database = hyperscan.Database()
        database.compile(
            expressions=[gate.pattern.encode() for gate in gates()], ids=list(range(len(flags))), flags=flags
        )


FRAGMENTS = [
    *(sample.text for sample in SAMPLES), *(sample.text[: len(sample.text) // 2] for sample in SAMPLES), *LOOK_ALIKES.values(),
    *(f"{sample.name}=" for sample in NAMED), '"', "'", "\\", "\\\\", " ", "=", ":", "[masked:", "]", "é", "\n", "%3D", "%22",
    "&quot;", "Bearer ", "Basic ", "://", "@", ",", ";", "eyJ", "\x00", "\ud800", "\u2028",
]  # fmt: skip
HOSTILE = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=12)), max_size=8).map("".join)


@settings(max_examples=300, deadline=None)
@given(HOSTILE)
def test_masking_twice_changes_nothing(text: str) -> None:
    once = masking.mask(text)
    assert masking.scan(once) == (once, ())


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")), HOSTILE))
def test_any_text_is_masked_and_marks_lie_in_it(text: str) -> None:
    masked, marks = masking.scan(text)
    position = 0
    for mark in marks:
        assert position <= mark.start < mark.start + mark.length <= len(text)
        position = mark.start + mark.length
    kept = len(text) - sum(mark.length for mark in marks)
    assert len(masked) >= kept


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SAMPLES),
    st.sampled_from(sorted(CONTEXTS)),
    st.text(max_size=20),
    st.sampled_from(sorted(LOOK_ALIKES.values())),
)
def test_a_secret_leaves_a_text_of_many_things(sample: Sample, context: str, before: str, after: str) -> None:
    text = f"{before} {CONTEXTS[context](sample.name, sample.text)} {after}"
    by_itself = left(context, sample.secret, after)  # words that a look-alike shares with a secret
    assert left(context, sample.secret, masking.mask(text)) <= by_itself


@settings(max_examples=200, deadline=None)
@given(st.lists(HOSTILE | st.text(), max_size=4))
def test_nothing_that_takes_a_text_refuses_one(lines: list[str]) -> None:
    masker = masking.LineMasker()
    for line in ["-----BEGIN " + "PRIVATE KEY-----", *lines]:
        masked, marks = masker.scan(line)
        assert all(line[mark.start : mark.start + mark.length] for mark in marks)
        assert masking.read_marks(masked) is not None
    masked_data = masking.mask_data({line: [line, {"password": line}] for line in lines})
    assert masking.mask_data(masked_data) == masked_data


UNITS = [
    "a:", "://a:", "http://a:b", "a:b@", "eyJ", "eyJhbGciOiJIUzI1NiJ9.", "token:", "next_token=", "password='", "secret=a,",
    "password=a,", "password%3D%2526", "cookie: a=b;", "--password ", "<password>", "&quot;token&quot;:&quot;", "'token', '",
    '"password":"\\', "\\", "[masked:a", "curl -u ", "SETUSER a ", "-----BEGIN " + "PRIVATE KEY-----", "1234567890:A", "xoxb-1-",
    "user a on ", "user a on >x ", "name: 'auth', args: [ '", "'AUTH', 'a', ", '"password","value":', "password:[", '"password":["',
    "redis:\\/\\/:a", "password\\u003d", "requirepass ", "a***", "unknown command 'AUTH', ",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_a_hostile_text_of_many_beginnings_is_read_to_its_end(unit: str) -> None:
    """In time that grows with its length: at the square of it, this test would not end."""
    text = unit * (256 * 1024 // len(unit)) + " password=hunter22"
    assert "hunter22" not in masking.mask(text)


def test_the_pass_over_all_heads_forgets_nothing_where_its_table_overflows() -> None:
    """Random pieces of heads make the most states; what comes last is still found."""
    chance = random.Random(3)
    pieces = [sample.text[: chance.randrange(4, 14)] for sample in SAMPLES]
    text = " ".join(chance.choice(pieces) + chance.choice("_-./:=% ") for _ in range(60_000))
    assert masking.mask(text + f" password={PASSWORD}").endswith(" password=[masked:password]")


def test_may_hold_says_no_only_where_nothing_is() -> None:
    assert not secret_finder.may_hold(b"2025-06-01T10:00:00Z INFO order 42 was shipped to the warehouse")
    for sample in SAMPLES:
        assert secret_finder.may_hold(f"{sample.name}={sample.text}".encode())


@pytest.mark.parametrize(
    ("token", "details"),
    [
        (jwt({"alg": "HS256"}, {"exp": 1750000000}), "HS256-exp1750000000"),
        (jwt({"alg": "none"}, {"exp": 1750000000.5}), "none-exp1750000000"),
        (jwt({"alg": "ES256"}, {"sub": "1"}), "ES256"),
        (jwt({"alg": "x]y z:"}, {"exp": "soon"}), "xyz"),
        (jwt({"typ": "JWT"}, {"sub": "1"}), None),
        (jwt({"alg": 5}, {"sub": "1"}), None),
        ("eyJhIjoxfQ.eyJiIjoyfQ.c", None),
        ("eyJ\xff.eyJ", None),
    ],
)
def test_a_jwt_is_decoded(token: str, details: str | None) -> None:
    assert secret_values.jwt_details(token.encode("latin-1")) == details


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_no_bytes_break_what_looks_into_values(raw: bytes) -> None:
    secret_values.jwt_details(b"eyJ" + raw)
    secret_values.jwt_details(raw + b"." + raw)
    assert secret_values.is_basic(raw) in {True, False}
    assert secret_values.is_encoded_key(raw) in {True, False}
    assert 0.0 <= secret_values.entropy(raw) <= 8.0


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *[(name, True) for name in ("password", "dbPassword", "MYSQL_PWD", "api_key", "PAGERDUTY_TOKEN", "SYNCTHING_API_KEY", "x-auth-token")],
        *[(name, False) for name in ("nextPageToken", "next_page_token", "csrf_token", "csrftoken", "syncToken", "tokens", "max_token")],
        *[(name, False) for name in ("compass", "bypass", "passed", "secretName", "password_file", "\ud800", "", "cancellationToken")],
    ],
)  # fmt: skip
def test_a_name_says_secret(name: str, secret: bool) -> None:
    assert secret_finder.names_a_secret(name) is secret
    masked = masking.mask(f"{name}=aB3xY7kQ9zLm2Pw8 next")
    assert ("aB3xY7kQ9zLm2Pw8" not in masked) is secret


def test_every_kind_is_in_the_document() -> None:
    text = (Path(__file__).parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
    assert [kind for kind in sorted({rule.kind for rule in RULES}) if f"`{kind}`" not in text] == []
