"""A model's words for a cluster, each sentence with the findings that it rests on. `recording/wording.json`.

Words stand beside what the rules said of the cluster and replace nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from tools.workspace import Workspace

FILE = ("recording", "wording.json")
_ID = re.compile(r"\b(?:LW|RSA|CA|ES)-\d{3,}\b")


class Sentence(Struct, frozen=True, kw_only=True, rename="camel"):
    """One sentence and the findings that prove it."""

    text: str
    finding_ids: tuple[str, ...]


class ClusterWording(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a model says of the cluster with this root and these members. `dropped` sentences had no support."""

    root_fingerprint: str
    members: tuple[str, ...]
    root_cause: tuple[Sentence, ...]
    chain: tuple[Sentence, ...]
    blast_radius: tuple[Sentence, ...]
    fix: tuple[Sentence, ...]
    dropped: int = 0
    model: str
    prompt_version: str


def supported(sentences: Iterable[Sentence], members: Sequence[str]) -> tuple[Sentence, ...]:
    """The sentences that cite findings of the cluster, and name no other."""
    known = frozenset(members)
    return tuple(
        sentence
        for sentence in sentences
        if sentence.text.strip()
        and sentence.finding_ids
        and known.issuperset(sentence.finding_ids)
        and known.issuperset(_ID.findall(sentence.text))
    )


def write(workspace: Workspace, wordings: Sequence[ClusterWording]) -> None:
    """Write all wordings of a session. Raises OSError."""
    workspace.write_json(workspace.path(*FILE), list(wordings))


def read(workspace: Workspace) -> tuple[ClusterWording, ...]:
    """The wordings of a session; none where no model worded anything. Raises msgspec.ValidationError, OSError."""
    try:
        data = workspace.path(*FILE).read_bytes()
    except FileNotFoundError:
        return ()
    return msgspec.json.decode(data, type=tuple[ClusterWording, ...])


def of_cluster(
    wordings: Iterable[ClusterWording], root_fingerprint: str, members: Sequence[str]
) -> ClusterWording | None:
    """The words for a cluster; None where it was worded with other members."""
    for wording in wordings:
        if wording.root_fingerprint == root_fingerprint and wording.members == tuple(members):
            return wording
    return None
