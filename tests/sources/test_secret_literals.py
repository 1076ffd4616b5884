"""Secrets in source text: the literal beside a name that says secret goes, its neighbours stay."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.sources.code.trees import index_of, uses
from tools.sources.project_env import shown_line
from tools.sources.records import CodeKind
from tools.sources.secret_literals import masked_code, masked_default, masked_read

VALUE = "Zk7qR2mX9pLw4T"
FORMS = {
    "nullish": "const b = process.env.API_SECRET ?? '%s';",
    "either": 'const b = process.env.API_SECRET || "%s";',
    "brackets": "const b = process.env['API_SECRET'] ?? `%s`;",
    "a second argument": "b = os.getenv('API_SECRET', '%s')",
    "python's or": 'b = os.environ.get("API_SECRET") or "%s"',
    "a typed field": 'api_secret: str = "%s"',
    "an optional field": 'api_secret: str | None = "%s"',
    "a field of settings": 'api_secret: str = Field("%s", description="x")',
    "a helper in Go": 'b := getenv("API_SECRET", "%s")',
}
FILES = {
    "pyproject.toml": "[project]\nname = 'desk'\n",
    "a.js": f"const b = process.env.API_SECRET ?? '{VALUE}';\nconst c = process.env.JWT_SECRET || \"{VALUE}\";\n",
    "a.py": f"import os\nB = os.getenv('DB_PASSWORD', '{VALUE}')\n",
    "b.py": (
        "from pydantic import Field\nfrom pydantic_settings import BaseSettings\nclass S(BaseSettings):\n"
        f'    db_password: str = "{VALUE}"\n    jwt_secret: str = Field(\n        "{VALUE}", description="x")\n'
    ),
    "Dockerfile": f"FROM x\nENV SECRET_KEY {VALUE}\nENV DB_PASSWORD={VALUE}\nARG API_SECRET={VALUE}\n",
    "compose.yaml": f"services:\n  desk:\n    build: .\n    environment:\n      API_SECRET: ${{API_SECRET:-{VALUE}}}\n",
    "README.md": (
        f"| Variable | Default |\n| --- | --- |\n| `DB_PASSWORD` | `{VALUE}` |\n| `API_SECRET` | {VALUE} |\n"
        f"\n- `JWT_SECRET` (default `{VALUE}`)\n"
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_the_literal_of_a_secret_variable_goes(form: str) -> None:
    text = form % VALUE
    shown = masked_read("API_SECRET", text)
    assert VALUE not in shown
    assert "[masked:" in shown
    assert masked_read("API_SECRET", shown) == shown


@pytest.mark.parametrize("name", [name for name in FORMS if name != "a field of settings"])
def test_it_goes_where_nobody_knows_that_a_variable_is_read(name: str) -> None:
    assert VALUE not in masked_code(FORMS[name] % VALUE)


@pytest.mark.parametrize(
    "text",
    [
        "const a = process.env.HOST ?? 'localhost';",
        'b = os.getenv("REDIS_URL", "redis://redis:6379")',
        'client.xadd(token, "orders", {"state": "new"})',
        "const a = process.env.API_SECRET ?? '';",
        "tokens: int = 4096",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked_code(text) == text


def test_names_of_variables_stay() -> None:
    text = 'a, b = os.environ["API_SECRET"], os.getenv("DB_PASSWORD")'
    assert masked_read("API_SECRET", text) == text


@pytest.mark.parametrize(
    ("name", "default", "expected"),
    [
        ("PORT", "3000", "3000"),
        ("HOST", "'localhost'", "'localhost'"),
        ("API_SECRET", "'x'", "'[masked:api_secret]'"),
        ("API_SECRET", "''", "''"),
        ("API_SECRET", "None", "None"),
        ("DB_PASSWORD", "123456", "[masked:db_password]"),
    ],
)
def test_a_default_goes_by_the_name_of_its_variable(name: str, default: str, expected: str) -> None:
    assert masked_default(name, default) == expected


def test_a_line_of_a_dockerfile_without_an_equals_sign() -> None:
    assert shown_line(f"ENV SECRET_KEY {VALUE}") == "ENV SECRET_KEY [masked:secret_key]"
    assert shown_line("ENV LOG_LEVEL debug") == "ENV LOG_LEVEL debug"


def test_no_secret_of_a_project_is_in_its_index(tmp_path: Path) -> None:
    index = index_of(tmp_path / "project", FILES)
    assert {use.name for use in uses(index, CodeKind.ENV_READ)} == {"API_SECRET", "JWT_SECRET", "DB_PASSWORD"}
    assert VALUE not in msgspec.json.encode(index).decode()
