"""Where a trace begins, which lines above it are its own, and what names it."""

from __future__ import annotations

import pytest

from tests.sources.logs.lines import AT_MS, line
from tools.sources.logs.traces import Assembler, Trace
from tools.sources.logs.window import Window
from tools.sources.logs.window_state import Template

RECORD = "2025-06-15 10:00:00,623 [main] INFO     orders: after pool"
LOGGED = """2025-06-15 10:00:00,123 - orders - ERROR - no stock
Traceback (most recent call last):
  File "/app/a.py", line 3, in f
    g()
ValueError: 12"""
ENDED = """Traceback (most recent call last):
  File "/app/orders.py", line 78, in <module>
    raise e
Boom: order 17 has no lines"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/app/a.py", line 3, in <module>
  |     raise group
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +------------------------------------"""
FATAL = "[Nest] 28823  - 11/29/2026, 4:51:27 AM   FATAL [Orders] the schema is older than the code"
QUOTED = """/app/orders.js:18
 rej(){Promise.reject(new Error('mail not sent'));return 1}
                      ^

Error: mail not sent
    at C.rej (/app/orders.js:15:23)

Node.js v20.20.2"""
UNFORMATTED = """--- Logging error ---
Traceback (most recent call last):
  File "/usr/lib/python3.11/logging/__init__.py", line 377, in getMessage
    msg = msg % self.args
TypeError: %d format: a real number is required, not str"""
WARNED = "/app/orders.py:45: DeprecationWarning: old api\n  warnings.warn('old api',DeprecationWarning)"


def traces_of(texts: list[str]) -> list[str]:
    assembler, found = Assembler(), []
    for number, text in enumerate(texts, 1):
        found += assembler.feed(line(text, number))
    return [item.text for item in [*found, *assembler.close()] if isinstance(item, Trace)]


def templates_of(texts: list[str]) -> list[Template]:
    window = Window((), AT_MS)
    for number, text in enumerate(texts, 1):
        for item in window.fold(line(text, number)):
            window.take(item)
    for item in window.settle(AT_MS, final=True):
        window.take(item)
    return window.touched()


@pytest.mark.parametrize(
    ("head", "text"),
    [
        pytest.param(FATAL, QUOTED, id="node-quotes-its-code"),
        pytest.param("ERROR:orders:the disk is full", UNFORMATTED, id="python-cannot-log"),
        pytest.param(f"ERROR:orders:the disk is full\n{WARNED}", UNFORMATTED, id="python-warns"),
        pytest.param(LOGGED, GROUP, id="a-group-behind-a-trace"),
        pytest.param(f"{LOGGED}\n{RECORD}", ENDED, id="a-trace-behind-a-record"),
    ],
)
def test_what_has_a_beginning_of_its_own_is_not_below_the_error_before_it(head: str, text: str) -> None:
    found = traces_of([*head.split("\n"), *text.split("\n")])
    assert text in found
    assert len(found) == 1 + head.count("Traceback")


@pytest.mark.parametrize(("level", "verdicts"), [("WARN", ["warn"]), ("INFO", []), ("ERROR", ["trace"])])
def test_frames_that_a_logger_of_go_adds_are_a_trace_below_an_error_alone(
    level: str, verdicts: list[str]
) -> None:
    text = f"2026-11-29T05:02:48.220Z\t{level}\tapp/main.go:7\tno stock\nmain.flow\n\t/app/main.go:7\nmain.main\n\t/app/main.go:14"
    assert [template.verdict for template in templates_of(text.split("\n"))] == verdicts


@pytest.mark.parametrize(
    ("thrown", "template"),
    [
        ("TypeError: mail not sent\n    at f (/app/a.js:8:41)", "TypeError: mail not sent"),
        ("just a string\n(Use `node --trace-uncaught ...` to show where the exception was thrown)", "just a string"),
        ("{ code: 'E_STOCK', msg: 'no stock' }", "{ code: 'E_STOCK', msg: 'no stock' }"),
        ("[AggregateError: all failed] {\n  [errors]: [\n    Error: a\n        at f (/app/a.js:9:68)\n  ]\n}", "AggregateError: all failed"),
    ],
    ids=["error", "string", "object", "group"],
)  # fmt: skip
def test_what_node_ends_on_is_named_by_what_was_thrown(thrown: str, template: str) -> None:
    text = f"/app/a.js:8\nthrow new TypeError('mail not sent')\n^\n\n{thrown}\n\nNode.js v20.20.2"
    [found] = templates_of(text.split("\n"))
    assert (found.verdict, found.template, found.trace) == ("trace-fatal", template, text)
