"""Reads of variables that the program makes only where it has found the variable, and those that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, found
from tools.detectors.config import missing_env_var

_GO = 'package main\n\nimport "os"\n\nfunc main() {\n\t%s\n}\n'
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
    "a default that is set first": ("a.py", 'os.environ.setdefault("X_KEY", "a")\nb = os.environ["X_KEY"]\n'),
    "a value that is set first": ("a.py", 'os.environ["X_KEY"] = "1"\nf(os.environ["X_KEY"])\n'),
    "a name in a test": ("a.py", 'if (key := os.getenv("X_KEY")) is not None:\n    use(key)\n'),
    "None on purpose": ("a.py", 'a = os.environ.get("X_KEY", None)\n'),
    "a helper without a default": ("a.py", 'def opt(name, default=None):\n    return os.environ.get(name, default)\na = opt("X_KEY")\n'),
    "a name with a fallback": ("a.py", 'key = os.getenv("X_KEY")\nstart(key or "d")\n'),
    "a truth": ("a.py", 'a = bool(os.getenv("X_KEY"))\n'),
    "an optional chain": ("a.js", "const a = process.env.X_KEY?.toLowerCase() ?? 'info';\n"),
    "a switch that nobody set": ("a.js", "const a = envBool(process.env.X_KEY);\n"),
    "a number that is none": ("a.js", "let a = Number(process.env.X_KEY);\nif (Number.isNaN(a)) a = 5;\n"),
    "a number with a fallback further on": ("a.js", "const a = parseInt(process.env.X_KEY, 10);\nstart(a || 5);\n"),
    "an optional chain alone": ("a.js", "const a = process.env.X_KEY?.split(',');\n"),
    "a switch": ("a.js", "switch (process.env.X_KEY) { case 'a': f(); break; default: g(); }\n"),
    "a name with a fallback in JavaScript": ("a.js", "const key = process.env.X_KEY;\nstart(key ?? 'd');\n"),
    "a destructured name": ("a.js", "const { X_KEY } = process.env;\nif (X_KEY) start(X_KEY);\n"),
    "a value of one's own": ("a.js", "process.env.X_KEY ??= 'a';\nstart(process.env.X_KEY);\n"),
    "a switch beside it": ("a.js", "init({ dsn: process.env.X_KEY, enabled: Boolean(process.env.X_KEY) });\n"),
    "a password that a server may lack": ("a.js", "connect({ password: process.env.REDIS_PASSWORD });\n"),
    "what another variable switches on": ("a.py", 'if os.environ.get("Y_KEY"):\n    f(os.environ["X_KEY"])\n'),
    "what another variable switches on in JavaScript": ("a.js", "if (process.env.Y_KEY === 'true') start(process.env.X_KEY);\n"),
    "a name that another switches on": ("a.js", "const { A_KEY, X_KEY } = process.env;\nconst auth = A_KEY ? { user: A_KEY, pass: X_KEY } : undefined;\n"),
    "a test in Go": ("a.go", _GO % 'if os.Getenv("X_KEY") != "" {\n\t\tsetup(os.Getenv("X_KEY"))\n\t}'),
    "an early return in Go": ("a.go", _GO % 'if os.Getenv("X_KEY") == "" {\n\t\treturn\n\t}\n\tsetup(os.Getenv("X_KEY"))'),
    "the first that is not empty": ("a.go", _GO % 'setup(cmp.Or(os.Getenv("X_KEY"), "localhost"))'),
    "a conversion that fails": ("a.go", _GO % 'n, err := strconv.Atoi(os.Getenv("X_KEY"))\n\tif err != nil {\n\t\tn = 10\n\t}\n\tsetup(n)'),
    "a helper that converts": ("a.go", _GO % 'setup(number("X_KEY", 1))' + "func number(k string, d int) int {\n\tv, err := strconv.Atoi(os.Getenv(k))\n\tif err != nil {\n\t\treturn d\n\t}\n\treturn v\n}\n"),
    "a switch in Go": ("a.go", _GO % 'port := os.Getenv("X_KEY")\n\tswitch port {\n\tcase "":\n\t\tport = "8080"\n\t}\n\tsetup(port)'),
    "a tag in Go": ("a.go", 'package main\n\ntype C struct {\n\tX string `env:"X_KEY"`\n}\n'),
    "a helper in Go": ("a.go", _GO % 'setup(getenv("X_KEY", "1"))' + 'func getenv(k, d string) string {\n\tif v := os.Getenv(k); v != "" {\n\t\treturn v\n\t}\n\treturn d\n}\n'),
}  # fmt: skip
NEEDED = {
    "a name that is called": ("a.js", "const a = process.env.X_KEY.trim() || 'a';\n"),
    "JSON": ("a.js", "const a = { b: JSON.parse(process.env.X_KEY) };\n"),
    "a fallback that throws": ("a.js", "const key = process.env.X_KEY;\nstart(key ?? fail('no key'));\n"),
    "a conversion that ends all": ("a.go", _GO % 'n, err := strconv.Atoi(os.Getenv("X_KEY"))\n\tif err != nil {\n\t\tlog.Fatal(err)\n\t}\n\tsetup(n)'),
    "a helper that hands the error on": ("a.go", _GO % 'setup(number("X_KEY"))' + "func number(k string) (int, error) {\n\tv, err := strconv.Atoi(os.Getenv(k))\n\tif err != nil {\n\t\treturn 0, err\n\t}\n\treturn v, nil\n}\n"),
    "a tag in Go that is marked": ("a.go", 'package main\n\ntype C struct {\n\tX string `env:"X_KEY,required"`\n}\n'),
    "a tag of envconfig that is marked": ("a.go", 'package main\n\ntype C struct {\n\tX string `envconfig:"X_KEY" required:"true"`\n}\n'),
    "a number that ends all": ("a.js", "const a = Number(process.env.X_KEY);\nif (Number.isNaN(a)) throw new Error('no number');\n"),
    "bare in Go": ("a.go", _GO % 'setup(os.Getenv("X_KEY"))'),
    "a value that another variable is set to": ("a.py", 'os.environ["Y_KEY"] = os.environ["X_KEY"]\n'),
    "bare": ("a.py", 'a = os.environ["X_KEY"]\n'),
    "a test of another beside it": ("a.py", 'if "Y_KEY" in os.environ:\n    g()\nf(os.environ["X_KEY"])\n'),
    "a test of something else": ("a.py", 'if config.on:\n    f(os.environ["X_KEY"])\n'),
    "a test of the stage": ("a.js", "if (process.env.NODE_ENV === 'production') start(process.env.X_KEY);\n"),
    "a name that is used beside the switch": ("a.js", "const { A_KEY, X_KEY } = process.env;\nconst b = A_KEY ? f(X_KEY) : g(X_KEY);\n"),
    "a longer name": ("a.py", 'def f():\n    if "X_KEY_OLD" not in os.environ:\n        return None\n    return os.environ["X_KEY"]\n'),
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
