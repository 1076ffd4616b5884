"""The labelled set: invented secrets that are valid in format, what logs put around them, and look-alikes.

Everything that a scanner could take for a leak is put together at run time.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

RANDOM = random.Random(5)
WORD = string.ascii_letters + string.digits
LETTERS = string.ascii_letters
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
BASE32 = string.ascii_uppercase + "234567"
URLSAFE = WORD + "-_"
HEX = "0123456789abcdef"


def of(alphabet: str, length: int) -> str:
    """Random characters, with a letter and a digit at its ends where the alphabet has both."""
    text = [RANDOM.choice(alphabet) for _ in range(length)]
    letters, digits = set(alphabet) & set(LETTERS), set(alphabet) & set(string.digits)
    if letters and digits and length > 1:
        text[0], text[-1] = RANDOM.choice(sorted(letters)), RANDOM.choice(sorted(digits))
    return "".join(text)


def uuid() -> str:
    """A random UUID."""
    return "-".join(of(HEX, length) for length in (8, 4, 4, 4, 12))


def unpadded(data: object) -> str:
    """JSON in base64url, as in a JWT."""
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


def basic(user: str, password: str) -> str:
    """Credentials of basic authentication."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def jwt(header: dict[str, object], claims: dict[str, object]) -> str:
    """A token with an invented signature."""
    return f"{unpadded(header)}.{unpadded(claims)}.{of(URLSAFE, 43)}"


