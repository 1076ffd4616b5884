"""Traces and lines of healthy services: stopped by hand, a client's mistakes, what a shell prints before it runs it."""

from __future__ import annotations

import json

import pytest

from tests.sources.logs.lines import AT_MS, templates_of

BODY_PARSER = """SyntaxError: Expected property name or '}' in JSON at position 1
    at JSON.parse (<anonymous>)
    at parse (/app/node_modules/body-parser/lib/types/json.js:93:21) {
  expose: true,
  statusCode: 400,
  status: 400,
  body: '{bad',
  type: 'entity.parse.failed'
}"""
PEER = """AxiosError: Request failed with status code 404
    at settle (/app/node_modules/axios/lib/core/settle.js:19:12) {
  code: 'ERR_BAD_REQUEST',
  status: 404
}"""
DENIED = """Forbidden (Permission denied): /den
Traceback (most recent call last):
  File "/app/lib/django/core/handlers/exception.py", line 55, in inner
    response = get_response(request)
  File "/app/site/urls.py", line 5, in den
    def den(r): raise PermissionDenied
django.core.exceptions.PermissionDenied"""
STOPPED = """Traceback (most recent call last):
  File "/app/worker.py", line 88, in <module>
    time.sleep(2)
KeyboardInterrupt"""
CANCELLED = """Exception in callback StreamReaderProtocol.connection_made.<locals>.callback(<Task cancelled>) at /usr/lib/python3.11/asyncio/streams.py:246
handle: <Handle StreamReaderProtocol.connection_made.<locals>.callback>
Traceback (most recent call last):
  File "/usr/lib/python3.11/asyncio/events.py", line 80, in _run
    self._context.run(self._callback, *self._args)
  File "/app/lib/hypercorn/asyncio/run.py", line 105, in _server_callback
    await TCPServer(app, loop, config, context, reader, writer)
asyncio.exceptions.CancelledError"""
ENDED_CANCELLED = """Traceback (most recent call last):
  File "/app/worker.py", line 12, in <module>
    asyncio.run(main())
asyncio.exceptions.CancelledError"""
GROUP = """{} Exception in ASGI application
  + Exception Group Traceback (most recent call last):
  |   File "/app/lib/starlette/_utils.py", line 77, in collapse_excgroups
  |     yield
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/fast.py", line 29, in <lambda>
    | KeyError: 'k'
    +------------------------------------"""
GROUP_ENDED = GROUP.partition("\n")[2].replace("line 77, in collapse_excgroups", "line 9, in <module>")
PRINTED = """Traceback (most recent call last):
  File "/app/lib/celery/worker/consumer.py", line 824, in on_task_received
    strategy = strategies[type_]
KeyError: 'cel.gone'"""
CHILD = """Traceback (most recent call last):
  File "/usr/lib/python3.11/multiprocessing/process.py", line 314, in _bootstrap
    self.run()
ValueError: 12"""


def verdicts_of(text: str) -> list[str]:
    return [template.verdict for template in templates_of(text)]


def fastify(level: int, status: int) -> str:
    error = {
        "type": "FastifyError",
        "message": "Body is not valid JSON",
        "stack": "FastifyError: Body is not valid JSON\n    at f (/app/node_modules/fastify/lib/errors.js:5:9)",
        "code": "FST_ERR_CTP_INVALID_JSON_BODY",
        "name": "FastifyError",
        "statusCode": status,
    }
    return json.dumps(
        {"level": level, "time": AT_MS, "reqId": "req-9", "err": error, "msg": "Body is not valid"}
    )


@pytest.mark.parametrize(
    ("text", "verdicts"),
    [
        pytest.param(BODY_PARSER, [], id="body-parser"),
        pytest.param(BODY_PARSER.replace(": 400", ": 500"), ["trace"], id="body-parser-our-fault"),
        pytest.param(PEER, ["trace"], id="a-peer-answered-404"),
        pytest.param(fastify(30, 400), [], id="fastify"),
        pytest.param(fastify(30, 500), ["trace"], id="fastify-our-fault"),
        pytest.param(fastify(50, 400), ["trace"], id="fastify-at-error"),
        pytest.param(DENIED, [], id="django"),
        pytest.param(f"2025-06-15 10:00:00,123 ERROR {DENIED}", ["trace"], id="django-at-error"),
        pytest.param(STOPPED, [], id="stopped"),
        pytest.param(CANCELLED, [], id="cancelled"),
        pytest.param(f"2025-06-15 10:00:00,123 ERROR {CANCELLED}", [], id="cancelled-at-error"),
        pytest.param(ENDED_CANCELLED, ["trace-fatal"], id="cancelled-to-the-end"),
        pytest.param(GROUP.format("ERROR:   "), ["trace"], id="a-group-of-a-request"),
        pytest.param(GROUP_ENDED, ["trace-fatal"], id="a-group-that-ended-it"),
        pytest.param(PRINTED, ["trace"], id="printed-by-somebody"),
        pytest.param(CHILD, ["trace-fatal"], id="of-a-child-process"),
        pytest.param("+ grep -c error /var/log/app.log", [], id="a-command"),
        pytest.param("++ test -n 'FATAL: no such host'", [], id="a-command-inside"),
        pytest.param("sh: line 10:  6195 Killed                  bash -c work", ["error"], id="its-outcome"),
    ],
)
def test_what_is_no_fault_of_the_service_is_nothing(text: str, verdicts: list[str]) -> None:
    assert verdicts_of(text) == verdicts
