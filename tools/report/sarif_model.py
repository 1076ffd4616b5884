"""The part of SARIF 2.1.0 that we write, as records: names and nesting are the standard's.

What is None or empty by default is left out of the file.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

Level = Literal["error", "warning", "note"]


class Text(Struct, frozen=True, omit_defaults=True):
    """A `message` or a `multiformatMessageString`."""

    text: str
    markdown: str | None = None


class ArtifactLocation(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A file: a percent-encoded path, relative to what `uri_base_id` stands for."""

    uri: str | None = None
    uri_base_id: str | None = None
    description: Text | None = None


class Region(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A line, counted from 1; `end_column` is the column after its last character."""

    start_line: int
    start_column: int | None = None
    end_line: int | None = None
    end_column: int | None = None


class PhysicalLocation(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A place in a file."""

    artifact_location: ArtifactLocation
    region: Region | None = None


class Location(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Where a result, or what belongs to it, lies; `id` only where several are told apart."""

    physical_location: PhysicalLocation
    id: int | None = None
    message: Text | None = None


class Configuration(Struct, frozen=True):
    """The level that a rule usually has."""

    level: Level


class RuleProperties(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What code scanning sorts and filters rules by."""

    tags: tuple[str, ...]
    precision: str
    problem_severity: str = field(name="problem.severity")


class ReportingDescriptor(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One rule."""

    id: str
    name: str
    short_description: Text
    full_description: Text
    help: Text
    default_configuration: Configuration
    properties: RuleProperties


class Driver(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The product and its rules."""

    name: str
    semantic_version: str
    rules: tuple[ReportingDescriptor, ...]


class Tool(Struct, frozen=True):
    """What made the results."""

    driver: Driver


class ResultProperties(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Of a finding, what SARIF has no name for."""

    finding_id: str
    severity: str
    category: str
    occurrences: int
    services: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()


class Result(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One finding."""

    rule_id: str
    rule_index: int
    level: Level
    message: Text
    locations: tuple[Location, ...]
    partial_fingerprints: dict[str, str]
    rank: float
    properties: ResultProperties
    related_locations: tuple[Location, ...] = ()
    baseline_state: Literal["new"] | None = None


class Notification(Struct, frozen=True):
    """Something about the run that is no result."""

    message: Text
    level: Level


class Invocation(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """How the run went."""

    execution_successful: bool
    tool_execution_notifications: tuple[Notification, ...] = ()


class AutomationDetails(Struct, frozen=True):
    """`category/run`: what code scanning tells analyses of one commit apart by."""

    id: str


class Run(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One session."""

    tool: Tool
    invocations: tuple[Invocation, ...]
    automation_details: AutomationDetails
    original_uri_base_ids: dict[str, ArtifactLocation]
    column_kind: str
    results: tuple[Result, ...] = field(name="results")


class Log(Struct, frozen=True):
    """The file."""

    schema: str = field(name="$schema")
    version: str
    runs: tuple[Run, ...]