def pem(name: str = "RSA ", newline: str = "\n") -> str:
    """A private key of invented characters."""
    body = [of(WORD + "+/", 64) for _ in range(4)] + [of(WORD, 22) + "=="]
    return newline.join(
        ["-----BEGIN " + name + "PRIVATE KEY-----", *body, "-----END " + name + "PRIVATE KEY-----"]
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """A secret. `text` is what is logged under `name`; `secret` the part of it that must go."""

    kind: str
    text: str
    secret: str
    name: str = "value"


def _token(kind: str, *parts: str) -> Sample:
    text = "".join(parts)
    return Sample(kind, text, text)


def _named(name: str, value: str, kind: str = "secret-value") -> Sample:
    return Sample(kind, value, value, name)


PASSWORD = "hunter2" + "!Zq9"
TOKENS: tuple[Sample, ...] = (
    _token("aws-access-key", "AK", "IA", of(BASE32, 16)),
    _token("aws-access-key", "AS", "IA", of(BASE32, 16)),
    _token("aws-session-token", "IQoJb3JpZ2lu", of(WORD, 200), "=="),
    _token("aws-bedrock-key", "AB", "SK", of(WORD, 128)),
    _token("google-api-key", "AI", "za", of(URLSAFE, 33), "x7"),
    _token("google-oauth-token", "ya", "29.", of(URLSAFE, 60)),
    _token("google-refresh-token", "1/", "/0", of(URLSAFE, 60)),
    _token("google-client-secret", "GOC", "SPX-", of(WORD, 28)),
    _token("azure-client-secret", of(WORD, 3), "8", "Q~", of(WORD, 34)),
    _token("azure-devops-token", of(WORD, 76), "AZ", "DO", of(WORD, 4)),
    _token("azure-redis-key", of(WORD, 33), "Az", "CaB", of(WORD, 5), "="),
    _token("digitalocean-token", "do", "p_v1_", of(HEX, 64)),
    _token("digitalocean-token", "do", "o_v1_", of(HEX, 64)),
    _token("cloudflare-token", "cf", "ut_", of(WORD, 48)),
    _token("heroku-key", "HR", "KU-AA", of(URLSAFE, 58)),
    _token("flyio-token", "fo", "1_", of(URLSAFE, 43)),
    _token("netlify-token", "nf", "p_", of(WORD, 36)),
    _token("vercel-token", "vc", "p_", of(WORD, 56)),
    _token("github-token", "gh", "p_", of(WORD, 36)),
    _token("github-token", "gh", "s_", of(WORD, 36)),
    _token("github-app-token", "gh", "s_12345_", jwt({"alg": "ES256"}, {"iss": "x", "exp": 1750000000})),
    _token("github-pat", "github", "_pat_", of(WORD, 22), "_", of(WORD, 59)),
    _token("gitlab-token", "gl", "pat-", of(WORD, 20)),
    _token("gitlab-token", "gl", "pat-", of(URLSAFE, 27), ".01.", of(LOWER, 9)),
    _token("gitlab-token", "gl", "dt-", of(WORD, 20)),
    _token("bitbucket-token", "AT", "BB", of(WORD, 32)),
    _token("atlassian-token", "AT", "ATT3", of(WORD, 180), "=", of(UPPER, 8)),
    _token("npm-token", "np", "m_", of(WORD, 36)),
    _token("pypi-token", "pypi", "-AgEIcHlwaS5vcmc", of(URLSAFE, 120)),
    _token("rubygems-key", "rubygems", "_", of(HEX, 48)),
    _token("dockerhub-token", "dckr", "_pat_", of(WORD, 27)),
    _token("circleci-token", "CCI", "PAT_", of(WORD, 22), "_", of(HEX, 40)),
    _token("buildkite-token", "bk", "ua_", of(HEX, 40)),
    _token("terraform-token", of(WORD, 14), ".atlas", "v1.", of(WORD, 67)),
    _token("vault-token", "hv", "s.", of(WORD, 90)),
    _token("doppler-token", "dp", ".pt.", of(WORD, 43)),
    _token("pulumi-token", "pu", "l-", of(HEX, 40)),
    _token("postman-key", "PM", "AK-", of(HEX, 24), "-", of(HEX, 34)),
    _token("slack-token", "xox", "b-", of(string.digits, 12), "-", of(string.digits, 13), "-", of(WORD, 24)),
    _token("slack-token", "xoxe", ".xoxp-1-", of(WORD, 160)),
    _token("slack-app-token", "xa", "pp-1-A0123456789-", of(string.digits, 13), "-", of(HEX, 64)),
    Sample("slack-webhook", "https://hooks." + "slack.com/services/T0AAAA1/B0BBBB2/" + "Zx9" * 8, "T0AAAA1/B0BBBB2/" + "Zx9" * 8),
    Sample("discord-webhook", "https://discord" + ".com/api/webhooks/123456789012345678/" + (made := of(URLSAFE, 68)), made),
    _token("discord-token", "M", of(WORD, 23), ".", of(WORD, 6), ".", of(WORD, 38)),
    _token("telegram-bot-token", of(string.digits, 10), ":", "AA", of(WORD, 33)),
    _token("sendgrid-key", "S", "G.", of(WORD, 22), ".", of(WORD, 43)),
    _token("mailgun-key", "ke", "y-", of(HEX, 32)),
    _token("mailchimp-key", of(HEX, 32), "-us", "14"),
    _token("brevo-key", "xkey", "sib-", of(HEX, 64), "-", of(WORD, 16)),
    _token("resend-key", "r", "e_", of(WORD, 8), "_", of(WORD, 24)),
    _token("twilio-key", "S", "K", of(HEX, 32)),
    _token("stripe-key", "sk", "_live_", of(WORD, 24)),
    _token("stripe-key", "rk", "_test_", of(WORD, 99)),
    _token("stripe-webhook-secret", "wh", "sec_", of(WORD, 32)),
    _token("paypal-token", "access", "_token$production$", of(LOWER, 16), "$", of(HEX, 32)),
    _token("plaid-token", "access", "-production-", uuid()),
    _token("shopify-token", "shp", "at_", of(HEX, 32)),
    _token("square-token", "sq0", "atp-", of(WORD, 22)),
    _token("square-token", "EA", "AA", of(URLSAFE, 60)),
    _token("anthropic-key", "sk-", "ant-api03-", of(WORD, 95)),
    _token("openai-key", "sk-", "proj-", of(WORD, 74), "T3Blbk", "FJ", of(WORD, 73)),
    _token("openai-key", "sk-", of(WORD, 48)),
    _token("openrouter-key", "sk-", "or-v1-", of(HEX, 64)),
    _token("langsmith-key", "ls", "v2_pt_", of(HEX, 32), "_", of(HEX, 10)),
    _token("groq-key", "gs", "k_", of(WORD, 52)),
    _token("xai-key", "xa", "i-", of(WORD, 80)),
    _token("perplexity-key", "pp", "lx-", of(WORD, 48)),
    _token("huggingface-token", "h", "f_", of(LETTERS, 34)),
    _token("replicate-token", "r", "8_", of(WORD, 37)),
    _token("pinecone-key", "pc", "sk_", of(WORD, 6), "_", of(WORD, 60)),
    _token("databricks-token", "da", "pi", of(HEX, 32)),
    _token("planetscale-token", "pscale", "_tkn_", of(WORD, 43)),
    _token("supabase-token", "sb", "p_", of(HEX, 40)),
    _token("newrelic-key", "NR", "AK-", of(UPPER, 27)),
    _token("newrelic-license-key", of(HEX, 36), "NR", "AL"),
    _token("grafana-token", "gl", "sa_", of(WORD, 32), "_", of(HEX, 8)),
    _token("grafana-cloud-token", "gl", "c_", base64.b64encode(of(WORD, 60).encode()).decode()),
    _token("sentry-token", "sntry", "u_", of(HEX, 64)),
    _token("dynatrace-token", "dt0", "c01.", of(BASE32, 24), ".", of(BASE32, 64)),
    _token("tailscale-key", "ts", "key-auth-", of(WORD, 17), "-", of(WORD, 32)),
    _token("linear-key", "lin", "_api_", of(WORD, 40)),
    _token("notion-token", "nt", "n_", of(WORD, 46)),
    _token("figma-token", "fi", "gd_", of(URLSAFE, 40)),
    _token("airtable-token", "pa", "t", of(WORD, 14), ".", of(HEX, 64)),
    _token("contentful-token", "CF", "PAT-", of(URLSAFE, 43)),
    _token("hubspot-token", "pa", "t-na1-", uuid()),
    _token("age-key", "AGE-SECRET", "-KEY-1", of(BASE32, 58)),
    _token("cloudflare-origin-key", "v1", ".0-", of(HEX, 24), "-", of(HEX, 146)),
    _token("alibaba-access-key", "LT", "AI", of(WORD, 20)),
    _token("gitlab-runner-token", "GR", "1348941", of(WORD, 20)),
    _token("crates-token", "ci", "o", of(WORD, 32)),
    _token("nuget-key", "oy", "2", of(LOWER, 43)),
    _token("sonar-token", "sq", "u_", of(HEX, 40)),
    _token("onepassword-token", "ops", "_eyJ", of(WORD, 300)),
    _token("snyk-token", "snyk", "_uat.", of(HEX, 8), ".", of(URLSAFE, 60)),
    Sample("teams-webhook", "https://acme.webhook." + "office.com/webhookb2/" + (made := uuid() + "@" + uuid()), made),
    _token("intercom-token", "dG9", "rOj", of(WORD, 56), "="),
    _token("flutterwave-key", "FLW", "SECK-", of(HEX, 32), "-X"),
    _token("langfuse-key", "sk-", "lf-", uuid()),
    _token("nvidia-key", "nv", "api-", of(URLSAFE, 64)),
    _token("elevenlabs-key", "s", "k_", of(HEX, 48)),
    _token("neon-key", "na", "pi_", of(LOWER, 64)),
    _token("mongodb-atlas-secret", "mdb", "_sa_sk_", of(WORD, 40)),
    _token("clickup-token", "p", "k_1234567_", of(UPPER, 32)),
    _token("typeform-token", "tf", "p_", of(URLSAFE, 44)),
    _token("dropbox-token", "s", "l.", of(URLSAFE, 138)),
    _token("jwt", jwt({"alg": "HS256", "typ": "JWT"}, {"sub": "42", "exp": 1750000000})),
    _token("jwt", jwt({"alg": "RS256", "kid": "a1"}, {"iss": "https://id.test/", "aud": ["api"]})),
    Sample("azure-sas-signature", "https://acct.blob.core.windows.net/c/f?sv=2024&sig=" + (made := of(WORD, 40)) + "%3D", made),
    Sample("signed-url", "https://b.s3.test/k?X-Amz-Signature=" + (made := of(HEX, 64)), made),
    Sample("url-credentials", f"redis://default:{(made := of(WORD, 14))}@cache:6379/0", made),
    Sample("url-credentials", f"postgres://app:{(made := of(WORD, 14))}@db.internal/orders", made),
    Sample("url-credentials", f"amqps://svc:{(made := of(WORD, 20))}@mq:5671/%2F", made),
    Sample("url-credentials", f"mongodb+srv://svc:{(made := of(WORD, 20))}@c0.test/db", made),
)  # fmt: skip
"""Known by their own format: they may stand anywhere."""

NAMED: tuple[Sample, ...] = (
    _named("password", of(WORD, 14), "password"),
    _named("db_password", of(WORD, 12), "password"),
    _named("redisPassword", of(WORD, 24), "password"),
    _named("MYSQL_PWD", of(WORD, 14), "password"),
    _named("requirepass", of(HEX, 40), "password"),
    _named("passphrase", of(WORD, 20), "password"),
    _named("password_confirmation", of(WORD, 12), "password"),
    _named("aws_secret_access_key", of(WORD, 40)),
    _named("client_secret", of(URLSAFE, 32)),
    _named("apiKey", of(HEX, 32)),
    _named("X-Api-Key", of(WORD, 40)),
    _named("DD_API_KEY", of(HEX, 32)),
    _named("DD_APPLICATION_KEY", of(HEX, 40)),
    _named("CLOUDFLARE_API_TOKEN", of(WORD, 40)),
    _named("TWILIO_AUTH_TOKEN", of(HEX, 32)),
    _named("HEROKU_API_KEY", uuid()),
    _named("integration_key", of(HEX, 32)),
    _named("PAGERDUTY_TOKEN", of(WORD, 20)),
    _named("AccountKey", of(WORD, 86) + "=="),
    _named("access_token", of(URLSAFE, 64)),
    _named("refreshToken", of(URLSAFE, 64)),
    _named("x-auth-token", of(WORD, 32)),
    _named("session_id", of(HEX, 32)),
    _named("SECRET_KEY_BASE", of(HEX, 128)),
    Sample("bearer-token", "Bearer " + (made := of(URLSAFE, 40)), made, "Authorization"),
    Sample("bearer-token", "Token token=" + (made := of(WORD, 20)), made, "Authorization"),
    Sample("basic-credentials", "Basic " + (made := basic("ann", "Pa55" + "w0rd!x")), made, "authorization"),
    Sample("private-key", (made := pem()), made, "privateKey"),
    Sample("vault-unseal-key", "Unseal Key 1: " + (made := of(WORD, 43)) + "=", made, "output"),
    Sample("private-key", (made := pem("")), made, "key"),
    Sample("private-key", (made := pem("OPENSSH ")), made, "identity"),
)
"""Known by the name before them, or by what they are wrapped in."""
SAMPLES = TOKENS + NAMED

STAMP = "2025-06-01T10:00:00.123Z"
Frame = Callable[[str, str], str]
CONTEXTS: dict[str, Frame] = {
    "logfmt": lambda name, text: f'level=error ts={STAMP} msg="call failed" {name}={_logfmt(text)} took=3ms',
    "json": lambda name, text: json.dumps({"level": 50, "msg": "rejected", name: text, "n": 1}),
    "compact-json": lambda name, text: json.dumps({"level": 50, name: text, "n": 1}, separators=(",", ":")),
    "json-in-json": lambda name, text: json.dumps({"msg": "body " + json.dumps({"id": 7, name: text}), "n": 1}),
    "json-in-json-in-json": lambda name, text: json.dumps({"a": json.dumps({"b": json.dumps({name: text})})}),
    "url-encoded": lambda name, text: f"POST /login body=id%3D7%26{name}%3D{quote(text, safe='')}%26x%3D1 401",
    "query": lambda name, text: f'10.0.0.1 - - [x] "GET /v1?id=7&{name}={quote(text, safe="")}&page=2 HTTP/1.1" 200 5',
    "url-encoded-json": lambda name, text: "payload=" + quote(json.dumps({"id": 7, name: text}), safe=""),
    "headers": lambda name, text: f"> GET /v1/orders HTTP/1.1\\r\\n> {name}: {_one_line(text)}\\r\\n> Accept: */*",
    "header-array": lambda name, text: f"rawHeaders: [ 'Host', 'api.test', '{name}', '{_one_line(text)}', 'Accept' ]",
    "env": lambda name, text: f"PATH=/usr/bin\n{name}={_one_line(text)}\nHOME=/root",
    "stack-trace": lambda name, text: f'Error: cannot connect ({name}="{_one_line(text)}")\\n    at run (/app/a.js:1:2)',
    "python-repr": lambda name, text: f"DEBUG config is {{'id': 7, {name!r}: {text!r}, 'port': 6379}}",
    "python-call": lambda name, text: f"Client(host='db', {name.replace('-', '_')}={text!r}, port=1)",
    "yaml": lambda name, text: f"server:\n  {name}: {json.dumps(text)}\n  port: 80\n",
    "xml": lambda name, text: f"<config><{name}>{text}</{name}><port>1</port></config>",
    "html": lambda name, text: f"{{&quot;{name}&quot;:&quot;{_one_line(text)}&quot;}}",
    "node": lambda name, text: f"{{ id: 7, '{name}': '{_one_line(text)}', ok: false }}",
}  # fmt: skip


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n")


def _logfmt(text: str) -> str:
    return json.dumps(text) if any(char in text for char in ' "=\n') else text


def written(context: str, secret: str) -> tuple[str, ...]:
    """How a secret may stand in a text of that context: as it is, escaped or URL-encoded."""
    return (secret, quote(secret, safe=""), secret.replace("\n", "\\n"), json.dumps(secret)[1:-1])


LOOK_ALIKES: dict[str, str] = {
    # digests, identifiers, binary data
    "uuid": "request 550e8400-e29b-41d4-a716-446655440000 done",
    "sha1": "built from 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "git-range": "Updating 9fceb02..37d430e fast-forward, HEAD 3ce3b31f00c24325c0f7e49ccd37d430e9fceb02",
    "sha256": "image sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sha512-integrity": "integrity sha512-" + base64.b64encode(bytes(range(64))).decode(),
    "md5": "etag d41d8cd98f00b204e9800998ecf8427e",
    "etag-header": 'ETag: W/"33a64df551425fcc55e4d42a148795d9f25f89d4", If-None-Match: "686897696a7c876b7e"',
    "traceparent": "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "trace-id": 'level=info trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7 msg="ok"',
    "message-id": "acked 1748771234567-0 of orders:created",
    "amzn-trace": "X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678",
    "image": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAA",
    "object-id": '{"_id":"507f1f77bcf86cd799439011","shard":"rs0"}',
    "pod": "Created pod: orders-worker-7d9f8b6c54-x2x9z on ip-10-0-12-7.eu-west-1.compute.internal",
    "arn": "assumed arn:aws:iam::123456789012:role/orders-prod and arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-x1Y2z3",
    "windows-sid": "user sid=S-1-5-21-3623811015-3361044348-30300820-1013 logged on",
    "message-sid": "sent sms sid: SM0123456789abcdef0123456789abcdef to=+15550001",
    "bignum": "offset=18446744073709551615 ts=1748771234567890123",
    "hex-dump": "00000010  4b f9 2f 35 77 b3 4d a6  a3 ce 92 9d 0e 0e 47 36  |K./5w.M.......G6|",
    "address": "panic at 0x7f3a2c0018f0 (token=0x7f3a2c0018f0)",
    "public-key": "-----BEGIN PUBLIC KEY----- is fine",
    "certificate": "-----BEGIN CERTIFICATE----- MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa -----END CERTIFICATE-----",
    "ssh-public": "Accepted publickey for ann: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
    "fingerprint": "RSA SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDabhgDpAbEY7g2w3E",
    "kafka-cluster": "Cluster ID: lkc-2f6Zr0kQRuO3nLqk2Yz7Xg, controller epoch=17",
    "webpack": "chunk main.8f3c1a9be0d24c57.js 1.2 MB [initial] [rendered]",
    "docker-id": "Started container 4f66ad9a0b2e6e9b6a2cd0a3c1f6a8c3a5f8ad7e6a0b1c2d3e4f5a6b7c8d9e0f",
    # counters and settings whose names hold the words
    "token-count": '{"usage":{"input_tokens":4096,"max_tokens":100000,"completion_tokens":31}}',
    "token-metric": "tokens=123 tokens_total 4711 cache_read_tokens: 99123456",
    "max-tokens": "model=x max_tokens=128000000 temperature=0.1",
    "token-bucket": "rate limiter token_bucket=orders-api-eu refill=12345/s",
    "token-type": '{"token_type":"Bearer","expires_in":3600,"scope":"read write"}',
    "test-counts": "suites: pass=1204 fail=3 skip=12; pass: 99",
    "key-value": "cache key=orders:42:items ttl=300",
    "keys": '{"key":"user:1234567890:cart","primary_key":"id1234567890abc","partitionKey":"eu-west-17"}',
    "routing-key": 'routing_key=orders.created.v1 exchange="events" routingKey: "payments.refund.issued.2024"',
    "idempotency": "Idempotency-Key: 550e8400-e29b-41d4-a716-446655440000",
    "idempotency-hex": "idempotency_token=4bf92f3577b34da6a3ce929d0e0e4736",
    "public-key-name": '{"publicKey":"AAAAB3NzaC1yc2EAAAADAQABAAABgQC7","keyId":"4bf92f3577b34da6"}',
    "next-page": '{"nextPageToken":"CAUQAA9x88812341234abcdef"}',
    "continuation": "continuationToken=eyJ2IjoxLCJrIjoib3JkZXJzIn0xMjM0 nextToken: 9x88812341234abcdef",
    "sync-token": '{"syncToken":"CPDAlvWDx70CEPDAlvWDx70CGAU="}',
    "cancellation": "cancellationToken: 4bf92f3577b34da6a3ce929d0e0e4736 fired",
    "csrf-name": "csrf_token=4bf92f3577b34da6a3ce929d0e0e4736",
    "password-length": "password_min_length=12 passwordPolicy=strong password_attempts: 3",
    "session-uuid": "sessionId=550e8400-e29b-41d4-a716-446655440000 opened",
    "session-of-a-database": '{"pid":483,"session_id":"6b0baf81.1e3","line_num":1,"session_start":"2026-11-29 04:52:17 UTC"}',
    "secret-name": "secretName: orders-tls-secret",
    "secret-ref": '{"secretKeyRef":{"name":"orders-db","key":"password"}}',
    "secret-path": "secret: /run/secrets/db",
    "secret-version": "using client_secret=orders-db-credentials-v2 of the vault",
    "pwd": "PWD=/srv/app/releases/20240101 OLDPWD=/root",
    "compass": "compass=north12345 bypass=allowed99 surpass: yes12345",
    "author": "author=Jane12345678 authority=eu-west-1a-12345678 authorized: true",
    # placeholders and what is masked already
    "placeholder": "password=${DB_PASSWORD} secret=<hidden> token=***",
    "redacted": 'password=[REDACTED] token=<redacted> apiKey: "********" secret="xxxxxxxx"',
    "filtered": 'Parameters: {"user"=>"ann", "password"=>"[FILTERED]", "token"=>"[FILTERED]"}',
    "template": "password={{ vault_password }} token=%(token)s secret={secret} api_key=@Value(key)",
    "statement": "UPDATE users SET password=@password, secret=:secret, password=@p1, password=$1, password='%s' WHERE id=%s",
    "windows": "set DB_PASSWORD=%PASSWORD% and password: @Microsoft.KeyVault(SecretUri=x) and password=my-password",
    "shell": "export API_KEY=$API_KEY DB_PASSWORD=${DB_PASSWORD:-} TOKEN=$(cat /run/token)",
    "your": 'api_key="your-api-key-here" password="changeme" secret=replace_me_please1',
    "partly-shown": 'api_key=sk-****1234 token=ghp_**** apiKey="AIza***************xyz" password: "a***9"',
    "redacted-more": 'password="[REDACTED 12 chars]" token="[Filtered:sha1ab12]" secret="hidden by policy" password="<hidden, 14 chars>"',
    "cut-template": 'password="${DB_PASS" secret="{{ vault.pass" apiKey="<your key"',
    "two-templates": 'password="${USER}-${ENV}" token="{{ .Values.token }}" secret="%(secret)s"',
    "example-words": 'password="example-password" api_key="your-api-key-example" url redis://:example@cache',
    "documented-aws": "AWS_ACCESS_KEY_ID=AKIA" + "IOSFODNN7EXAMPLE aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "documented-github": "set GITHUB_TOKEN=ghp" + "_" + "x" * 36,
    "null": "password=null token=None secret=undefined api_key=''",
    "masked": "token=[masked:jwt:0123456789ab] and [masked:password] and [masked:github-token:ghp_:0123456789ab]",
    "url-stars": "redis://default:***@cache:6379/0 and postgres://app:<password>@db/x and amqp://u:${PASS}@mq",
    # prose, code and formats
    "token-word": "token: expired",
    "token-refreshed": "access_token refreshed for user 42",
    "unexpected-token": "SyntaxError: Unexpected token: punc (}) in JSON at position 1234567890",
    "password-prose": "password: incorrect",
    "password-form": '{"password":"must be at least 8 characters"}',
    "password-reset": "Password reset requested for user 42; password: required",
    "bearer-prose": "missing bearer authentication in header; Bearer realm=orders, error=invalid_token",
    "basic-prose": "basic authentication required; Basic realm=orders",
    "www-authenticate": 'WWW-Authenticate: Bearer realm="api", error="invalid_token", error_description="The token is expired"',
    "sigv4-name": "authorization: AWS4-HMAC-SHA256",
    "python-source": "    client = Redis(host=host, password=self.password, token=config.token)",
    "python-call": "    password=getpass(prompt), token=generate_token(user), secret=os.environ['SECRET']",
    "js-source": "    const token = await getToken(); const password = process.env.DB_PASSWORD;",
    "go-struct": "{User:ann Password:<nil> Token: Expires:0}",
    "typescript": "interface Login { password: string; token?: string; secret: boolean }",
    "curl-no-user": "curl -s -u https://api.test/v1/orders and docker run -u 1000:1000 app",
    "mysql-no-password": "mysql --port=3306 --protocol=tcp -h db orders",
    "no-password": "redis://cache:6379/0 and https://example.test:8443/path@v2",
    "user-only": "ssh://git@github.com/org/repo.git git@github.com:org/repo.git",
    "sentry-dsn": "dsn https://4bf92f3577b34da6a3ce929d0e0e4736@o1.ingest.sentry.io/42",
    "npm-scope": "npm warn deprecated @types/express@4.17.21 npm_config_cache=/root/.npm npm_lifecycle_event=start",
    "version": "express@4.18.2 node v20.11.1",
    "ip": "peer 10.0.0.12:51234 fe80::1ff:fe23:4567:890a",
    "stripe-public": "stripe pk_live_" + "51H8abcDEFghiJKLmnoPQRst customer cus_NffrFeUfNV2Hib charge ch_3Ln3fO2eZvKYlo2C",
    "eyj-base64": "state=eyJhIjoxfQ cursor eyJvZmZzZXQiOjEwMH0.eyJsaW1pdCI6NTB9",
    "kebab": "task-force sk-learn-pipeline-orders-2024 desk-top-monitor-arms risk_live_orders hf_orders_topic",
    "redis-commands": 'AUTH failed: WRONGPASS invalid username-password pair; "AUTH" "(redacted)"',
    "http-basic-path": "GET /basic/YWJjZGVmZ2g= 200",
    "lock-token": "released lock orders:42 fencing token 1234567890123456",
    "job-lock": '{"jobId":"42","lockToken":"7b1c2a1e-0c35-4a39-93df-6a5b6d4d7d1c:0","token":"550e8400-e29b-41d4-a716-446655440000:17"}',
    "token-moment": "token: 2026-11-28T08:00:00.123Z",
    "requirepass-prose": 'requirepass is set, masterauth not configured, requirepass "" refused',
    "requirepass-told": "the --requirepass option is missing, use --requirepass when needed, config set requirepass not supported",
    "requirepass-head": "requirepass configured",
    "acl-listed": "user default on nopass sanitize-payload ~* &* +@all, user app on #2d9c75273d72b32df726fb545c8a4edc ~* -@all",
    "acl-prose": "user bob moved on > next page, user count > 5, user ann on >",
    "auth-listed": "tags: [ 'auth', 'users' ], \"roles\":[\"auth\",\"login\"], { name: 'auth', args: [] }, { name: 'get', args: [ 'orders:12ab' ] }",
    "redis-auth-told": "redis_auth: enabled, REDIS_AUTH=true, redis-auth=none, redis.auth: required",
    "valkey-cli-help": "valkey-cli -h cache -p 6379 ping",
    "validation-list": '{"errors":{"password":["must be at least 8 characters"],"token":["is invalid"],"secret":["can\'t be blank, 2 left"]}}',
    "validation-words": '{"password":["required","min8"],"apiKey":["too_short"],"authorization":["missing"]}',
    "value-of-a-field": '{"field":"password","value":"missing"}, {"name":"password","value":"text"}, <input name="password" value="">',
    "value-from": '{"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"name":"db","key":"password1"}}}',
    "pattern-of-a-password": "password: [a-zA-Z0-9]{8,} token: [A-Z0-9], cookies: [a, b1]",
    "token-ids": '{"token":[101,2023,2003],"tokens":["un","believ","able1"]}',
    "escaped-url-no-password": '{"url":"http:\\/\\/es:9200\\/a:b@c","docs":"https:\\u002f\\u002fredis.io\\u002fdocs"}',
    "passed": "pass: 12/12 tests pass: 12, pass=99.5% pass: 3:14",
    "analytics-cookie": "Cookie: _ga=GA1.2.1234567890.1748779200; _gid=GA1.2.987654321.1748779200",
    "resume-token": "resumeToken: 8264A1B2C3000000012B0229296E04, ack_token=1748779200000-0ab",
    "lock-tokens": '{"lockToken":"a1b2c3d4e5f6a7b8c9d0e1f2"} lease_token=a1b2c3d4e5f6a7b8 fencingToken: 9f8e7d6c5b4a39281706',
    "lock-token-said": "released lock token: a1b2c3d4e5f6a7b8c9d0, lease token=a1b2c3d4e5f6a7b8c9d0, next page token: 9x88812341234abcdef",
    "keys-of-places": 'dataKey=orders2024summary storageKey=user1234cartItems99 dataKey="value1234abcd" hostKey=ip10a0a0a12',
    "keys-of-callers": "client_key=acme01prod99 clientKey=7f3a9b2c1d4e5f60 client_key: web-frontend-2024a serviceKey=billing2v3 consumer_key=shop24worker7",
    "keys-of-contents": "storageKey=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 data_key: 4bf92f3577b34da6a3ce929d0e0e4736",
    "session-key-name": 'sessionKey="agent:main:orders2024abcd1234" session_key=orders2024abcd1234',
    "auth-sent": "Command: AUTH failed, command: auth login --user x1, sending AUTH request, Sending command: AUTH, query: AUTH required",
    "auth-methods": "server --auth basic --port 1, tool --auth=oauth2 --auth token, --auth scram-sha-256, --auth htpasswd, --auth https://idp.test/v1",
    "args-of-others": "Command [type=XADD, args=[orders, a1b2c3d4]] name=AUTH service=auth-v2 args=none",
    "password-for-prose": "Password for ann: incorrect, password for user 42: changed, Password for 'https://ann@github.com': , password of bob: ok",
    "validation-codes": '{"password":["too_short","min8","must_have_1_digit"],"passwords":["required","minLength12"],"secrets":["db-x1-tls","redis-7f-tls"]}',
    "secret-lists": 'secrets=[orders-db, payments-db2], credentials: [aws, gcp2], tokens=[12, 13], passwords: [], tokens: ["a", "b1"]',
    "resp-other": "*2\\r\\n$3\\r\\nGET\\r\\n$9\\r\\norders:12\\r\\n and AUTH\\r\\n",
    "sql-prose": "the user gave PASSWORD '' to role app, CREATE USER app PASSWORD NULL, alter role app with password '[redacted]', invalid password 'x1y2z3'",
    "monitor-redacted": '1750000000.1 [0 127.0.0.1:5] "AUTH" "(redacted)", "AUTH" "(redacted)" "(redacted)"',
    "pass-words": "user_pass: required, authPass=true dbPass=${DB_PASS} encompass=north12345 trespass: yes12345 key-file-pass is not set",
    "generated-prose": "a password was generated for ann: see the vault, password for the elastic user: changed, Unseal Key 1 of 5 was given",
    "node-auth-route": "{ name: 'auth', path: '/login', args: [ 'a' ] }, plugins: [ 'auth', 'orders' ]",
    "ulid-session": '{"sessionId":"01HZX3K9Q8ZJ3V5T7R2N4M6P8A"} session_id: 01HZX3K9Q8ZJ3V5T7R2N4M6P8B',
    "port-and-mail": "elastic http://es:9200;mail:a@b.c ws://host:3000,admin@x and http://es:9200|ops@b.c",
    "password-is-invalid": "password is invalid12, the passwd was unknown3",
    "auth-prose": "AUTH v2.1.0 started, AUTH LOGIN required, AUTH token_expired_at 2024-05-05T10:00:00Z",
    "auth-served": "AUTH GET /v1/users/42 served, [AUTH] request req-8f3a9b2c1d accepted, AUTH service-7f9c8d6b5-x2x4z up",
    "password-is-prose": "password is case-sensitive, password is incorrect, password was changed/removed, pwd is /srv/app1",
    "password-long": "password is 12345678 characters long; password set to expire on 2026-05-05T10:00:00Z",
    "elastic": '{"took":5,"_shards":{"total":5},"scroll_id":"none","pit":"off"}',
    "cert-serial": "serial=4B:F9:2F:35:77:B3:4D:A6 issuer=CN=orders-ca",
    "cookie-theme": "cookie: theme=dark; consent=yes; lang=en",
    "set-cookie": "set-cookie: lang=en; Path=/; Max-Age=31536000; SameSite=Lax",
}  # fmt: skip
"""Whole texts in which nothing is a secret."""
