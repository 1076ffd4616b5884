"""Versions in engines, version files, images, lock files and on the server: what disagrees, and what is in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, check, found
from tests.sources.code.trees import index_of
from tools.detectors.config import version_mismatch, versions
from tools.sources.records import FactKind

NODE = '{\n  "name": "x",\n  "engines": {\n    "node": "%s"\n  }\n}\n'
PYTHON = '[project]\nname = "x"\nrequires-python = "%s"\n'
MANIFEST = '{\n  "dependencies": {\n    "ioredis": "^5.3.0",\n    "zod": "^3.0.0"\n  }\n}\n'


def npm_lock(asked: str, inside: str = "") -> str:
    packages = {inside: {"dependencies": {"ioredis": asked, "zod": "^3.0.0"}}}
    return json.dumps({"lockfileVersion": 3, "packages": packages}, indent=2)


def pnpm_lock(asked: str, head: str = "", inside: str = ".") -> str:
    return (
        f"lockfileVersion: '9.0'\n\n{head}importers:\n\n  {inside}:\n    dependencies:\n      ioredis:\n"
        f"        specifier: {asked}\n        version: 5.3.2\n\npackages:\n\n  ioredis@5.3.2:\n    x: 1\n"
    )


PROJECT = '[project]\nname = "Shop_App"\ndependencies = [\n  "redis>=5.0,<6",\n  "uvicorn[standard]>=0.30; sys_platform != \'win32\'",\n]\n'
POETRY = '[tool.poetry.dependencies]\npython = "^3.11"\nredis = "%s"\n'


def bun_lock(asked: str, inside: str = "") -> str:
    return (
        f'{{\n  "lockfileVersion": 1,\n  "workspaces": {{\n    "{inside}": {{\n      "dependencies": {{\n'
        f'        "ioredis": "{asked}",\n        "zod": "^3.0.0",\n      }},\n    }},\n  }},\n}}\n'
    )


def uv_lock(specifier: str, name: str = "shop-app") -> str:
    return (
        f'version = 1\n\n[[package]]\nname = "{name}"\n\n[package.metadata]\n'
        f'requires-dist = [\n    {{ name = "redis", specifier = "{specifier}" }},\n]\n'
    )


def poetry_lock(version: str) -> str:
    return f'[[package]]\nname = "redis"\nversion = "{version}"\n'


VERSIONS = {
    "an image that engines refuse": Case({"package.json": NODE % ">=20", "Dockerfile": "FROM node:18-alpine AS a\n"}, [("MEDIUM", "package.json")]),
    "an image that engines allow": Case({"package.json": NODE % ">=20.6", "Dockerfile": "FROM node:20-alpine\n"}),
    "an exact image below": Case({"package.json": NODE % ">=20.6", "Dockerfile": "FROM node:20.5.1\n"}, [("MEDIUM", "package.json")]),
    "alternatives": Case({"package.json": NODE % "^18.17 || >=20.5", "Dockerfile": "FROM node:18\n"}),
    "a range with spaces": Case({"package.json": NODE % ">= 18", "Dockerfile": "FROM node:18\n"}),
    "a range that cannot be read": Case({"package.json": NODE % "lts/*", "Dockerfile": "FROM node:4\n"}),
    "a tag without a number": Case({"package.json": NODE % ">=20", "Dockerfile": "FROM node:lts-alpine\nFROM node\n"}),
    "an image of another name": Case({"package.json": NODE % ">=20", "Dockerfile": "FROM my/node-red:3\nFROM nginx:1.2\n"}),
    "an image of a registry": Case({"package.json": NODE % ">=20", "Dockerfile": "FROM --platform=x ghcr.io/lib/node:18.1\n"}, [("MEDIUM", "package.json")]),
    "an argument": Case({"package.json": NODE % ">=20", "Dockerfile": "ARG V=18\nFROM node:${V}-slim\n"}, [("MEDIUM", "package.json")]),
    "an argument that compose sets": Case(
        {"package.json": NODE % ">=20", "Dockerfile": "ARG V=18\nFROM node:${V}-slim\n",
         "compose.yml": "services:\n  a:\n    build: {context: ., args: {V: '20'}}\n"}
    ),
    "an argument that compose sets in a list": Case(
        {"package.json": NODE % ">=20", "Dockerfile": "ARG V=18\nFROM node:${V}-slim\n",
         "compose.yml": "services:\n  a:\n    build:\n      context: .\n      args: ['V=20']\n"}
    ),
    "an argument that nobody sets": Case({"package.json": NODE % ">=20", "Dockerfile": "ARG V\nFROM node:${V}\n"}),
    "the nearest manifest counts": Case({"package.json": NODE % ">=20", "services/a/package.json": NODE % ">=16", "services/a/Dockerfile": "FROM node:18\n"}),
    "the manifest above": Case({"package.json": NODE % ">=20", "services/a/Dockerfile": "FROM node:18\n"}, [("MEDIUM", "package.json")]),
    "a manifest beside": Case({"services/b/package.json": NODE % ">=20", "services/a/Dockerfile": "FROM node:18\n"}),
    "a version file that engines refuse": Case({"package.json": NODE % ">=20", ".nvmrc": "v18.2.0\n"}, [("MEDIUM", "package.json")]),
    "a version file by name": Case({"package.json": NODE % ">=20", ".nvmrc": "lts/iron\n"}),
    "Python that is refused": Case({"pyproject.toml": PYTHON % ">=3.11", "Dockerfile": "FROM python:3.9-slim\n"}, [("MEDIUM", "pyproject.toml")]),
    "Python that is allowed": Case({"pyproject.toml": PYTHON % ">=3.11,<3.14", "Dockerfile": "FROM python:3.13\n"}),
    "Python's major alone": Case({"pyproject.toml": PYTHON % ">=3.11", "Dockerfile": "FROM python:3\n"}),
    "tools of asdf": Case({"pyproject.toml": PYTHON % ">=3.12", ".tool-versions": "nodejs 20.1.0\npython 3.11.4\n"}, [("MEDIUM", "pyproject.toml")]),
    "a version file and an image": Case({".nvmrc": "20", "Dockerfile": "FROM node:18\n"}, [("LOW", ".nvmrc")]),
    "a version file and an image of one major": Case({".nvmrc": "20.11.0", "Dockerfile": "FROM node:20-slim\n"}),
    "a version file and an image elsewhere": Case({".nvmrc": "20", "old/Dockerfile": "FROM node:18\n"}),
    "npm's lock of another range": Case({"package.json": MANIFEST, "package-lock.json": npm_lock("^4.0.0")}, [("MEDIUM", "package-lock.json")]),
    "npm's lock in order": Case({"package.json": MANIFEST, "package-lock.json": npm_lock("^5.3.0")}),
    "npm's lock above": Case({"services/a/package.json": MANIFEST, "package-lock.json": npm_lock("^4.0.0", "services/a")}, [("MEDIUM", "package-lock.json")]),
    "npm's lock above that does not know it": Case({"services/a/package.json": MANIFEST, "package-lock.json": npm_lock("^4.0.0", "services/b")}),
    "an old npm lock": Case({"package.json": MANIFEST, "package-lock.json": '{"lockfileVersion": 1, "dependencies": {}}'}),
    "a broken npm lock": Case({"package.json": MANIFEST, "package-lock.json": "{"}),
    "pnpm's lock of another range": Case({"package.json": MANIFEST, "pnpm-lock.yaml": pnpm_lock("^4.0.0")}, [("MEDIUM", "pnpm-lock.yaml")]),
    "pnpm's lock in order": Case({"package.json": MANIFEST, "pnpm-lock.yaml": pnpm_lock("^5.3.0")}),
    "pnpm's overrides": Case({"package.json": MANIFEST, "pnpm-lock.yaml": pnpm_lock("^4.0.0", "overrides:\n  ioredis: ^4.0.0\n\n")}),
    "pnpm's override of a range": Case({"package.json": MANIFEST, "pnpm-lock.yaml": pnpm_lock("^4.0.0", "overrides:\n  ioredis@<5.1.0: ^4.0.0\n\n")}),
    "pnpm's override below a parent": Case({"package.json": MANIFEST, "pnpm-lock.yaml": pnpm_lock("^4.0.0", "overrides:\n  'bullmq@4>ioredis@>=5': ^4.0.0\n\n")}),
    "pnpm's override of another": Case({"package.json": MANIFEST, "pnpm-lock.yaml": pnpm_lock("^4.0.0", "overrides:\n  lodash@<4.17.21: 4.17.21\n\n")}, [("MEDIUM", "pnpm-lock.yaml")]),
    "pnpm's lock above": Case({"apps/a/package.json": MANIFEST, "pnpm-lock.yaml": pnpm_lock("^4.0.0", inside="apps/a")}, [("MEDIUM", "pnpm-lock.yaml")]),
    "yarn's lock of another range": Case({"package.json": MANIFEST, "yarn.lock": '# yarn\n\nioredis@^4.0.0:\n  version "4.1.0"\n\nzod@^3.0.0:\n  version "3.1.0"\n'}, [("MEDIUM", "yarn.lock")]),
    "yarn's lock in order": Case({"package.json": MANIFEST, "yarn.lock": 'ioredis@^4.0.0, ioredis@^5.3.0:\n  version "5.4.0"\n'}),
    "a newer yarn's lock": Case({"package.json": MANIFEST, "yarn.lock": '"ioredis@npm:^5.3.0":\n  version: 5.4.0\n'}),
    "yarn's resolutions": Case(
        {"package.json": MANIFEST.replace('{\n  "dep', '{\n  "resolutions": {"ioredis": "^4.0.0"},\n  "dep'), "yarn.lock": '"ioredis@npm:^4.0.0":\n  version: 4.1.0\n'}
    ),
    "bun's lock of another range": Case({"package.json": MANIFEST, "bun.lock": bun_lock("^4.0.0")}, [("MEDIUM", "bun.lock")]),
    "bun's lock in order": Case({"package.json": MANIFEST, "bun.lock": bun_lock("^5.3.0")}),
    "bun's lock above": Case({"apps/a/package.json": MANIFEST, "bun.lock": bun_lock("^4.0.0", "apps/a")}, [("MEDIUM", "bun.lock")]),
    "bun's lock above that does not know it": Case({"apps/a/package.json": MANIFEST, "bun.lock": bun_lock("^4.0.0")}),
    "uv's lock of another range": Case({"pyproject.toml": PROJECT, "uv.lock": uv_lock(">=4.0")}, [("MEDIUM", "uv.lock")]),
    "uv's lock without a dependency": Case(
        {"pyproject.toml": PROJECT.replace("redis", "valkey"), "uv.lock": uv_lock(">=5.0,<6")}, [("MEDIUM", "uv.lock")]
    ),
    "uv's lock in order": Case({"pyproject.toml": PROJECT, "uv.lock": uv_lock("<6,>=5.0")}),
    "uv's lock above": Case({"apps/a/pyproject.toml": PROJECT, "uv.lock": uv_lock(">=4.0")}, [("MEDIUM", "uv.lock")]),
    "uv's lock of another project": Case({"pyproject.toml": PROJECT, "uv.lock": uv_lock(">=4.0", "other")}),
    "uv, from elsewhere": Case(
        {"pyproject.toml": PROJECT + '[tool.uv.sources]\nredis = { path = "../redis" }\n', "uv.lock": uv_lock(">=4.0")}
    ),
    "poetry's lock of a version that is not asked for": Case(
        {"pyproject.toml": POETRY % "^5.0", "poetry.lock": poetry_lock("4.6.0")}, [("MEDIUM", "poetry.lock")]
    ),
    "poetry's lock in order": Case({"pyproject.toml": POETRY % "^5.0", "poetry.lock": poetry_lock("5.2.1")}),
    "poetry's lock of the project above": Case(
        {"libs/tool/pyproject.toml": POETRY % "^5.0", "poetry.lock": poetry_lock("4.6.0")}
    ),
    "poetry's tilde": Case({"pyproject.toml": POETRY % "~5.1", "poetry.lock": poetry_lock("5.2.1")}, [("MEDIUM", "poetry.lock")]),
    "poetry's star": Case({"pyproject.toml": POETRY % "*", "poetry.lock": poetry_lock("5.2.1")}),
    "poetry's alternatives": Case({"pyproject.toml": POETRY % "^4 || ^5", "poetry.lock": poetry_lock("3.0.0")}),
    "poetry's lock of standard dependencies": Case(
        {"pyproject.toml": PROJECT, "poetry.lock": poetry_lock("6.1.0")}, [("MEDIUM", "poetry.lock")]
    ),
    "a broken lock of Python": Case({"pyproject.toml": PROJECT, "uv.lock": "[["}),
    "a lock that another package manager left": Case(
        {"package.json": '{\n  "packageManager": "bun@1.3.3"\n}', "apps/a/package.json": MANIFEST,
         "apps/a/package-lock.json": npm_lock("^4.0.0"), "bun.lock": bun_lock("^5.3.0", "apps/a")}
    ),
    "the lock of the package manager that is named": Case(
        {"package.json": '{\n  "packageManager": "bun@1.3.3"\n}', "apps/a/package.json": MANIFEST,
         "apps/a/package-lock.json": npm_lock("^5.3.0"), "bun.lock": bun_lock("^4.0.0", "apps/a")}, [("MEDIUM", "bun.lock")]
    ),
    "a package of the workspace": Case({"package.json": MANIFEST.replace("^5.3.0", "workspace:*"), "package-lock.json": npm_lock("^4.0.0")}),
    "no lock": Case({"package.json": MANIFEST}),
    "a server older than its image": Case({"compose.yml": "services:\n  r:\n    image: valkey/valkey:9.2\n"}, [("MEDIUM", "valkey")], now={}),
    "a server newer than its image": Case({"compose.yml": "services:\n  r:\n    image: valkey/valkey:8.1-alpine\n"}, now={}),
    "a server of its image": Case({"compose.yml": "services:\n  r:\n    image: valkey/valkey:9\n"}, now={}),
    "a server of another kind": Case({"compose.yml": "services:\n  r:\n    image: redis:99\n"}, now={}),
    "an image for tests": Case({"compose.test.yml": "services:\n  r:\n    image: valkey/valkey:99\n"}, now={}),
    "one of two images is older": Case({"compose.yml": "services:\n  r:\n    image: valkey/valkey:99\n  s:\n    image: valkey/valkey:8\n"}, now={}),
    "no server to look at": Case({"compose.yml": "services:\n  r:\n    image: valkey/valkey:99\n"}),
}  # fmt: skip


@pytest.mark.parametrize("case", VERSIONS.values(), ids=VERSIONS.keys())
def test_versions(case: Case, tmp_path: Path) -> None:
    check(version_mismatch, case, tmp_path)


def test_both_lines_are_quoted(tmp_path: Path) -> None:
    files = {"package.json": NODE % ">=20", "Dockerfile": "# app\nFROM node:18-alpine\n"}
    (symptom,) = found(version_mismatch, Case(files), tmp_path)
    assert [(quote.source, quote.text, quote.locator.line) for quote in symptom.evidence] == [
        ("Dockerfile", "FROM node:18-alpine", 2),
        ("package.json", '"node": ">=20"', 4),
    ]


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"engines": 7, "dependencies": [1]}', '{"engines": {"node": {}}}']
)
def test_an_odd_manifest_makes_no_fact(text: str, tmp_path: Path) -> None:
    index = index_of(
        tmp_path, {"package.json": text, "pnpm-lock.yaml": "importers:\n  .:\n", "yarn.lock": "@:\n"}
    )
    assert not [fact for fact in index.facts if fact.kind is FactKind.VERSION]


def test_a_number_of_thousands_of_digits_is_not_read() -> None:
    asked = ">=" + "9" * 5000
    assert versions.python_allows(asked, "3.11") is None
    assert versions.python_allows(">=3.10", "3.11") is True
