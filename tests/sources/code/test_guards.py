"""Reads of variables that the program makes only where it has found the variable, and those that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, found
from tools.detectors.config import missing_env_var

GUARDED = {
    "a test by get": ("a.py", 'if os.environ.get("X_KEY"):\n    init(os.environ["X_KEY"])\n'),
    "a test by in": ("a.py", 'if "X_KEY" in os.environ:\n    f(os.environ["X_KEY"])\n'),
    "a conditional": ("a.py", 'a = os.environ["X_KEY"] if "X_KEY" in os.environ else "d"\n'),
    "a handler": ("a.py", 'try:\n    a = int(os.environ["X_KEY"])\nexcept KeyError:\n    a = 4\n'),
    "an early return": ("a.py", 'def f():\n    if "X_KEY" not in os.environ:\n        return None\n    return os.environ["X_KEY"]\n'),
    "an if in JavaScript": ("a.js", "if (process.env.X_KEY) init(process.env.X_KEY);\n"),
    "a ternary": ("a.js", "const a = process.env.X_KEY ? f(process.env.X_KEY) : null;\n"),
    "a number with a fallback": ("a.js", "const a = parseInt(process.env.X_KEY, 10) || 3000;\n"),
    "an and": ("a.js", "process.env.X_KEY && f(process.env.X_KEY);\n"),
    "an early return in JavaScript": ("a.js", "function f() { if (!process.env.X_KEY) return; start(process.env.X_KEY); }\n"),
}  # fmt: skip
NEEDED = {
    "bare": ("a.py", 'a = os.environ["X_KEY"]\n'),
    "a test of another": ("a.py", 'if "Y_KEY" in os.environ:\n    f(os.environ["X_KEY"])\n'),
    "a longer name": ("a.py", 'if "X_KEY_OLD" in os.environ:\n    f(os.environ["X_KEY"])\n'),
    "a test that raises": ("a.py", 'if "X_KEY" not in os.environ:\n    raise ValueError("X_KEY")\na = os.environ["X_KEY"]\n'),
    "a handler that raises": ("a.py", 'try:\n    a = os.environ["X_KEY"]\nexcept KeyError as e:\n    raise SystemExit(1) from e\n'),
    "a handler of something else": ("a.py", 'try:\n    a = int(os.environ["X_KEY"])\nexcept OSError:\n    a = 4\n'),
    "another function": ("a.py", 'if "X_KEY" in os.environ:\n    def f():\n        pass\na = os.environ["X_KEY"]\n'),
    "a number without a fallback": ("a.js", "const a = parseInt(process.env.X_KEY, 10) + 3000;\n"),
    "bare in JavaScript": ("a.js", "start(process.env.X_KEY);\n"),
    "an if that throws": ("a.js", "if (!process.env.X_KEY) throw new Error('x');\nstart(process.env.X_KEY);\n"),
}  # fmt: skip


def _told(name: str, code: str, root: Path) -> list[str]:
    head = "import os\n" if name.endswith(".py") else ""
    files = {".env": "A_KEY=1\n", "package.json": '{"name": "a"}', name: head + code}
    return [symptom.entity[1] for symptom in found(missing_env_var, Case(files), root)]


@pytest.mark.parametrize(("name", "code"), GUARDED.values(), ids=GUARDED.keys())
def test_a_read_behind_a_test_of_its_variable_is_not_required(name: str, code: str, tmp_path: Path) -> None:
    assert _told(name, code, tmp_path) == []


@pytest.mark.parametrize(("name", "code"), NEEDED.values(), ids=NEEDED.keys())
def test_a_variable_that_is_needed_is_told(name: str, code: str, tmp_path: Path) -> None:
    assert _told(name, code, tmp_path) == ["X_KEY"]
