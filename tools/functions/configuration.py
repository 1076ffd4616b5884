"""What configuration files and documents declare, and the schemas of messages, from the session's index."""

from __future__ import annotations

from typing import Literal

import msgspec
from pydantic import Field

from tools.functions.code_index import index_of, numbered
from tools.functions.contract import CONFIG, LOGS, SCOUT, TEXT_MAX, Desk, Page, PagedArguments, ToolFunction
from tools.functions.masked import named_value
from tools.functions.patterns import named
from tools.sources.records import ConfigFact, MessageSchema

_FACTS, _SCHEMAS = 40, 15


class FactsArguments(PagedArguments):
    """Which declarations."""

    kind: Literal[
        "", "env-set", "env-declared", "port", "stream", "group", "service", "exposed", "listens", "command", "version",
        "logs",
    ] = Field(
        default="",
        description="service: services of compose files; port, exposed: declared ports; listens: where code listens; "
        "stream, group: names in documents and AsyncAPI; command: start commands; version: engines, images, packages; "
        "logs: how code logs; env-set, env-declared: variables. Empty: all.",
    )  # fmt: skip
    service: str = Field(
        default="", max_length=TEXT_MAX, description="Of this service; * for any characters."
    )
    name: str = Field(default="", max_length=TEXT_MAX, description="Of this name; * for any characters.")
    path: str = Field(default="", max_length=TEXT_MAX, description="In this file; * for any characters.")
    form: Literal[
        "", "env", "example", "compose", "dockerfile", "table", "asyncapi", "text", "mention", "code"
    ] = Field(
        default="", description="Said in this form; mention: a document or script names it. Empty: all."
    )


class SchemasArguments(PagedArguments):
    """Which schemas."""

    stream: str = Field(default="", max_length=TEXT_MAX, description="Of this stream; * for any characters.")
    service: str = Field(
        default="", max_length=TEXT_MAX, description="Of this service; * for any characters."
    )


def facts(desk: Desk, arguments: FactsArguments) -> Page:
    """Declarations, in the order of the index: by file and line."""
    found = [
        fact
        for fact in index_of(desk).facts
        if arguments.kind in {"", fact.kind.value}
        and arguments.form in {"", fact.details.get("form")}
        and named(arguments.service, fact.service)
        and named(arguments.name, fact.name)
        and named(arguments.path, fact.path)
    ]
    return numbered([_fact(fact) for fact in found], arguments, _FACTS, {"facts": len(found)})


def schemas(desk: Desk, arguments: SchemasArguments) -> Page:
    """Schemas of messages, in the order of the index."""
    found = [
        schema
        for schema in index_of(desk).schemas
        if named(arguments.stream, schema.stream) and named(arguments.service, schema.service)
    ]
    return numbered([_schema(schema) for schema in found], arguments, _SCHEMAS, {"schemas": len(found)})


def _fact(fact: ConfigFact) -> dict[str, object]:
    return {
        "kind": fact.kind.value,
        "service": fact.service,
        "path": fact.path,
        "line": fact.line,
        "text": fact.text,
        "name": fact.name,
        "value": named_value(fact.name, fact.value),
        "details": dict(fact.details),
    }


def _schema(schema: MessageSchema) -> dict[str, object]:
    whole: dict[str, object] = msgspec.to_builtins(schema)
    return whole


FUNCTIONS: tuple[ToolFunction, ...] = (
    ToolFunction(
        "config_facts",
        "What the project's files declare: compose services, ports, environment variables, streams and groups in "
        "documents and AsyncAPI, versions, start commands, log settings; each with file, line and the line itself. From "
        "the session's index. Not told: what runs (commands) and what code does (code_uses).",
        FactsArguments,
        frozenset({LOGS, CONFIG, SCOUT}),
        facts,
    ),
    ToolFunction(
        "config_schemas",
        "Schemas of messages that documents (AsyncAPI, JSON Schema) and code (pydantic, zod, interfaces) declare: stream, "
        "service, fields with types, file and line. whole is false where a part could not be read. From the session's index.",
        SchemasArguments,
        frozenset({CONFIG, SCOUT}),
        schemas,
    ),
)
