"""Variables that schemas in code read: pydantic settings, zod, envalid, t3-env; what has a default and what has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.code.trees import index_of, uses
from tools.sources.records import CodeKind

HEAD = "from pydantic import Field\nfrom pydantic_settings import BaseSettings, SettingsConfigDict\n"
SCHEMAS = {
    "pydantic": (
        "a.py", HEAD + "class S(BaseSettings):\n    redis_url: str\n    port: int = 3000\n    debug: bool | None = None\n",
        {"REDIS_URL": None, "PORT": "3000", "DEBUG": "None"},
    ),
    "pydantic with a prefix": (
        "a.py", HEAD + "class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='APP_')\n    redis_url: str\n", {"APP_REDIS_URL": None}
    ),
    "pydantic's Field": (
        "a.py", HEAD + "class S(BaseSettings):\n    a: str = Field(...)\n    b: str = Field('x')\n    c: str = Field(default='y')\n    d: str = Field(description='z')\n",
        {"A": None, "B": "'x'", "C": "Field(default='y')", "D": None},
    ),
    "pydantic with an alias": ("a.py", HEAD + "class S(BaseSettings):\n    a: str = Field(validation_alias='OTHER_A')\n", {"OTHER_A": None}),
    "pydantic with an alias that is worked out": ("a.py", HEAD + "class S(BaseSettings):\n    a: str = Field(validation_alias=AliasChoices('x', 'y'))\n", {}),
    "a base of the project": (
        "a.py", HEAD + "class Base(BaseSettings):\n    a: str\nclass S(Base):\n    b: str\n    def name(self): return 1\n", {"A": None, "B": None}
    ),
    "a model that is no settings": ("a.py", "from pydantic import BaseModel\nclass S(BaseModel):\n    a: str\n", {}),
    "zod": (
        "a.ts", ("const schema = z.object({ REDIS_URL: z.string().url(), PORT: z.coerce.number().default(3000), DEBUG: z.string().optional() });\n"
        "export const env = schema.parse(process.env);\n"),
        {"REDIS_URL": None, "PORT": "default", "DEBUG": "default"},
    ),
    "zod at once": ("a.ts", "export const env = z.object({ REDIS_URL: z.string() }).safeParse(process.env);\n", {"REDIS_URL": None}),
    "zod of something else": ("a.ts", "export const body = z.object({ REDIS_URL: z.string() }).parse(request.body);\n", {}),
    "envalid": (
        "a.ts", "export const env = cleanEnv(process.env, { REDIS_URL: url(), PORT: port({ default: 3000 }) });\n", {"REDIS_URL": None, "PORT": "default"}
    ),
    "t3-env": (
        "a.ts", "export const env = createEnv({ server: { REDIS_URL: z.string() }, client: { NEXT_PUBLIC_X: z.string().optional() }, runtimeEnv: process.env });\n",
        {"REDIS_URL": None, "NEXT_PUBLIC_X": "default"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "code", "expected"), SCHEMAS.values(), ids=SCHEMAS.keys())
def test_a_schema_reads_variables(
    name: str, code: str, expected: dict[str, str | None], tmp_path: Path
) -> None:
    reads = uses(index_of(tmp_path, {name: code}), CodeKind.ENV_READ)
    assert {read.name for read in reads} == expected.keys()
    for read in reads:
        default = expected[read.name or ""]
        assert ("strict" in read.options) is (default is None)
        if default not in {None, "default"}:
            assert read.options["default"] == default


def test_a_name_that_is_declared_in_another_case_is_that_name(tmp_path: Path) -> None:
    files = {"a.py": HEAD + "class S(BaseSettings):\n    redis_url: str\n", ".env": "redis_url=x\n"}
    assert [read.name for read in uses(index_of(tmp_path, files), CodeKind.ENV_READ)] == ["redis_url"]


def test_a_secret_as_a_default_is_masked(tmp_path: Path) -> None:
    token = "gh" + "p_" + "a1B2" * 9
    files = {"a.py": HEAD + f"class S(BaseSettings):\n    token: str = '{token}'\n"}
    (read,) = uses(index_of(tmp_path, files), CodeKind.ENV_READ)
    assert token not in read.options["default"] + read.text
