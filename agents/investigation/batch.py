"""What one investigation is about, in words: focus tasks first, then findings, the worst first, all fenced."""

from __future__ import annotations

import json
from collections.abc import Sequence

from msgspec import Struct

import prompts
from agents.investigation.fence import Fence
from agents.model.messages import Message, user
from tools.findings.model import Finding, dump, rank_of
from tools.quantities import format_duration

FINDINGS_MAX = 12
"""In one investigation; the milder ones wait for the next."""
_CUT = {
    "evidence": 1500,
    "hypothesis": 600,
    "recommendation": 600,
    "codeSnippetBefore": 800,
    "codeSnippetAfter": 0,
}
_LEFT_OUT = frozenset({
    "evidenceRefs", "fingerprint", "countedTo", "revision", "agentId", "origin",
    "members", "moreMembers",  # the hypothesis names the first and their number
})  # fmt: skip


class FocusTask(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the orchestrator asks an agent to look at. `until_ms` is when it is of no use any more (ms since epoch)."""

    task_id: str
    agent: str
    entity: str
    question: str
    until_ms: int


class Left(Struct, frozen=True):
    """What is left: seconds of the window, findings that wait for later.

    `stopped`: the session has stopped what it had started.
    """

    seconds: float
    findings: int = 0
    stopped: bool = False


class Batch(Struct, frozen=True):
    """What one investigation takes up."""

    findings: tuple[Finding, ...]
    focus: tuple[FocusTask, ...] = ()


def opening(batch: Batch, fence: Fence, left: Left) -> Message:
    """The first message of an investigation."""
    # The entity is a name of the audited system, and whoever worded the question had read its texts.
    asked = "\n".join(json.dumps({"entity": task.entity, "question": task.question}) for task in batch.focus)
    shown = "\n".join(fence.around(f"finding {one.finding_id}", _shown(one)) for one in batch.findings)
    return user(
        prompts.render(
            "investigation_batch",
            focus=fence.around("focus tasks", asked) if asked else "",
            findings=shown or "none; there is only the focus",
            time_left=format_duration(max(0, round(left.seconds))),
            left_out=left.findings,
            stopped=left.stopped,
        )
    )


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """In the order in which they are taken up."""
    return sorted(findings, key=lambda finding: (rank_of(finding), finding.timestamp, finding.finding_id))


def _shown(finding: Finding) -> str:
    data = {key: _cut(key, value) for key, value in dump(finding).items() if key not in _LEFT_OUT}
    data["source"] = _places(finding)
    return json.dumps(
        {key: value for key, value in data.items() if value not in ("", [], ())}, ensure_ascii=False
    )


def _cut(key: str, value: object) -> object:
    limit = _CUT.get(key)
    if limit is None or not isinstance(value, str) or len(value) <= limit:
        return value
    return f"{value[:limit]}…(+{len(value) - limit} characters)" if limit else ""


def _places(finding: Finding) -> list[str]:
    """Where its evidence lies, as a quote may name it."""
    places = [
        f"{reference.source}:{reference.locator.line}" if reference.locator.line else reference.source
        for reference in finding.evidence_refs[:5]
    ]
    return list(dict.fromkeys(places))
