"""What agents beside the session hand in: the schema, the gate and the recorder of the session's own investigations.

Whoever drives agents of their own (an MCP client) calls `hand_in` with claims of one of the four. What passes is in
the journals and the report like what the session's model said; what does not is counted, and its reasons are told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agents.evidence_gate import EvidenceGate
from agents.investigation import accept
from agents.investigation.accept import Author
from agents.investigation.answer import CATEGORIES, ITEMS_MAX, Answer, parse
from tools.clock import Clock, iso
from tools.errors import FunctionRefused
from tools.findings.journal import Journal
from tools.findings.model import AgentId, Effort, Impact
from tools.findings.turn import turn
from tools.sources import handed_in
from tools.sources.handed_in import HandIn
from tools.workspace import Workspace

PROMPT = "mcp"
"""Stands where the prompt's name and version stand in what the session's own model said: nobody here knows it."""
BYTES_MAX = 256 * 1024
"""Of one call's arguments."""
RECORD_BYTES_MAX = 16 * 1024 * 1024
"""Of all calls of a session: sixty of the largest, thousands of the usual. An agent in a circle fills no disk."""
REASONS_MAX = 20
_KINDS = ("explanations", "same", "findings")
_MAY_BE_LEFT_OUT: Mapping[str, Mapping[str, object]] = {
    "explanations": {"related_findings": [], "quotes": []},
    "same": {},
    "findings": {
        "service": "",
        "stream": "",
        "consumer_group": "",
        "files": [],
        "expected": "",
        "actual": "",
        "related_findings": [],
    },
}
_OF_THE_SCOUT = {"effort": Effort.HOURS_2_4.value, "impact": Impact.LOW.value}
"""Nothing is made of these where another agent finds something."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where claims are held against and written. `clock` dates them."""

    workspace: Workspace
    project_root: Path
    clock: Clock


@cache
def schema() -> Mapping[str, Any]:
    """The JSON Schema of the arguments; made once, and not to be changed."""
    made = Answer.model_json_schema()
    for kind, name in (("explanations", "Explanation"), ("same", "SameThing"), ("findings", "OwnFinding")):
        part = made["$defs"][name]
        optional = {*_MAY_BE_LEFT_OUT[kind], *(_OF_THE_SCOUT if kind == "findings" else {})}
        part["required"] = [field for field in part["required"] if field not in optional]
        made["properties"][kind] |= {"default": [], "maxItems": ITEMS_MAX}
    made["$defs"]["OwnFinding"]["properties"]["category"] = {
        "type": "string",
        "enum": list(dict.fromkeys(str(one) for agent in AgentId for one in CATEGORIES[agent])),
        "description": "; ".join(f"{agent}: {', '.join(CATEGORIES[agent])}" for agent in AgentId),
    }
    agent = {
        "type": "string",
        "enum": [str(agent) for agent in AgentId],
        "description": "the specialist that says it; an own finding's category is one of its own",
    }
    made["properties"] = {"agent": agent, **made["properties"]}
    made["required"] = ["agent"]
    made.pop("description", None)
    return made


def hand_in(place: Place, arguments: Mapping[str, object], client: str) -> Mapping[str, object]:
    """Check, gate and write what one agent says; `client` is who calls, as it will be shown.

    Returns what came of it. Raises FunctionRefused where nothing could be taken, OSError. Slow: it looks quotes up.
    """
    agent, claims = _agent_and_claims(arguments)
    if not handed_in.is_open(place.workspace):
        raise _closed()
    if handed_in.size(place.workspace) > RECORD_BYTES_MAX:
        raise FunctionRefused(
            f"This session has taken {RECORD_BYTES_MAX // 1024**2} MB of claims and takes no more: end your work."
        )
    draft = parse(json.dumps(claims), agent)
    at_ms = place.clock.now_ms()
    author = Author(agent, client, PROMPT)
    passed = accept.gate(draft, EvidenceGate(place.workspace, place.project_root), author, at_ms)
    with turn(place.workspace):
        if not handed_in.is_open(place.workspace):
            raise _closed()
        refused = len(passed.rejected)
        written = accept.write_in_turn(place.workspace, author, passed, at_ms)
        refused = len(passed.rejected) - refused  # what is no valid finding
        record = HandIn(
            at=iso(at_ms),
            agent=agent.value,
            client=client,
            readings=len(passed.readings),
            finding_ids=tuple(finding.finding_id for finding in written),
            repeated=len(passed.symptoms) - len(written) - refused,
            rejected=(*passed.rejected, *draft.problems),
            lowered=draft.lowered,
            claims=claims,
        )
        handed_in.write(place.workspace, record)
        _tell(place, record)
    return _told(record)


def _agent_and_claims(arguments: Mapping[str, object]) -> tuple[AgentId, dict[str, object]]:
    """Who says it, and the three lists with what may be left out filled in. Raises FunctionRefused."""
    unknown = sorted(str(name)[:40] for name in arguments.keys() - {"agent", *_KINDS})
    if unknown:
        raise FunctionRefused(f"There is no argument {unknown[0]!r}. It takes: agent, {', '.join(_KINDS)}.")
    names = [agent.value for agent in AgentId]
    agent = arguments.get("agent")
    if agent not in names:
        raise FunctionRefused(f"Argument 'agent' is one of {', '.join(names)}.")
    claims = {kind: arguments.get(kind, []) for kind in _KINDS}
    if not any(claims.values()):
        raise FunctionRefused(f"Nothing was handed in: give one of {', '.join(_KINDS)}.")
    if len(json.dumps(claims, default=str)) > BYTES_MAX:
        raise FunctionRefused(f"That is more than {BYTES_MAX // 1024} KB in one call: hand it in in parts.")
    return AgentId(str(agent)), {kind: _filled(kind, given, str(agent)) for kind, given in claims.items()}


def _filled(kind: str, given: object, agent: str) -> object:
    if not isinstance(given, list):
        return given
    usual = dict(_MAY_BE_LEFT_OUT[kind])
    if kind == "findings" and agent != AgentId.ENHANCEMENT_SCOUT:
        usual |= _OF_THE_SCOUT
    return [usual | item if isinstance(item, dict) else item for item in given]


def _closed() -> FunctionRefused:
    return FunctionRefused(
        "The session takes no findings any more: its report is made, or was. Begin another session for more."
    )


def _tell(place: Place, record: HandIn) -> None:
    with Journal(place.workspace.events) as events:
        events.append(
            {
                "type": "handed-in",
                "at": record.at,
                "agent": record.agent,
                "client": record.client,
                "readings": record.readings,
                "ownFindings": list(record.finding_ids),
                "rejected": len(record.rejected),
                "reasons": list(record.rejected[:10]),
                "lowered": record.lowered,
            }
        )


def _told(record: HandIn) -> Mapping[str, object]:
    """What the caller is answered with."""
    left_out = len(record.rejected) - REASONS_MAX
    return {
        "agent": record.agent,
        "readings": record.readings,
        "findingIds": list(record.finding_ids),
        "repeated": record.repeated,
        "rejected": len(record.rejected),
        "reasons": [*record.rejected[:REASONS_MAX], *([f"and {left_out} more"] if left_out > 0 else [])],
        "lowered": record.lowered,
    }
