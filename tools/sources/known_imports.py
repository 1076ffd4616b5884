"""What a program may import without opening a port by it: its language's own library, and clients that only connect.

Anything else may start a server (Flower, Locust, a company's kit), and nothing is said of a program that imports it.
"""

from __future__ import annotations

import sys

import re2

from tools.sources.code.program import Module
from tools.sources.code.program_index import Program

_NODE = frozenset(
    {
        "assert", "async_hooks", "buffer", "child_process", "console", "constants", "crypto", "diagnostics_channel", "dns",
        "events", "fs", "module", "os", "path", "perf_hooks", "process", "punycode", "querystring", "readline", "stream",
        "string_decoder", "timers", "tty", "url", "util", "v8", "vm", "worker_threads", "zlib",
    }
)  # fmt: skip
_GO = frozenset(
    {
        "archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "embed", "encoding",
        "errors", "expvar", "flag", "fmt", "hash", "html", "image", "io", "iter", "log", "maps", "math", "mime", "net",
        "os", "path", "reflect", "regexp", "runtime", "slices", "sort", "strconv", "strings", "sync", "syscall", "text",
        "time", "unicode", "unsafe",
    }
)  # fmt: skip
_LOADED = re2.compile(r"\b(?:import|require)\b\s*\(?\s*[\"'`]([^\"'`]+)[\"'`]")
"""Loaded for its effect alone: no name is bound to it."""
_CLIENTS = {
    "python": frozenset(
        {
            "redis", "coredis", "aioredis", "valkey", "hiredis", "psycopg", "psycopg2", "asyncpg", "sqlalchemy", "pymongo",
            "motor", "boto3", "requests", "pydantic", "pydantic_settings", "dotenv", "structlog", "loguru", "orjson",
            "msgpack", "tenacity", "backoff", "click", "yaml", "numpy", "pandas", "typing_extensions", "dateutil",
            "sqlmodel", "alembic", "httpx", "attrs", "attr", "msgspec", "jsonschema", "bs4", "lxml", "polars",
            "pyarrow", "scipy", "sklearn", "cryptography", "jwt", "rich", "typer", "tqdm", "pytz", "aiofiles",
            "minio", "elasticsearch", "influxdb_client", "openai", "anthropic", "stripe",
        }
    ),
    "javascript": frozenset(
        {
            "redis", "ioredis", "iovalkey", "pg", "mysql2", "mongodb", "mongoose", "@prisma/client", "axios", "undici",
            "dotenv", "pino", "winston", "zod", "uuid", "nanoid", "lodash", "date-fns", "dayjs", "p-limit", "p-retry",
            "typeorm", "knex", "sequelize", "drizzle-orm", "node-fetch", "got", "nodemailer", "stripe", "openai",
            "rxjs", "minio",
        }
    ),
    "go": frozenset(
        {
            "github.com/redis/go-redis", "github.com/go-redis/redis", "github.com/gomodule/redigo", "github.com/google/uuid",
            "github.com/jackc/pgx", "github.com/lib/pq", "github.com/rs/zerolog", "github.com/sirupsen/logrus",
            "go.uber.org/zap", "github.com/joho/godotenv",
        }
    ),
}  # fmt: skip


def opens_nothing(program: Program, module: Module) -> bool:
    """Whether all that a module imports is its own project's, or known to open no port."""
    names = {target.module for scope in module.scopes for target in scope.imports.values()}
    if module.language not in {"python", "go"}:
        names |= {name for line in module.lines for name in _LOADED.findall(line)}
    return all(_is_known(program, module, name) for name in names | set(module.stars))


def _is_known(program: Program, module: Module, name: str) -> bool:
    if name.startswith(".") or program.module_of(module.path, name) is not None:
        return True
    if module.language == "python":
        first = name.split(".", maxsplit=1)[0]
        return first in sys.stdlib_module_names or first in _CLIENTS["python"]
    if module.language == "go":
        return name.split("/", maxsplit=1)[0] in _GO or any(
            name == client or name.startswith(f"{client}/") for client in _CLIENTS["go"]
        )
    return name.removeprefix("node:").split("/")[0] in _NODE or name in _CLIENTS["javascript"]
