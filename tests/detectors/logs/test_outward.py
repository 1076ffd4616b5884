"""Answers that show the inside of a service, and runs of agents that went wrong: what is one, and what only looks like it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detectors.logs.test_rules import stats, told, view
from tests.sources.logs.lines import AT_MS, line
from tools import agent_runs
from tools.detectors.logs import agent_run, path_exposure
from tools.findings.model import LogCategory, Severity
from tools.outward_text import exposed, may_answer
from tools.sources.logs.window import Window

EXPOSED = (
    json.dumps({"level": 30, "msg": "response", "statusCode": 500, "body": {"error": "ENOENT: no such file or directory, open '/srv/app/config/prod.json'"}}),
    json.dumps({"level": 30, "msg": "sent", "res": {"statusCode": 500, "body": '{"message":"boom","stack":"Error: boom\\n    at save (/usr/src/app/store.js:12:5)"}'}}),
    json.dumps({"level": "info", "responseBody": "Traceback (most recent call last):\n  File \"/app/api.py\", line 3, in get\nKeyError: 'id'", "status": 500}),
    json.dumps({"level": 50, "msg": 'replied 500 {"error":"Cannot find module \'/app/dist/orders.js\'"}'}),
    json.dumps({"level": 30, "response": '{"exception":"java.lang.NullPointerException","trace":"at com.acme.orders.Api.get(Api.java:41)"}'}),
    'INFO response body: {"error":"failed to open /home/node/app/secrets.yaml"}',
    'responded with 500: {"message":"x is not a function","stack":"TypeError: x is not a function\\n    at handler (/app/src/orders.ts:44:11)"}',
    '2025-06-15T10:00:00Z DEBUG sent 500 body={"detail":"File \\"/srv/orders/main.py\\", line 12, in get, error"}',
    'returned 502 to client: {"error": "unexpected token in /opt/shop/config.yml"}',
    'INFO sending response payload {"error":"panic","trace":"goroutine 12 [running]"}',
    'HTTP/1.1 500 Internal Server Error {"error":"EACCES: permission denied, open \'/var/www/shop/.cache/x.db\'"}',
    '{"level":30,"msg":"reply","reply":{"data":"System.Exception: x at Acme.Api.Get() in C:\\\\src\\\\Api.cs:line 12"}}',
    '{"level":30,"status":500,"resBody":"<pre>Error: x<br> &nbsp; at /app/server/index.js:3:9</pre>"}',
    '{"level":30,"status":"' + "9" * 5000 + '","body":"Error: x at /app/server/index.js:3:9"}',
)  # fmt: skip
NOT_EXPOSED = (
    '10.0.0.1 - - [15/Jun/2025:10:00:00 +0000] "GET /app/main.js HTTP/1.1" 404 12',
    "GET /app/main.js 500 3.1 ms - 12",
    "returned 404 for /app/main.js",
    "ERROR cannot open /srv/app/config.json",
    "Error: boom\n    at save (/usr/src/app/store.js:12:5)",
    '{"level":50,"msg":"boom","err":{"stack":"Error: boom\\n    at save (/app/store.js:12:5)"}}',
    '{"level":30,"msg":"request","body":{"error":"cannot open /home/me/x.json"},"method":"POST"}',
    '{"level":30,"msg":"upload","request":{"body":"error at /app/x.js:1:2"}}',
    'INFO received response body: {"error":"cannot open /srv/app/x.json"} from upstream',
    'got a response 500 from payments: {"error":"at f (/app/x.js:1:2)"}',
    'INFO request body: {"stack":"Error at /app/x.js"}',
    '{"level":30,"msg":"response","statusCode":200,"body":{"path":"/app/users/1"}}',
    '{"level":30,"msg":"response","statusCode":500,"body":{"error":"internal","correlationId":"c-1"}}',
    '{"level":30,"msg":"response","statusCode":200,"body":{"file":"/data/export.json","ok":true}}',
    'responded with 500: {"error":"not found"}',
    '{"level":30,"msg":"sent","res":{"statusCode":200,"body":{"traceId":"4bf92f35","file":"/data/reports/2025-06.json"}}}',
    '{"level":30,"msg":"sent","statusCode":200,"body":{"error":null,"file":"/data/reports/2025-06.json"}}',
    'INFO response body: {"items":[{"file":"/home/u/error-report.json"}]}',
    "loaded configuration /etc/app/app.yaml and /srv/app/x.yaml",
    "serving /var/www/html/index.html",
    '{"level":30,"msg":"static","path":"/usr/src/app/public/app.js","status":304}',
    "response sent in 12 ms",
    "compiled /app/src/response.ts: body was unused",
    "webpack built /app/dist/main.js",
    '{"level":30,"msg":"response","status":200,"body":"see https://docs.example.test/app/errors.json"}',
)  # fmt: skip
SAFETY = (
    "agent run 12 finished, safety score 0.72",
    '{"level":30,"msg":"run finished","agent":"planner","safetyScore":0.84}',
    '{"level":30,"agentId":"a-1","safety_score": "0.2"}',
    "INFO agent planner: safety score dropped to 0.5",
    'level=info msg="agent done" agent_id=7 safety_score=0.1',
    '{"agent":"x","evaluation":{"safety":{"score":0.3}}}',
)
TIMEOUT = (
    "agent task 12 timed out after 301 s",
    "WARN agent planner: task timed out after 6 minutes",
    '{"level":40,"msg":"task timed out","agent":"planner","durationMs":300001}',
    "agent run exceeded its time limit, took 400s",
    "agent job 7 timeout: elapsed 0.5 h, run given up",
)
RETRIES = (
    "agent run 12: retry limit reached",
    "WARN agent planner hit max retries reached for tool search",
    '{"level":40,"msg":"max iterations reached","agent":"planner"}',
    "agent task failed: retries exhausted",
    "agent 7 gave up after 5 attempts",
    "agent exceeded the retry limit",
)
NO_RUN = (
    "agent run 12 finished, safety score 0.85",
    "agent run 12 finished, safety score 1.0",
    "agent: minimum safety score 0.5",
    "agent: safety score threshold is 0.85",
    "agent: safety score 0.7 required",
    "agent safety score 85 %",
    "agent safety score: 72",
    "driver safety score 0.4",
    "safety score 0.2 of vehicle 12",
    "agent task 12 timed out after 300 s",
    "agent task timed out after 30 s",
    "agent task timeout is 600 s, after 12 steps done",
    "request timed out after 900 s",
    "agent timeout set to 10 min",
    "Agent worker started, task timeout: 600s",
    '{"level":"info","msg":"agent runner configured","task":"x","timeout":600000}',
    "INFO agent run 12 finished before timeout, took 400 s",
    "agent run stops when the retry limit is reached",
    "agent: retry limit not reached",
    "agent: retry limit is 5",
    "max retries reached for order 12",
    "user agent curl/8.1, retries 3",
    "agent started",
    '{"level":30,"agent":"planner","safetyScore":null}',
    '{"level":30,"agent":"planner","safetyScore":0.97,"msg":"run finished"}',
)


@pytest.mark.parametrize("text", EXPOSED)
def test_an_answer_that_shows_the_inside_is_told(text: str) -> None:
    assert may_answer(text)
    assert exposed(text) is not None
    [symptom] = told(path_exposure, view(stats("told", text)))
    assert (symptom.rule.category, symptom.rule.severity) == (LogCategory.SECURITY, Severity.MEDIUM)


@pytest.mark.parametrize("text", NOT_EXPOSED)
def test_a_path_or_a_stack_in_a_log_is_no_answer(text: str) -> None:
    assert exposed(text) is None


@pytest.mark.parametrize(
    ("text", "category"),
    [(text, LogCategory.SECURITY) for text in SAFETY]
    + [(text, LogCategory.TIMEOUT) for text in TIMEOUT]
    + [(text, LogCategory.RETRY_STORM) for text in RETRIES],
)
def test_a_run_that_went_wrong_is_told(text: str, category: LogCategory) -> None:
    [symptom] = told(agent_run, view(stats("told", text)))
    assert (symptom.category, symptom.rule.severity) == (category, Severity.HIGH)


@pytest.mark.parametrize("text", NO_RUN)
def test_a_run_within_its_limits_or_no_run_is_nothing(text: str) -> None:
    assert agent_runs.told(text) is None


@pytest.mark.parametrize("text", [*EXPOSED, *SAFETY, *TIMEOUT, *RETRIES])
def test_such_a_line_reaches_the_rules(text: str) -> None:
    window = Window((), AT_MS)
    for item in [*window.fold(line(text)), *window.settle(AT_MS, final=True)]:
        window.take(item)
    assert len(window.touched()) == 1


def test_scores_of_one_template_are_judged_each_by_its_figure() -> None:
    window = Window((), AT_MS)
    for number, score in enumerate(("0.97", "0.91", "0.42", "0.99"), 1):
        for item in window.fold(line(f"agent run {number} finished, safety score {score}", number)):
            window.take(item)
    [template] = window.touched()
    assert (template.total, template.example.line) == (1, 3)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=120) | st.sampled_from(EXPOSED + SAFETY + TIMEOUT),
    st.text(max_size=6),
    st.integers(0, 60),
)
def test_no_line_makes_them_fail(text: str, put: str, at: int) -> None:
    changed = text[:at] + put + text[at:]
    assert exposed(changed) is None or isinstance(exposed(changed), str)
    assert exposed(changed) is None or may_answer(changed) or "\\u" in changed
    assert agent_runs.told(changed) is None or agent_runs.told(changed) is not None
