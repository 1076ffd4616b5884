"""KEYS in a service: the server answers nobody else until it has looked at every key.

SCAN gives the same names in pieces. A `keys()` counts only on what is known or named as a Redis client, so
that maps, file stores and caches with a method of that name are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import dedent

from tools.detectors.code import known, snippets
from tools.detectors.contract import CodeView
from tools.findings.model import AgentId, Effort, Impact, Priority, ScoutCategory
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind, CodeUse

RULE = Rule(
    id="code.keys-command",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.PERFORMANCE,
    condition="KEYS on a Redis client in the code of a service",
    priority=Priority.P2_MEDIUM,
    effort=Effort.HOURS_2_4,
    impact=Impact.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)
_REDIS = re.compile(r"(?i)redis|valkey|\brdb\b|\bioredis\b")
_CLIENT = re.compile(r"(?i)(?:^|[._])(?:r|client|conn|connection|kv|db|store)(?:\(\))?$")
_GLOB = re.compile(r"[*?\[]")


def detect(view: CodeView) -> Iterator[Symptom]:
    """One symptom a call."""
    for use in known.of_kind(view.index, CodeKind.KEYS):
        if _on_redis(use) and not known.for_people(use) and not known.silenced(view.index, RULE.id, use):
            yield _symptom(use)


def _on_redis(use: CodeUse) -> bool:
    """A name that says Redis is enough; one that says only client needs a pattern as well."""
    receiver = use.around.receiver
    if _REDIS.search(receiver):
        return True
    return _CLIENT.search(receiver) is not None and _GLOB.search(use.name or "") is not None


def _symptom(use: CodeUse) -> Symptom:
    before = dedent(use.text)
    return Symptom(
        rule=RULE,
        title=f"KEYS {use.name} in {use.path} stops the server while it runs",
        entity=(use.path,),
        location=use.text,
        evidence=(use.quote(),),
        recommendation=(
            f"Iterate with SCAN at {use.path}:{use.line}, or keep the names in a set; KEYS walks the whole "
            "keyspace in one step, and every stream waits for it."
        ),
        position=(use.path, 0),
        pattern="one command over all keys",
        services=known.services_of((use,)),
        files=known.files_of((use,)),
        snippet_before=before,
        snippet_after=snippets.scanned(before, use),
    )
