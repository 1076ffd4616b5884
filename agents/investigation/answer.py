"""What the model hands in: a reading of findings, findings that are one thing, and findings of its own.

The API is given `schema`, which is strict. What comes back is read item by item all the same, so that one bad item
costs only itself; lengths and the severity a model may give are kept here, whatever it says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agents.model.messages import encodable
from tools.findings.model import (
    AgentId,
    ConfigCategory,
    Effort,
    Impact,
    LogCategory,
    ScoutCategory,
    Severity,
    StreamCategory,
)

ITEMS_MAX = 40
"""Of each kind in one answer."""
QUOTES_MAX = 8
QUOTE_CHARS_MAX = 2000
TEXT_CHARS_MAX = 1200
TITLE_CHARS_MAX = 160
_WHERE_CHARS_MAX = 80
"""Of the place of a problem: the names in it may be the model's."""

CATEGORIES = {
    AgentId.LOG_WATCHER: tuple(LogCategory),
    AgentId.REDIS_STREAM_ANALYST: tuple(StreamCategory),
    AgentId.CONFIG_AUDITOR: tuple(ConfigCategory),
    AgentId.ENHANCEMENT_SCOUT: tuple(
        c for c in ScoutCategory if c is not ScoutCategory.CROSS_AGENT_SYNTHESIS
    ),
}


def _shortened(limit: int) -> BeforeValidator:
    def cut(value: object) -> object:
        return value if not isinstance(value, str) or len(value) <= limit else value[: limit - 1] + "…"

    return BeforeValidator(cut)


def _said(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("is empty")
    return value


Text = Annotated[str, BeforeValidator(_said), _shortened(TEXT_CHARS_MAX)]
Short = Annotated[str, _shortened(TITLE_CHARS_MAX)]
Confidence = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelQuote(_Part):
    """A verbatim piece, and where it stands."""

    source: str = Field(
        description="finding id, logs/<file>, streams/polls.jsonl, streams/samples.jsonl, or a file's path in the project"
    )
    text: str = Field(description="copied character by character, at least 8 characters")


class Explanation(_Part):
    """What a finding of a rule means."""

    finding_id: str
    hypothesis: Text = Field(description="the likely cause, and what speaks for it")
    recommendation: Text = Field(description="what to do: names the file, setting or command")
    related_findings: tuple[str, ...] = Field(description="ids of findings that this rests on; may be empty")
    quotes: tuple[ModelQuote, ...] = Field(description="may be empty")
    confidence: Confidence


class SameThing(_Part):
    """Findings that are one thing."""

    finding_ids: tuple[str, ...] = Field(description="two or more")
    why: Text


class OwnFinding(_Part):
    """Something that no rule found. Every field is given; "" where it does not apply."""

    title: Annotated[str, BeforeValidator(_said), _shortened(TITLE_CHARS_MAX)]
    category: str
    severity: Literal["MEDIUM", "LOW", "INFO"]
    service: Short
    stream: Short
    consumer_group: Short
    files: tuple[Short, ...]
    hypothesis: Text
    recommendation: Text
    expected: Short
    actual: Short
    effort: Effort
    impact: Impact
    related_findings: tuple[str, ...]
    quotes: tuple[ModelQuote, ...] = Field(description="one or more: the evidence")
    confidence: Confidence


class Answer(_Part):
    """Everything at once."""

    explanations: tuple[Explanation, ...]
    same: tuple[SameThing, ...]
    findings: tuple[OwnFinding, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What was understood of an answer, and what was not, a sentence each."""

    explanations: tuple[Explanation, ...] = ()
    same: tuple[SameThing, ...] = ()
    findings: tuple[OwnFinding, ...] = ()
    problems: tuple[str, ...] = ()
    lowered: int = 0
    """Findings whose severity was above what a model may give."""


@cache
def schema(agent: AgentId) -> Mapping[str, Any]:
    """The JSON Schema of an agent's answer; made once, and not to be changed."""
    made = Answer.model_json_schema()
    made["$defs"]["OwnFinding"]["properties"]["category"] = {
        "type": "string",
        "enum": [category.value for category in CATEGORIES[agent]],
    }
    return made


def parse(text: str, agent: AgentId) -> Draft:
    """Read an answer. What is no JSON object is one problem; a bad item is one too, and the others stand."""
    try:
        data = encodable(json.loads(text))
    except (ValueError, RecursionError) as error:
        return Draft(problems=(f"the answer is not JSON: {str(error)[:120]}",))
    if not isinstance(data, dict):
        return Draft(problems=("the answer is not an object",))
    problems: list[str] = []
    explanations = tuple(_items(data, "explanations", Explanation, problems))
    same = tuple(_items(data, "same", SameThing, problems))
    lowered = _lower(data.get("findings"))
    findings: list[OwnFinding] = []
    for number, finding in enumerate(_items(data, "findings", OwnFinding, problems)):
        if finding.category in {category.value for category in CATEGORIES[agent]}:
            findings.append(finding)
        else:
            problems.append(f"findings[{number}].category: {finding.category!r:.40} is not one of yours")
    return Draft(explanations, same, tuple(findings), tuple(problems), lowered)


_Item = TypeVar("_Item", bound=BaseModel)


def _items(data: Mapping[str, Any], name: str, kind: type[_Item], problems: list[str]) -> Iterator[_Item]:
    given = data.get(name)
    if not isinstance(given, list):
        problems.append(f"{name} is not a list")
        return
    if len(given) > ITEMS_MAX:
        problems.append(f"{name} has {len(given)} items; the first {ITEMS_MAX} count")
    for number, item in enumerate(given[:ITEMS_MAX]):
        try:
            yield kind.model_validate(item)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])[:_WHERE_CHARS_MAX]
            problems.append(f"{name}[{number}].{where}: {first['msg']}")


def _lower(given: object) -> int:
    """Bring severities above MEDIUM down to it, in place; returns how many there were."""
    above = {Severity.CRITICAL.value, Severity.HIGH.value}
    lowered = 0
    for item in given if isinstance(given, list) else ():
        if isinstance(item, dict) and item.get("severity") in above:
            item["severity"] = Severity.MEDIUM.value
            lowered += 1
    return lowered
