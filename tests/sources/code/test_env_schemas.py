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
    "zod at once": ("a.ts", "export const env = z.object({ REDIS_URL: z.string() }).parse(process.env);\n", {"REDIS_URL": None}),
    "zod whose outcome is insisted on": (
        "a.ts", "const out = z.object({ REDIS_URL: z.string() }).safeParse(process.env);\nif (!out.success) {\n  process.exit(1);\n}\n", {"REDIS_URL": None}
    ),
    "zod of some variables": (
        "a.ts", ("export const env = z.object({ REDIS_URL: z.string(), PORT: z.string().optional(), OTHER: z.string() })\n"
        "  .parse({ REDIS_URL: process.env.REDIS_URL, PORT: process.env.PORT, OTHER: 'x' });\n"),
        {"REDIS_URL": None, "PORT": "default"},
    ),
    "zod of something else": ("a.ts", "export const body = z.object({ REDIS_URL: z.string() }).parse(request.body);\n", {}),
    "envalid": (
        "a.ts", "export const env = cleanEnv(process.env, { REDIS_URL: url(), PORT: port({ default: 3000 }) });\n", {"REDIS_URL": None, "PORT": "default"}
    ),
    "t3-env": (
        "a.ts", "export const env = createEnv({ server: { REDIS_URL: z.string() }, client: { NEXT_PUBLIC_X: z.string().optional() }, runtimeEnv: process.env });\n",
        {"REDIS_URL": None, "NEXT_PUBLIC_X": "default"},
    ),
}  # fmt: skip


WITHOUT = {
    "a result that nobody insists on": ("a.ts", "const r = z.object({ X_KEY: z.string() }).safeParse(process.env);\nconst a = r.success ? r.data : null;\n"),
    "zod's preprocess": ("a.ts", "z.object({ X_KEY: z.preprocess((v) => v || undefined, z.string().optional()) }).parse(process.env);\n"),
    "zod's union": ("a.ts", "z.object({ X_KEY: z.union([z.string(), z.undefined()]) }).parse(process.env);\n"),
    "zod's or": ("a.ts", "z.object({ X_KEY: z.string().or(z.undefined()) }).parse(process.env);\n"),
    "zod's any": ("a.ts", "z.object({ X_KEY: z.any() }).parse(process.env);\n"),
    "zod's custom": ("a.ts", "z.object({ X_KEY: z.custom<string>() }).parse(process.env);\n"),
    "zod makes a boolean of nothing": ("a.ts", "z.object({ X_KEY: z.coerce.boolean() }).parse(process.env);\n"),
    "a helper for zod": ("a.ts", "const opt = () => z.string().optional();\nz.object({ X_KEY: opt().describe('x') }).parse(process.env);\n"),
    "a helper for envalid": ("a.ts", "const opt = (d: string) => str({ default: d });\nexport const e = cleanEnv(process.env, { X_KEY: opt('x') });\n"),
    "t3-env with a value of its own": ("a.ts", "createEnv({ server: { X_KEY: z.string() }, runtimeEnv: { X_KEY: process.env.X_KEY ?? 'd' } });\n"),
    "t3-env with an optional field": ("a.ts", "createEnv({ server: { X_KEY: z.string().optional() }, runtimeEnv: { X_KEY: process.env.X_KEY } });\n"),
    "zod that is handed the variable": ("a.ts", "z.object({ X_KEY: z.string().default('x') }).parse({ X_KEY: process.env.X_KEY });\n"),
    "a folder of secrets": ("a.py", HEAD + "class S(BaseSettings):\n    model_config = SettingsConfigDict(secrets_dir='/run/secrets')\n    x_key: str\n"),
    "another source": (
        "a.py", HEAD + "class S(BaseSettings):\n    x_key: str\n    @classmethod\n    def settings_customise_sources(cls, s, **kw):\n        return kw['env_settings'], TomlConfigSettingsSource(s)\n"
    ),
    "a file of settings": ("a.py", HEAD + "class S(BaseSettings):\n    model_config = SettingsConfigDict(toml_file='s.toml')\n    x_key: str\n"),
    "a field with variables of its own": (
        "a.py", HEAD + "class X(BaseModel):\n    url: str\nclass S(BaseSettings):\n    model_config = SettingsConfigDict(env_nested_delimiter='__')\n    x_key: X\n"
    ),
    "pydantic 1's Optional": ("a.py", "from pydantic import BaseSettings\nclass S(BaseSettings):\n    x_key: Optional[str]\n"),
    "pydantic 1's names": ("a.py", "from pydantic import BaseSettings\nclass S(BaseSettings):\n    x_key: str\n    class Config:\n        fields = {'x_key': {'env': 'OTHER'}}\n"),
    "a base of another package": ("a.py", HEAD + "from acme import Base\nclass S(Base, BaseSettings):\n    x_key: str\n"),
    "a class that is made with values": ("a.py", HEAD + "class S(BaseSettings):\n    x_key: str\ns = S(x_key='y')\n"),
    "a variable of the class": ("a.py", HEAD + "class S(BaseSettings):\n    X_KEY: ClassVar[str]\n"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "code"), WITHOUT.values(), ids=WITHOUT.keys())
def test_a_field_that_may_be_left_out_is_none_that_is_needed(name: str, code: str, tmp_path: Path) -> None:
    reads = uses(index_of(tmp_path, {name: code}), CodeKind.ENV_READ)
    assert [read.name for read in reads if not {"default", "tested"} & read.options.keys()] == []


def test_a_prefix_is_that_of_the_base(tmp_path: Path) -> None:
    code = (
        "class Base(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='APP_')\n"
        "class S(Base):\n    stream: str\n"
    )
    reads = uses(index_of(tmp_path, {"a.py": HEAD + code}), CodeKind.ENV_READ)
    assert [(read.name, read.options) for read in reads] == [("APP_STREAM", {"strict": "schema"})]


def test_a_service_of_compose_is_no_variable(tmp_path: Path) -> None:
    files = {
        "a.py": HEAD + "class S(BaseSettings):\n    redis: str\n",
        "compose.yaml": "services:\n  redis:\n    image: redis:7\n",
    }
    assert [read.name for read in uses(index_of(tmp_path, files), CodeKind.ENV_READ)] == ["REDIS"]


@pytest.mark.parametrize(("name", "code", "expected"), SCHEMAS.values(), ids=SCHEMAS.keys())
def test_a_schema_reads_variables(
    name: str, code: str, expected: dict[str, str | None], tmp_path: Path
) -> None:
    reads = uses(index_of(tmp_path, {name: code}), CodeKind.ENV_READ)
    assert {read.name for read in reads} == expected.keys()
    for read in (
        reads if name != "a.ts" else [read for read in reads if read.options.get("tested") != "tested"]
    ):
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
