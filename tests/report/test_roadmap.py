"""What a roadmap item quotes of its evidence."""

from __future__ import annotations

import pytest

from tests.synthesis.made import log_finding
from tools.report.context import prepare
from tools.report.sections import roadmap
from tools.synthesis.session_data import SessionData

PYTHON = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'amount'"
THREAD = f"Exception in thread worker:\n{PYTHON}"
NODE = "TypeError: x is not a function\n    at f (a.js:1:1)"


@pytest.mark.parametrize(
    ("evidence", "quoted"),
    [
        pytest.param(PYTHON, "KeyError: 'amount'", id="a trace that ends with its error"),
        pytest.param(THREAD, "KeyError: 'amount'", id="of a thread"),
        pytest.param(NODE, "TypeError: x is not a function", id="a trace that begins with it"),
        pytest.param("it failed\nand more", "it failed", id="other lines"),
    ],
)
def test_an_item_quotes_the_line_that_names_the_error(evidence: str, quoted: str) -> None:
    data = SessionData(session_id="s", findings=(log_finding(1, "BUG", evidence=evidence),))
    (item,) = roadmap.build(prepare(data, 0))
    assert item.evidence == f"logs/a.log:1: {quoted}"
