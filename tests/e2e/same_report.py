"""What two reports of one system must have in common, whoever investigated beside the sessions."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from orchestrator.cli.schemas import schemas
from tools.workspace import Workspace

_OF_ITS_OWN = frozenset(
    {
        *("sessionId", "sessionIds", "timestamp", "lastSeen", "startedAt", "endedAt", "completedAt", "durationMs"),
        *("windowMs", "deadTimes", "comparison", "copy", "languageModel", "nextSession", "agents", "atMs"),
        *("untilMs", "ownCost", "about", "first"),
    }
)  # fmt: skip
"""Times, places in the session's own files, what tells of the session rather than of the system, and the first five
things to do, which among equals are those that were found first."""
_OF_MODELS = ("readings", "wordings")
_COUNTS = ("findings", "bySeverity", "byPriority", "byAgent", "byCategory", "byService", "drifts")
"""Of the dashboard: they count a model's own findings too, where there are any."""


def by_rules(workspace: Workspace, *, counts: bool = True) -> dict[str, Any]:
    """All of a report that rules say, held against its published schema; times and the session's own parts left out.

    Lists of records are put in one order: what is equally grave is told in the order in which it was found.
    Without `counts` for a session in which a model had findings of its own.
    """
    report = json.loads(workspace.path("report.json").read_bytes())
    jsonschema.validate(report, schemas()["report.schema.json"])
    of_models = {one["findingId"] for one in report["findings"] if one["origin"] != "measured"}
    said: dict[str, Any] = _without(report, of_models)
    for name in _OF_MODELS:
        assert said.pop(name) is not None
    for name in () if counts else _COUNTS:
        assert said["dashboard"].pop(name) is not None
    return said


def _without(data: Any, ids: set[str]) -> Any:
    if isinstance(data, dict):
        return {name: _without(value, ids) for name, value in data.items() if name not in _OF_ITS_OWN}
    if isinstance(data, list):
        kept = [_without(item, ids) for item in data if not _is_about(item, ids)]
        records = all(isinstance(item, dict) for item in kept)
        return sorted(kept, key=lambda item: json.dumps(item, sort_keys=True)) if records else kept
    return data


def _is_about(item: Any, ids: set[str]) -> bool:
    """Whether an entry of a list is about these findings alone."""
    if not isinstance(item, dict):
        return False
    about = {item.get("findingId"), *item.get("findingIds", ())} - {None}
    return bool(about) and about <= ids
