"""After the window: the model words each cluster; a sentence that its findings do not carry is dropped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

import prompts
from agents.investigation.fence import Fence
from agents.model.messages import Ask, Model, ModelUnavailable, user
from agents.model.settings import Role
from tools.findings import readings
from tools.findings.model import AgentId, Finding, dump
from tools.findings.readings import Reading
from tools.report.context import prepare
from tools.synthesis import session_data
from tools.synthesis.clusters import Cluster
from tools.synthesis.wording import ClusterWording, Sentence, supported
from tools.workspace import Workspace

CLUSTERS_MAX = 6
"""The weightiest are worded; each is one call."""
_AT_ONCE = 3
_MEMBERS_MAX = 20
_TEXT_MAX, _EVIDENCE_MAX = 800, 600
_SENTENCES_MAX = 8
PROMPT = "synthesis"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SentenceDraft(_Part):
    """One sentence and the findings it rests on."""

    text: str
    finding_ids: tuple[str, ...]


class ClusterWords(_Part):
    """The words for one cluster."""

    root_cause: tuple[SentenceDraft, ...]
    chain: tuple[SentenceDraft, ...]
    blast_radius: tuple[SentenceDraft, ...]
    fix: tuple[SentenceDraft, ...]


async def word_session(
    workspace: Workspace, now_ms: int, model: Model, fence: Fence
) -> tuple[list[ClusterWording], list[str]]:
    """Words for the weightiest clusters of a session, and why others have none. Raises what its files raise."""
    context = await asyncio.to_thread(lambda: prepare(session_data.load(workspace, now_ms), now_ms))
    findings = {finding.finding_id: finding for finding in context.findings}
    said = [reading for agent in AgentId for reading in readings.read(workspace, agent)]
    return await word(context.clusters, findings, said, model, fence)


async def word(
    clusters: Sequence[Cluster],
    findings: Mapping[str, Finding],
    said: Sequence[Reading],
    model: Model,
    fence: Fence,
) -> tuple[list[ClusterWording], list[str]]:
    """Words for the weightiest clusters, and why others have none. Never raises for what the model does."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(cluster: Cluster) -> ClusterWording | str:
        async with turns:
            try:
                return await _word_one(cluster, findings, said, model, fence)
            except (ModelUnavailable, ValueError) as error:
                return f"{cluster.cluster_id}: {error}"

    made = await asyncio.gather(*(one(cluster) for cluster in clusters[:CLUSTERS_MAX]))
    wordings = [item for item in made if isinstance(item, ClusterWording)]
    return wordings, [item for item in made if isinstance(item, str)]


def conversation_of(cluster: Cluster) -> str:
    """How the transcript names the question about a cluster."""
    return f"wording-{cluster.cluster_id}"


async def _word_one(
    cluster: Cluster, findings: Mapping[str, Finding], said: Sequence[Reading], model: Model, fence: Fence
) -> ClusterWording:
    prompt = prompts.load(PROMPT).title
    reply = await model.ask(
        Ask(
            role=Role.SYNTHESIS,
            purpose="wording",
            prompt=prompt,
            conversation=conversation_of(cluster),
            system=prompts.render(PROMPT),
            messages=(user(fence.around(f"cluster {cluster.cluster_id}", _shown(cluster, findings, said))),),
            answer_schema=ClusterWords.model_json_schema(),
        )
    )
    try:
        words = ClusterWords.model_validate_json(reply.text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"no readable answer ({reply.stop_reason}; {first['msg']})") from error
    parts = {name: _sentences(getattr(words, name)) for name in ClusterWords.model_fields}
    kept = {name: supported(part, cluster.members) for name, part in parts.items()}
    return ClusterWording(
        root_fingerprint=cluster.root_fingerprint,
        members=cluster.members,
        dropped=sum(len(part) for part in parts.values()) - sum(len(part) for part in kept.values()),
        model=reply.model,
        prompt_version=prompt,
        **kept,
    )


def _sentences(drafts: Sequence[SentenceDraft]) -> list[Sentence]:
    return [
        Sentence(text=" ".join(draft.text.split())[:_TEXT_MAX], finding_ids=draft.finding_ids)
        for draft in drafts[:_SENTENCES_MAX]
    ]


def _shown(cluster: Cluster, findings: Mapping[str, Finding], said: Sequence[Reading]) -> str:
    members = [findings[name] for name in cluster.members[:_MEMBERS_MAX] if name in findings]
    about = frozenset(cluster.members)
    data: dict[str, Any] = {
        "cluster": cluster.cluster_id,
        "root": cluster.root,
        "chain": [f"{link.cause} -> {link.effect}: {link.says} (by {link.via})" for link in cluster.chain],
        "blastRadius": {"services": cluster.blast_radius.services, "streams": cluster.blast_radius.streams},
        "findings": [_finding(member) for member in members],
        "readings": [
            {"about": reading.finding_ids, "hypothesis": reading.hypothesis}
            for reading in said
            if about.issuperset(reading.finding_ids)
        ][:_MEMBERS_MAX],
    }
    return json.dumps(data, ensure_ascii=False)


def _finding(finding: Finding) -> dict[str, Any]:
    whole = dump(finding)
    kept = ("findingId", "category", "title", "hypothesis", "recommendation", "expected", "actual", "metrics")
    shown = {name: whole[name] for name in kept if name in whole}
    return shown | {"evidence": finding.evidence[:_EVIDENCE_MAX]}
