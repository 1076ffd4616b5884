"""Retry storms, and busy services that only look like one."""

from __future__ import annotations

import pytest

from tests.detectors.logs.test_rules import stats, told, view
from tests.sources.logs.lines import AT_MS, line
from tools.detectors.logs import retry_storm

STORMS = (
    "WARN connect ECONNREFUSED 10.0.0.1:6379, retrying in 100 ms (attempt 4)",
    "ERROR cannot store order 12",
    '{"level":40,"msg":"reconnecting to redis","attempt":7}',
    '{"level":50,"msg":"publish failed, retry","err":{"code":"ETIMEDOUT"}}',
    "Retrying request to inventory: attempt 3",
    'level=warn msg="redis: connection lost, reconnecting" retry=3',
    '{"level":40,"msg":"call failed, retrying","method":"POST","url":"/charge","status":503,"attempt":2}',
    "[10:00:00 WRN] Retry 3 of 5 after 200 ms",
)
BUSY = (
    '10.0.0.1 - - [15/Jun/2025:10:00:00 +0000] "GET /a HTTP/1.1" 500 1 "-" "-"',
    '{"level":50,"msg":"request errored","req":{"method":"GET","url":"/a"},"res":{"statusCode":500},"responseTime":12}',
    '{"level":40,"msg":"request completed","req":{"method":"POST","url":"/a"},"res":{"statusCode":404},"responseTime":3}',
    '{"level":"error","ts":1749981600.1,"logger":"http.log.access","msg":"handled request","request":{"method":"GET","uri":"/a"},"status":502,"duration":0.1}',
    '{"level":"warn","method":"GET","path":"/orders","status":429,"duration_ms":1}',
    'level=error msg="served" method=GET path=/orders status=500 duration=12ms',
    '{"severity":"ERROR","httpRequest":{"requestMethod":"GET","status":500},"message":"x"}',
    'ERROR:    10.0.0.1:5 - "GET /a HTTP/1.1" status=500',
)


def burst(text: str, verdict: str = "error") -> bool:
    record = line(text)
    times = tuple(AT_MS + 100 * number for number in range(30))
    seen = stats(
        verdict, record.message or text, total=30, new=30, times_ms=times, first=record, example=record
    )
    return bool(told(retry_storm, view(seen)))


@pytest.mark.parametrize("text", STORMS)
def test_a_storm_is_told(text: str) -> None:
    assert burst(text)


@pytest.mark.parametrize("text", BUSY)
def test_a_busy_service_is_none(text: str) -> None:
    assert not burst(text)


def test_a_dump_of_memory_is_no_storm() -> None:
    assert not burst("2091:M 29 Nov 2026 05:03:17.909 # (<*>) -> <*>", "warn")
    assert burst("2091:M 29 Nov 2026 05:03:17.909 # Connection lost", "warn")
