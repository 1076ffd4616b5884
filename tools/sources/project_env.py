"""Env files: what is set, what is declared only, what is documented in a comment. Values are masked."""

from __future__ import annotations

import io
from collections.abc import Iterator

import re2
from dotenv.parser import parse_stream
from msgspec.structs import replace

from tools import masking, secret_finder
from tools.sources.records import ConfigFact, FactKind
from tools.sources.secret_literals import masked_code
from tools.sources.source_lines import lines_of

_NAME = re2.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMMENTED = re2.compile(r"#\s*(?:export\s+)?([A-Z_][A-Z0-9_]*)\s*=.*")
_EXAMPLE = re2.compile(r"(?i).*(?:example|sample|template|dist|default|schema).*")
_DOCKER_SPACED = re2.compile(r"(?i)(\s*ENV\s+)([a-z_]\w*)(\s+)([^\s=].*)")
"""`ENV NAME value`: the form of a Dockerfile without an equals sign, where the value is all the rest."""
_LINE_READ, _LINE_SHOWN = 2048, 500
_PORT_NAME = re2.compile(r"(?:([A-Z0-9_]+)_)?PORT")


def is_example(name: str) -> bool:
    """Whether a file of this name documents variables instead of setting them."""
    return _EXAMPLE.fullmatch(name) is not None


def facts(path: str, name: str, service: str | None, text: str) -> Iterator[ConfigFact]:
    """Facts of one env file. Lines that are no assignment are left out; nothing is raised for any text."""
    example = is_example(name)
    lines = lines_of(text)
    documented: set[str] = set()
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or binding.key is None or not _NAME.fullmatch(binding.key):
            continue
        # A binding swallows the blank and comment lines before it: its own line is where its key stands.
        line = _line_of(lines, binding.original.line, binding.key)
        documented.add(binding.key)
        is_set = not example and binding.value is not None
        made = ConfigFact(
            kind=FactKind.ENV_SET if is_set else FactKind.ENV_DECLARED,
            service=service,
            path=path,
            line=line,
            text=_line_text(lines, line),
            name=binding.key,
            value=masked_value(binding.key, binding.value),
            details={"form": "example" if example else "env"},
        )
        yield made
        if is_set and binding.value is not None:
            yield from _port(made, binding.value)
    for number, raw in enumerate(lines, 1):
        found = _COMMENTED.fullmatch(raw.strip())
        if found is not None and found.group(1) not in documented:
            yield ConfigFact(
                kind=FactKind.ENV_DECLARED,
                service=service,
                path=path,
                line=number,
                text=_line_text(lines, number),
                name=found.group(1),
                details={"form": "example" if example else "env"},
            )


def masked_value(name: str, value: str | None) -> str | None:
    """A value as it may be written: gone where its name says secret, else with its secrets masked."""
    if value and secret_finder.names_a_secret(name):
        return value if value.startswith("[masked:") else f"[masked:{name.lower()}]"
    return None if value is None else masking.mask(value)


def masked_line(line: str) -> str:
    """A line of an env file or of a Dockerfile, masked; the value of a variable that names a secret goes whole."""
    name, equals, value = line.partition("=")
    bare = name.strip().lstrip("#").strip().removeprefix("export ").strip()
    if equals and value.strip() and secret_finder.names_a_secret(bare):
        return f"{name}={masked_value(bare, value.strip())}"
    found = _DOCKER_SPACED.fullmatch(line)
    if found is not None and secret_finder.names_a_secret(found.group(2)):
        return (
            f"{found.group(1)}{found.group(2)}{found.group(3)}{masked_value(found.group(2), found.group(4))}"
        )
    return masked_code(line)


def shown_line(line: str) -> str:
    """A line of a file as a fact shows it: masked, then cut."""
    return masked_line(line.strip()[:_LINE_READ])[:_LINE_SHOWN]


def line_of_value(line: str, name: str, value: str | None) -> str:
    """`shown_line` of a line that gives a value to a variable: where the name says secret, the value goes wherever it stands."""
    if value and secret_finder.names_a_secret(name) and not value.startswith("[masked:"):
        line = line[:_LINE_READ].replace(value, f"[masked:{name.lower()}]")
    return shown_line(line)


def _port(made: ConfigFact, value: str) -> Iterator[ConfigFact]:
    """A port that an env file gives to a service: `ORDERS_PORT=3001`."""
    found = _PORT_NAME.fullmatch(made.name)
    if found is None or not value.isdecimal() or not value.isascii() or len(value) > 5:
        return
    if not 0 < int(value) < 65536:
        return
    owner = made.service or (found.group(1) or "").lower().replace("_", "-") or None
    yield replace(made, kind=FactKind.PORT, service=owner, name=f"{value}/tcp", value=made.name)


def _line_of(lines: list[str], first: int, key: str) -> int:
    for number in range(first, min(first + 200, len(lines) + 1)):
        bare = lines[number - 1].strip().removeprefix("export ").strip()
        if bare.strip("'\"").startswith(key) or bare.startswith(f"'{key}"):
            return number
    return first


def _line_text(lines: list[str], number: int) -> str:
    return shown_line(lines[number - 1]) if 0 < number <= len(lines) else ""
