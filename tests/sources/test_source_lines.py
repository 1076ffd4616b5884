"""Lines are counted as editors count them: a character that Unicode calls a line's end moves no evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.code.trees import index_of
from tools.sources.source_lines import lines_of

ENDS = "\u2028\u2029\x85\x0b\x1c"
NAMES = {
    "a.js": f"// {ENDS}\nstart(process.env.X_KEY);\n",
    "a.py": f"import os  # {ENDS}\nX = os.environ['X_KEY']\n",
    "a.go": f'package main // {ENDS}\nvar x = os.Getenv("X_KEY")\n',
    ".env": f"# {ENDS}\nX_KEY=1\n",
    "README.md": f"{ENDS}\nSet `X_KEY`.\n",
    "Dockerfile": f"# {ENDS}\nENV X_KEY=1\n",
    "compose.yaml": "# \u2028 \x85\nservices: {web: {image: x, environment: {X_KEY: '1'}}}\n",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\n", ["a"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("a\n\n", ["a", ""]),
        (f"a{ENDS}b\nc", [f"a{ENDS}b", "c"]),
        ("a\rb\n", ["a\rb"]),
    ],
)
def test_a_line_feed_ends_a_line_and_nothing_else(text: str, expected: list[str]) -> None:
    assert lines_of(text) == expected


@pytest.mark.parametrize("name", NAMES)
def test_evidence_is_the_line_that_says_it(name: str, tmp_path: Path) -> None:
    index = index_of(tmp_path, {name: NAMES[name]})
    said = [(use.line, use.text) for use in index.uses if use.name == "X_KEY"]
    said += [(fact.line, fact.text) for fact in index.facts if fact.name == "X_KEY"]
    assert said
    assert all(line == 2 and "X_KEY" in text for line, text in said)
