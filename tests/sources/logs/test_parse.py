"""Lines in all the formats that services write, and none that makes the parser fail."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.logs.engine.blocks import batches
from tests.sources.logs.lines import lines_of
from tools.clock import from_iso
from tools.sources.logs.engine.batch import clean
from tools.sources.logs.parse import Parsed, decode, parse, stack_of

ARRIVED_MS = from_iso("2025-06-15T12:00:00.000Z")
UTC_MS = from_iso("2025-06-15T10:00:00.123Z")


def local_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


CASES = {
    "pino": (f'{{"level":50,"time":{UTC_MS},"pid":1,"msg":"boom","reqId":"r-1"}}', Parsed("json", "ERROR", UTC_MS, "boom", "r-1")),
    "pino-60": ('{"level":60,"msg":"x"}', Parsed("json", "FATAL", None, "x")),
    "bunyan": ('{"name":"a","level":40,"msg":"w","time":"2025-06-15T10:00:00.123Z","v":0}', Parsed("json", "WARN", UTC_MS, "w")),
    "winston": ('{"level":"error","message":"m","timestamp":"2025-06-15T10:00:00.123Z"}', Parsed("json", "ERROR", UTC_MS, "m")),
    "python-json": ('{"asctime":"2025-06-15 10:00:00,123","levelname":"CRITICAL","message":"m"}', Parsed("json", "FATAL", local_ms("2025-06-15 10:00:00.123"), "m")),
    "zap": ('{"level":"warn","ts":1749981600.123,"msg":"m","trace_id":"t"}', Parsed("json", "WARN", UTC_MS, "m", "t")),
    "zerolog": ('{"level":"debug","time":1749981600,"message":"m"}', Parsed("json", "DEBUG", UTC_MS - 123, "m")),
    "gcp": ('{"severity":"NOTICE","message":"m"}', Parsed("json", "INFO", None, "m")),
    "nested-id": ('{"level":30,"req":{"id":"r9"},"msg":"m"}', Parsed("json", "INFO", None, "m", "r9")),
    "docker": ('{"log":"ERROR bad\\n","stream":"stderr","time":"2025-06-15T10:00:00.123456789Z"}', Parsed("text", "ERROR", UTC_MS, "bad")),
    "logfmt": ('time=2025-06-15T10:00:00.123Z level=warn msg="slow \\"q\\"" request_id=r-17', Parsed("logfmt", "WARN", UTC_MS, 'slow \\"q\\"', "r-17")),
    "logfmt-last": ("ts=1749981600.123 caller=a.go:1 lvl=eror msg=x", Parsed("logfmt", "ERROR", UTC_MS, "x")),
    "python": ("2025-06-15 10:00:00,123 - orders - ERROR - no stock", Parsed("text", "ERROR", local_ms("2025-06-15 10:00:00.123"), "no stock")),
    "python-basic": ("ERROR:orders:no stock", Parsed("text", "ERROR", None, "no stock")),
    "blue-gene": (
        "- 1117838570 2005.06.03 R02-M1-N0-C:J12-U11 2005-06-03-15.42.50.675872 R02-M1-N0-C:J12-U11 RAS KERNEL INFO cache error corrected",
        Parsed("text", "INFO", local_ms("2005-06-03 15:42:50.676"), "cache error corrected"),
    ),
    "db2": ("2025-06-15-10.00.00.123456 I1234E385 PID : 7", Parsed("text", None, local_ms("2025-06-15 10:00:00.123"))),
    "a build's name": ("deployed shop-2025-06-15-10.00.00 to host 10.11.12.13", Parsed()),
    "log4j": ("2025-06-15 10:00:00.123 [main] WARN  com.acme.Foo - m", Parsed("text", "WARN", local_ms("2025-06-15 10:00:00.123"), "m")),
    "bracketed": ("[2025-06-15T10:00:00.123Z] [error] m", Parsed("text", "ERROR", UTC_MS, "m")),
    "klog": ("E0615 10:00:00.123456       1 a.go:56] m", Parsed("klog", "ERROR", local_ms("2025-06-15 10:00:00.123456"), "m")),
    "klog-year": ("I1231 23:59:59.000000       1 a.go:56] m", Parsed("klog", "INFO", local_ms("2024-12-31 23:59:59"), "m")),
    "syslog": ("Jun 15 10:00:00 host app[12]: m", Parsed("syslog", None, local_ms("2025-06-15 10:00:00"), "m")),
    "nginx-error": ("2025/06/15 10:00:00 [error] 12#0: *1 upstream", Parsed("text", "ERROR", local_ms("2025-06-15 10:00:00"), "upstream")),
    "go": ("2025/06/15 10:00:00 order 12", Parsed("text", None, local_ms("2025-06-15 10:00:00"))),
    "redis": ("1:M 15 Jun 2025 10:00:00.123 * Ready", Parsed("text", "INFO", local_ms("2025-06-15 10:00:00.123"), "Ready")),
    "access": ('10.0.0.1 - - [15/Jun/2025:10:00:00 +0000] "GET /error HTTP/1.1" 502 12 "-" "x"', Parsed("access", None, UTC_MS - 123, None, None, 502)),
    "haproxy": (
        '127.0.0.1:39714 [15/Jun/2025:10:00:00.123] f slow/s1 0/0/0/-1/1001 504 198 - - sH-- 1/1/0/0/0 0/0 "GET /slow HTTP/1.1"',
        Parsed("access", None, local_ms("2025-06-15 10:00:00.123"), None, None, 504),
    ),
    "morgan": ("GET /orders/12 404 3.1 ms - 12", Parsed("access", None, None, None, None, 404)),
    "uvicorn": ('INFO:     127.0.0.1:5 - "POST /a HTTP/1.1" 500 Internal', Parsed("text", "INFO")),
    "npm": ("npm ERR! code ELIFECYCLE", Parsed("text", None)),
    "prose": ("the word ERROR far behind in a line of words", Parsed("text", None)),
    "counted": ("found 0 ERROR lines", Parsed("text", None)),
    "time-of-an-order": ("Processing order created at 2025-05-30T10:00:00Z", Parsed("text", None)),
    "range": ("backfilling range 2025-05-01 00:00:00 .. 2025-05-02 00:00:00", Parsed("text", None)),
    "named-first": ("orders  | 2025-06-15T10:00:00.123Z m", Parsed("text", None, UTC_MS)),
    "date-of-an-order": ('{"event":"order.created","date":"2025-05-30T10:00:00Z"}', Parsed("json", None, None, "order.created")),
    "date-of-a-record": ('{"level":"info","msg":"m","date":"2025-06-15T10:00:00.123Z"}', Parsed("json", "INFO", UTC_MS, "m")),
    "go-zero-time": ('{"level":"info","time":"0001-01-01T00:00:00Z","msg":"m"}', Parsed("json", "INFO", None, "m")),
    "last-year-of-all": ("9999-12-31T23:59:59-14:00 ERROR m", Parsed("text", "ERROR", None, "m")),
    "time-only": ("12:00:01 started", Parsed("text", None)),
    "frame": ("    at ERROR (x.js:1:2)", Parsed()),
    "empty": ("", Parsed()),
    "huge-time": ('{"level":50,"time":1' + "0" * 400 + ',"msg":"m"}', Parsed("json", "ERROR", None, "m")),
    "not-json": ('{"level":50,', Parsed("text", None)),
    "status-of-no-digits": ('10.0.0.1 - - [x] "GET /a HTTP/1.1" \u00b2\u00b2\u00b2 12', Parsed("text", None)),
}  # fmt: skip
UNJUDGED = {"uvicorn", "npm"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [pytest.param(*case, id=name) for name, case in CASES.items() if name not in UNJUDGED],
)
def test_a_line_tells_level_time_message_and_id(text: str, expected: Parsed) -> None:
    assert parse(text, ARRIVED_MS) == expected


@pytest.mark.parametrize(
    "data",
    [
        '{"err":{"type":"E","stack":"E: x\\n    at f (/a.js:1:2)"}}', '{"stack":"E: x\\n    at f (/a.js:1:2)"}',
        '{"error":{"stack_trace":["E: x","    at f (/a.js:1:2)"]}}', '{"exc_info":"E: x\\n    at f (/a.js:1:2)"}',
    ],
)  # fmt: skip
def test_a_stack_is_found_in_the_field_of_each_logger(data: str) -> None:
    found = decode(data)
    assert found is not None
    assert stack_of(found) == "E: x\n    at f (/a.js:1:2)"


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=300), st.sampled_from([case[0].encode() for case in CASES.values()])),
    st.binary(max_size=4),
)
def test_no_bytes_make_it_fail(data: bytes, tail: bytes) -> None:
    text = clean(data[: len(data) // 2] + tail + data[len(data) // 2 :])
    assert "\x1b" not in text
    assert "\x00" not in text
    assert parse(text, ARRIVED_MS).level in {None, "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"}


def test_what_a_line_escaped_is_masked_in_its_message_too() -> None:
    secret = "hunter2!Zq99"
    [batch] = batches([rb'{"level":"error","msg":"cannot connect p\u0061ssword=' + secret.encode() + b'"}\n'])
    [record] = lines_of(batch)
    assert record.message is not None
    assert secret not in record.message
    assert record.message.startswith("cannot connect password=[masked:")


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("[2025-06-15 15:06:40 +0000] [12] [INFO] x", "+00:00"),
        ("2025-06-15 15:06:40.000 +02:00 [INF] x", "+02:00"),
        ("2025-06-15 15:06:40.000 UTC [17] LOG:  x", "+00:00"),
        ("x 2025-06-15 15:06:40 GMT y", "+00:00"),
        ("2025-06-15 15:06:40Z x", "+00:00"),
        ("2025-06-15 15:06:40 Zone 7", "-04:00"),
        ("x 2025-06-15 15:06:40 Zone 7", "-04:00"),
        ("2025-06-15 15:06:40 -1234 ms", "-04:00"),
        ("2025-06-15 15:06:40 -12 ms", "-04:00"),
        ("2025-06-15 15:06:40 - x", "-04:00"),
        ("2025-06-15 15:06:40 -2025-06", "-04:00"),
    ],
)
def test_a_zone_behind_a_blank_is_the_times_own(text: str, zone: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        found = parse(text, ARRIVED_MS).event_ms
    time.tzset()
    assert found == local_ms(f"2025-06-15T15:06:40{zone}")


def test_escape_sequences_leave_the_text() -> None:
    assert clean(b"\x1b[31mERROR\x1b[0m bad\x00\r") == "ERROR bad"
