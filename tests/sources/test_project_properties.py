"""Whatever a file of the audited project holds, its reader ends and raises nothing but what its caller turns into a gap."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.sources import json_schema, project_asyncapi, project_commands, project_ports, project_versions
from tools.sources.code.interfaces import interface
from tools.sources.interpolation import filled

WORDS = ["$", "{", "}", "A", ":-", ":+", "?", "$$", "-", "x", "\n", "é"]
YAML = [
    "asyncapi: 3.0.0\n", "channels:", "messages:", "payload:", "properties:", "allOf:", "required:", "$ref: '#/channels'",
    "x-redis-stream:", "publish:", "address: a.b", "- ", ": ", "\n", "  ", "{", "}", "[", "]", "&a", " *a", "<<", "a", "é",
]  # fmt: skip
LOCKS = [
    "importers:\n",
    "overrides:\n",
    "  .:\n",
    "      a:\n",
    "        specifier: 1\n",
    "a@^1",
    '"@b/c@npm:2"',
    ":\n",
    ", ",
    "\n",
]
TYPES = [
    "interface ",
    "type ",
    "A",
    " extends ",
    "{",
    "}",
    "a",
    "?",
    ":",
    "string",
    ";",
    "[k: string]",
    "=",
    "<T>",
    "\n",
    "'b'",
]


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(st.sampled_from(WORDS), max_size=30))
def test_interpolation(parts: list[str]) -> None:
    found = filled("".join(parts), {"A": "1"})
    assert found is None or isinstance(found, str)


def test_interpolation_of_deep_nesting_ends() -> None:
    assert filled("${A:-" * 5000 + "x" + "}" * 5000, {}) is None


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("0123456789:-/[]tcpud. ${}A"), max_size=40))
def test_ports(text: str) -> None:
    for port in project_ports.of_compose(yaml.ScalarNode("tag:yaml.org,2002:str", text), {"A": "80"}):
        assert 0 < port.target < 65536
        assert 0 <= port.host_port < 65536
    assert all(0 < port < 65536 for port, _ in project_ports.exposed(text))


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(st.sampled_from(YAML), max_size=40))
def test_asyncapi_and_schemas(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        list(project_asyncapi.facts("a.yaml", None, text))
        schemas = [
            *project_asyncapi.schemas("a.yaml", None, text),
            *json_schema.schemas("a.json", None, text),
        ]
    except (yaml.YAMLError, ValueError):
        return  # both become a gap in the caller
    assert all(schema.line >= 1 for schema in schemas)


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(st.sampled_from(LOCKS), max_size=40))
def test_lock_files(parts: list[str]) -> None:
    text = "".join(parts)
    manifest = '{"dependencies": {"a": "^2", "@b/c": "1"}}'
    for lock in ("pnpm-lock.yaml", "yarn.lock", "package-lock.json"):
        facts = list(project_versions.of_package("package.json", None, manifest, {lock: text}.get))
        assert {fact.name for fact in facts} <= {"a", "@b/c"}


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.sampled_from('"scripts":{}, a\n\\CMD[]#'), max_size=80))
def test_commands(text: str) -> None:
    list(project_commands.of_package("package.json", None, text))
    list(project_commands.of_procfile("Procfile", None, text))
    list(project_commands.of_dockerfile("Dockerfile", None, text))


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(st.sampled_from(TYPES), max_size=40))
def test_interfaces(parts: list[str]) -> None:
    found = interface("a.ts", "".join(parts).splitlines(), "typescript", "A")
    assert found is None or found.fields
