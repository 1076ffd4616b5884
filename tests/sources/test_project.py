"""What configuration files and documents say, and that no content breaks the reader."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.code.trees import index_of
from tools.sources import project_asyncapi, project_compose, project_docs, project_env
from tools.sources.records import ConfigFact, FactKind


def summary(facts: list[ConfigFact]) -> list[tuple[str, str, str | None, int]]:
    return [(fact.kind.value, fact.name, fact.value, fact.line) for fact in facts]


ENV = {
    "plain": ("A=1\n", [("env-set", "A", "1", 1)]),
    "spaces and quotes": ('\nA = "x y"\n', [("env-set", "A", "x y", 2)]),
    "exported": ("export A=1\n", [("env-set", "A", "1", 1)]),
    "a bare key": ("A_KEY\n", [("env-declared", "A_KEY", None, 1)]),
    "an inline comment": ("A=1 # one\n", [("env-set", "A", "1", 1)]),
    "a commented name documents": ("# A_KEY=1\n", [("env-declared", "A_KEY", None, 1)]),
    "prose is none": ("# Set A_KEY before use\n", []),
    "a comment above": ("# about A\nA=1\n", [("env-set", "A", "1", 2)]),
    "empty is set": ("A=\n", [("env-set", "A", "", 1)]),
    "a secret": ("DB_PASSWORD=hunter22\n", [("env-set", "DB_PASSWORD", "[masked:db_password]", 1)]),
    "a port": (
        "ORDERS_PORT=3001\n",
        [("env-set", "ORDERS_PORT", "3001", 1), ("port", "3001/tcp", "ORDERS_PORT", 1)],
    ),
    "a port out of range": ("ORDERS_PORT=70000\n", [("env-set", "ORDERS_PORT", "70000", 1)]),
}


@pytest.mark.parametrize(("text", "expected"), ENV.values(), ids=ENV.keys())
def test_an_env_file_is_read(text: str, expected: list[tuple[str, str, str | None, int]]) -> None:
    found = list(project_env.facts(".env", ".env", None, text))
    assert summary(found) == expected
    assert all("hunter22" not in fact.text for fact in found)


def test_an_example_file_declares_and_sets_nothing() -> None:
    (fact,) = project_env.facts(".env.example", ".env.example", None, "A=1\n")
    assert (fact.kind, fact.details["form"]) == (FactKind.ENV_DECLARED, "example")


COMPOSE_PORTS = {
    "short": ('"3000:80"', [("3000/tcp", "80", "")]),
    "with a host": ('"127.0.0.1:3000:80"', [("3000/tcp", "80", "127.0.0.1")]),
    "with IPv6": ('"[::1]:3000:80"', [("3000/tcp", "80", "::1")]),
    "udp": ('"3000:80/udp"', [("3000/udp", "80", "")]),
    "a range": ('"3000-3002:80-82"', [(f"{3000 + n}/tcp", str(80 + n), "") for n in range(3)]),
    "a range of which one is picked": ('"3000-3002:80"', [("any/tcp", "80", "")]),
    "container only": ('"80"', [("any/tcp", "80", "")]),
    "a range of containers": ('"80-81"', [("any/tcp", "80", ""), ("any/tcp", "81", "")]),
    "a number": ("80", [("any/tcp", "80", "")]),
    "a host and any port": ('"127.0.0.1::80"', [("any/tcp", "80", "127.0.0.1")]),
    "IPv6 without brackets": ('"::1:3000:80"', [("3000/tcp", "80", "::1")]),
    "no address": ('"localhost:3000:80"', []),
    "two numbers that PyYAML could read as base 60": ("3000:80", [("3000/tcp", "80", "")]),
    "out of range": ('"70000:80"', []),
    "a protocol that is none": ('"3000:80/http"', []),
    "a variable with a default": ('"${PORT_X:-3000}:80"', [("3000/tcp", "80", "")]),
    "a variable that is set": ('"${WEB:-1}:80"', [("3005/tcp", "80", "")]),
    "a variable that is not": ('"${NOPE}:80"', []),
    "a variable that must be set": ('"${NOPE:?set it}:80"', []),
    "a bare variable": ('"$WEB:80"', [("3005/tcp", "80", "")]),
    "a default in a default": ('"${NOPE:-${WEB}}:80"', [("3005/tcp", "80", "")]),
    "another where it is set": ('"${WEB:+4000}:80"', [("4000/tcp", "80", "")]),
    "a variable for the address": ('"${NOPE:-127.0.0.1}:${WEB}:80"', [("3005/tcp", "80", "127.0.0.1")]),
    "a brace that is never closed": ('"${WEB:80"', []),
    "long": ("{target: 80, published: 3000, protocol: udp}", [("3000/udp", "80", "")]),
    "long with an address": ('{target: 80, published: "3000", host_ip: "::1"}', [("3000/tcp", "80", "::1")]),
    "long with a range of which one is picked": (
        '{target: 80, published: "3000-3010"}',
        [("any/tcp", "80", "")],
    ),
    "long without a host port": ("{target: 80}", [("any/tcp", "80", "")]),
    "long with a variable": ('{target: 80, published: "${WEB}"}', [("3005/tcp", "80", "")]),
    "long without a container port": ("{published: 3000}", []),
}


@pytest.mark.parametrize(("port", "expected"), COMPOSE_PORTS.values(), ids=COMPOSE_PORTS.keys())
def test_published_ports_are_read(port: str, expected: list[tuple[str, str, str]]) -> None:
    text = f"services:\n  web:\n    ports:\n      - {port}\n"
    facts = project_compose.facts("docker-compose.yml", text, {"WEB": "3005"})
    ports = [fact for fact in facts if fact.kind is FactKind.PORT]
    assert [(fact.name, fact.value, fact.details["host"]) for fact in ports] == expected
    assert {fact.line for fact in ports} <= {4}


def test_compose_environment_and_merge_keys_are_read() -> None:
    text = (
        "x-base: &base\n  environment:\n    A_KEY: one\n    BARE:\nservices:\n  web:\n    <<: *base\n  job:\n"
        "    environment:\n      - B_KEY=two\n      - C_KEY\n    image: x:${TAG_KEY}\n"
    )
    facts = [f for f in project_compose.facts("c.yml", text, {}) if f.kind is not FactKind.SERVICE]
    assert [(f.kind.value, f.service, f.name, f.value) for f in facts] == [
        ("env-set", "web", "A_KEY", "one"),
        ("env-declared", "web", "BARE", None),
        ("env-set", "job", "B_KEY", "two"),
        ("env-declared", "job", "C_KEY", None),
        ("env-declared", None, "TAG_KEY", None),
    ]


def test_a_dockerfile_sets_variables() -> None:
    facts = project_compose.dockerfile_facts("Dockerfile", "web", 'FROM x\nENV A=1 B="two"\nENV C three\n')
    assert [(fact.name, fact.value, fact.line) for fact in facts] == [
        ("A", "1", 2),
        ("B", "two", 2),
        ("C", "three", 3),
    ]


MARKDOWN = {
    "streams and groups": (
        "| stream | consumer groups |\n| --- | --- |\n| `orders.new` | `desk` (a), `board` (b) |\n",
        [
            ("stream", "orders.new", None, 3),
            ("group", "desk", "orders.new", 3),
            ("group", "board", "orders.new", 3),
        ],
    ),
    "no groups": ("| Stream | Group |\n|---|---|\n| orders:new | – |\n", [("stream", "orders:new", None, 3)]),
    "another table": ("| service | does |\n| --- | --- |\n| `orders.new` | x |\n", []),
    "prose in a cell": ("| stream | group |\n|---|---|\n| none of these | x y |\n", []),
    "a table in a code block": ("```\n| stream |\n| --- |\n| `orders.new` |\n```\n", []),
    "an env block": ("```sh\nexport A_KEY=1\n```\n", [("env-declared", "A_KEY", "1", 2)]),
    "an env table": (
        "| variable | default |\n|---|---|\n| `A_KEY` | 1 |\n",
        [("env-declared", "A_KEY", "1", 3)],
    ),
    "an env table with a bar in a cell": (
        "| variable | default |\n|---|---|\n| `A_KEY` | `a\\|b` |\n",
        [("env-declared", "A_KEY", "a|b", 3)],
    ),
    "a secret in an env table": (
        "| variable | default |\n|---|---|\n| `A_PASSWORD` | hunter22 |\n",
        [("env-declared", "A_PASSWORD", "[masked:a_password]", 3)],
    ),
    "ports": (
        "| service | port | does |\n|---|---|---|\n| web | 3000 | x |\n| db | 5432 and 5433 | y |\n",
        [("port", "3000/tcp", None, 3)],
    ),
    "a code span": ("Set `A_KEY` first.\n", [("env-declared", "A_KEY", None, 1)]),
}


@pytest.mark.parametrize(("text", "expected"), MARKDOWN.values(), ids=MARKDOWN.keys())
def test_a_document_is_read(text: str, expected: list[tuple[str, str, str | None, int]]) -> None:
    assert summary(list(project_docs.markdown_facts("README.md", None, text))) == expected


ASYNCAPI = {
    "version 3": (
        ("asyncapi: 3.0.0\nchannels:\n  placed:\n    address: orders.placed\noperations:\n  take:\n    action: receive\n"
        "    summary: consumer group desk\n    channel:\n      $ref: '#/channels/placed'\n"),
        [("stream", "orders.placed", None, 4), ("group", "desk", "orders.placed", 8)],
    ),
    "version 2": ("asyncapi: 2.6.0\nchannels:\n  orders.placed:\n    x-consumer-group: desk\n",
        [("stream", "orders.placed", None, 3), ("group", "desk", "orders.placed", 4)]),
    "groups of version 2's operations": (
        ("asyncapi: 2.6.0\nchannels:\n  orders.placed:\n    subscribe:\n      x-consumer-group: desk\n    publish:\n"
        "      summary: the consumer group `board` of analytics\n"),
        [("stream", "orders.placed", None, 3), ("group", "board", "orders.placed", 7), ("group", "desk", "orders.placed", 5)],
    ),
    "several groups and a stream of its own": (
        "asyncapi: 3.0.0\nchannels:\n  a:\n    address: ignored\n    x-redis-stream: orders.placed\n    x-consumer-groups: [desk, board]\n",
        [("stream", "orders.placed", None, 5), ("group", "desk", "orders.placed", 6), ("group", "board", "orders.placed", 6)],
    ),
    "a channel behind a reference": (
        "asyncapi: 3.0.0\nchannels:\n  a: {$ref: '#/components/channels/b'}\ncomponents:\n  channels:\n    b:\n      address: orders.placed\n",
        [("stream", "orders.placed", None, 7)],
    ),
    "json": ('{"asyncapi": "2.6.0", "channels": {"orders.placed": {}}}', [("stream", "orders.placed", None, 1)]),
    "another broker": ("asyncapi: 2.6.0\nservers:\n  x:\n    protocol: kafka\nchannels:\n  a.b: {}\n", []),
    "odd shapes": ("asyncapi: 2.6.0\nchannels: [a, b]\noperations: 7\n", []),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ASYNCAPI.values(), ids=ASYNCAPI.keys())
def test_asyncapi_is_read(text: str, expected: list[tuple[str, str, str | None, int]]) -> None:
    assert project_asyncapi.is_asyncapi(text)
    assert summary(list(project_asyncapi.facts("a.yaml", None, text))) == expected


BROKEN = {
    "invalid YAML": {"docker-compose.yml": "services:\n  a: [\n"},
    "invalid package.json": {"package.json": "{"},
    "invalid pyproject": {"pyproject.toml": "["},
    "deep YAML": {"docker-compose.yml": "services: " + "[" * 3000},
}


@pytest.mark.parametrize("files", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_cannot_be_parsed_is_a_gap(files: dict[str, str], tmp_path: Path) -> None:
    index = index_of(tmp_path, files | {"app.py": 'r.xadd("s1", {})'})
    assert [gap.what for gap in index.gaps] == list(files)
    assert len(index.uses) == 1


def test_a_bomb_of_aliases_stays_small() -> None:
    lines = ["a0: &a0 {x: 1}"] + [
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)
    ]
    text = "\n".join([*lines, "services:", "  web:", "    <<: *a11"])
    assert len(list(project_compose.facts("docker-compose.yml", text, {}))) == 1


def test_a_variable_that_a_manifest_names_is_known(tmp_path: Path) -> None:
    index = index_of(
        tmp_path, {"app.py": 'import os\nX = os.environ["A_KEY"]', "k8s/app.yaml": "env:\n  - name: A_KEY\n"}
    )
    assert [(fact.path, fact.line, fact.details["form"]) for fact in index.facts] == [
        ("k8s/app.yaml", 2, "mention")
    ]


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("AB_=\"' #\n\\$`{}é\x00\r"), max_size=80))
def test_no_text_breaks_the_env_reader(text: str) -> None:
    list(project_env.facts(".env", ".env", None, text))


@settings(max_examples=200, deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from(["services:", "ports:", "- ", "a", ": ", "\n", "  ", "[", "]", "{", "}", "&a", " *a", "<<", "'80:80'", "\x07", "!!python/object:os.x "]),
        max_size=40,
    )
)  # fmt: skip
def test_no_text_breaks_the_compose_reader(pieces: list[str]) -> None:
    try:
        list(project_compose.facts("docker-compose.yml", "".join(pieces), {}))
        project_compose.services("docker-compose.yml", "".join(pieces))
    except (yaml.YAMLError, ValueError):
        return  # both become a gap in the caller


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("|-`: \nstreamgroupA_KEY=#"), max_size=120))
def test_no_text_breaks_the_document_reader(text: str) -> None:
    list(project_docs.markdown_facts("a.md", None, text))


def test_a_secret_at_the_edge_of_what_is_shown_of_a_line_is_masked_first(tmp_path: Path) -> None:
    token = "np" + "m_" + "a1B2" * 9
    line = "NOTE=" + "word " * 97 + token
    assert len(line) - len(token) < 500 < len(line)
    shown = project_env.shown_line(line)
    assert token[:6] not in shown
    assert len(shown) <= 500
