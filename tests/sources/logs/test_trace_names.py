"""What traces and requests are called: in the words of what failed, without what stands before them on their line."""

from __future__ import annotations

import json

import pytest

from tests.sources.logs.lines import AT_MS, line, templates_of

FRAME = "\n    at handle (/app/orders.js:3:47)"
GO_FRAMES = "main.flow\n\t/app/main.go:7\nmain.main\n\t/app/main.go:14"
PYTHON = (
    'Traceback (most recent call last):\n  File "/app/a.py", line 15, in flow\nBoom: order 17 has no lines'
)


def pino(message: str, kind: str, said: str) -> str:
    error = {"type": kind, "message": said, "stack": f"{kind}: {said}{FRAME}"}
    return json.dumps({"level": 50, "time": AT_MS, "err": error, "msg": message})


@pytest.mark.parametrize(
    ("text", "template"),
    [
        pytest.param(f"[2026-11-29T04:58:09.776] [ERROR] orders - Error: no stock{FRAME}", "Error: no stock", id="log4js"),
        pytest.param(f"[Nest] 288  - 11/29/2026, 4:51:27 AM   ERROR [Orders] Error: no stock{FRAME}", "Error: no stock", id="nest"),
        pytest.param(f"2026-11-29T04:58:11.052Z app:error Error: no stock{FRAME}", "app:error Error: no stock", id="debug"),
        pytest.param(f"2026/11/29 05:02:48 http: panic serving 127.0.0.1:3: no lines\ngoroutine 6 [running]:\n{GO_FRAMES}", "http: panic serving <*> no lines", id="go-http"),
        pytest.param(f"2026-11-29T05:02:48.220Z\tERROR\tapp/main.go:7\tno stock\n{GO_FRAMES}", "no stock", id="zap-console"),
        pytest.param(json.dumps({"level": "error", "msg": "no stock", "stacktrace": GO_FRAMES}), "no stock", id="zap"),
        pytest.param(pino("no stock", "Error", "no stock"), "Error: no stock", id="pino-error"),
        pytest.param(pino("cannot store", "TypeError", "no stock"), "cannot store | TypeError: no stock", id="pino-message"),
        pytest.param(json.dumps({"event": "cannot store", "level": "error", "exception": PYTHON}), "cannot store | Boom: order <*> has no lines", id="structlog"),
        pytest.param("SEVERE: cannot store\njava.lang.IllegalStateException: closed\n\tat a.B.c(B.java:4)", "cannot store | java.lang.IllegalStateException: closed", id="java-util-logging"),
    ],
)  # fmt: skip
def test_a_trace_is_named_by_what_was_said_and_thrown(text: str, template: str) -> None:
    assert [found.template for found in templates_of(text)] == [template]


def test_the_trace_in_a_record_of_loguru_is_one() -> None:
    record = {
        "level": {"name": "ERROR", "no": 40},
        "message": "cannot store",
        "time": {"timestamp": AT_MS / 1000},
    }
    thrown = {"type": "Boom", "value": "order 17 has no lines", "traceback": True}
    text = f"2026-11-29 04:55:45.634 | ERROR | a:flow:15 - cannot store\n{PYTHON}\n"
    [found] = templates_of(json.dumps({"text": text, "record": record | {"exception": thrown}}))
    assert (found.verdict, found.template) == ("trace", "cannot store | Boom: order <*> has no lines")
    [found] = templates_of(json.dumps({"text": text[:59] + "\n", "record": record | {"exception": None}}))
    assert (found.verdict, found.template) == ("error", "cannot store")


def test_an_error_that_was_logged_without_words_says_its_own() -> None:
    record = line(
        json.dumps({"level": "ERROR", "error": {"name": "Error", "message": "no stock", "stack": []}})
    )
    assert record.message == "no stock"
