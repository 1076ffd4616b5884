"""Every JSON Schema that ships in `docs/schemas/`: findings, report, trace, and the events of section 7."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import BaseModel

from tools.findings.model import (
    FINDING,
    ConfigFinding,
    Enhancement,
    LogFinding,
    StreamFinding,
)
from tools.report.event_schemas import EVENTS
from tools.report.model import Report
from tools.sources.entry_samples import Record
from tools.sources.handed_in import HandIn
from tools.synthesis.flows.trace import Trace
from tools.synthesis.sessions.comparison import SessionComparison
from tools.synthesis.topology import Topology

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FINDINGS: dict[str, type[BaseModel]] = {
    "log-finding": LogFinding,
    "stream-finding": StreamFinding,
    "config-finding": ConfigFinding,
    "enhancement": Enhancement,
}


def export() -> dict[str, dict[str, Any]]:
    """File name, relative to `docs/schemas/` → JSON Schema (draft 2020-12), in a fixed order."""
    schemas = {name: model.model_json_schema(by_alias=True) for name, model in _FINDINGS.items()}
    schemas["finding"] = FINDING.json_schema(by_alias=True)
    schemas["all-findings"] = _all_findings()
    schemas["report"] = _report()
    schemas["comparison"] = struct(SessionComparison)
    schemas["trace"] = struct(Trace)
    schemas["topology"] = struct(Topology)
    schemas["sample"] = struct(Record)
    schemas["handed-in"] = struct(HandIn)
    for name, model in EVENTS.items():
        schemas[f"events/{name}"] = model.model_json_schema(by_alias=True)
    return {f"{name}.schema.json": {"$schema": DIALECT} | schema for name, schema in schemas.items()}


def _finding() -> tuple[dict[str, Any], dict[str, Any]]:
    """The union of findings as one definition, and the definitions it needs."""
    schema = FINDING.json_schema(by_alias=True)
    definitions = schema.pop("$defs")
    return schema, definitions


def _all_findings() -> dict[str, Any]:
    schema, definitions = _finding()
    return {"type": "array", "items": schema, "$defs": definitions}


def struct(kind: Any) -> dict[str, Any]:
    """The schema of a struct, or of a union of structs."""
    (reference,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    return {**reference, "$defs": components}


def _report() -> dict[str, Any]:
    """`report.json`: the report's own schema, its findings as the union, the two sets of definitions joined."""
    (reference,), components = msgspec.json.schema_components([Report], ref_template="#/$defs/{name}")
    finding, definitions = _finding()
    components["Report"]["properties"]["findings"] = {"type": "array", "items": finding}
    for name, schema in definitions.items():
        # Enumerations such as Severity stand in both; they are the same values.
        components.setdefault(name, schema)
    return {**reference, "$defs": components}
