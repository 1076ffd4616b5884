"""The model's part of a replay: what of its transcripts could be gone through again, and how it compares."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from agents.model.settings import Role
from agents.model.transcript import path
from tools.errors import StreamgaugeError
from tools.findings import readings
from tools.findings.model import AgentId
from tools.findings.readings import Reading
from tools.synthesis import wording
from tools.synthesis.wording import ClusterWording
from tools.workspace import Workspace

_SHOWN_MAX = 50
_UNREADABLE = (OSError, ValueError, StreamgaugeError)


class Outcome(NamedTuple):
    """What a model's part came to. `differences` and `partial` are sentences, as are `told`, which are neither."""

    told: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()


NONE = Outcome()
"""No model took part."""


def run(source: Workspace, target: Workspace, project_root: Path, ended_ms: int) -> Outcome:
    """Go through it again in `target`, which has the rules' findings, and hold it against `source`."""
    if not _took_part(source):
        return NONE
    # Most sessions have none, and need not wait until the graph is loaded.
    from orchestrator.session.model_replay import replay

    done = asyncio.run(replay(source, target, project_root, ended_ms))
    parts = (
        (done.investigations, "investigation"),
        (done.hand_ins, "hand-in"),
        (done.readings, "reading"),
        (done.own_findings, "own finding"),
        (done.clusters_worded, "cluster worded", "clusters worded"),
    )
    come_to = ", ".join(_counted(*part) for part in parts if part[0])
    gone = [
        f"{name} does not hold any more what the model quoted of it; the session's copy does"
        for name in done.copies_only
    ]
    differences = [
        *(f"model: rejected now: {reason}" for reason in done.rejected_now),
        *_readings(source, target),
        *_words(source, target, done.undone),
    ]
    return Outcome(
        told=(come_to or "nothing comes of what was said", *gone[:_SHOWN_MAX]),
        differences=_some(differences),
        partial=_some([f"the model's part: {what}" for what in done.missing]),
    )


def _took_part(source: Workspace) -> bool:
    """Whether anything was said, or what is left of a session tells that something was."""
    said = [path(source, role) for role in Role] + [source.handed_in, source.path(*wording.FILE)]
    said += [source.agent_dir(agent) / readings.FILE for agent in AgentId]
    return any(file.exists() for file in said)


def _readings(source: Workspace, target: Workspace) -> Iterator[str]:
    for agent in AgentId:
        name = f"agents/{agent.slug}/{readings.FILE}"
        try:
            was, now = (
                Counter(map(msgspec.json.encode, readings.read(at, agent))) for at in (source, target)
            )
        except _UNREADABLE as error:
            yield f"model: {name} cannot be compared ({error})"
            continue
        for what, some in (("gone", was - now), ("new", now - was)):
            for line in some:
                about = msgspec.json.decode(line, type=Reading)
                said = "what it says of" if about.kind == "explanation" else "that they are one thing:"
                yield f"model: {what}: {said} {', '.join(about.finding_ids)} ({agent.slug})"


def _words(source: Workspace, target: Workspace, undone: tuple[str, ...]) -> Iterator[str]:
    try:
        was = wording.read(source)
    except _UNREADABLE as error:
        yield f"model: {'/'.join(wording.FILE)} cannot be compared ({error})"
        return
    now = {_of(one): one for one in wording.read(target)}
    gone = [one for one in was if _of(one) not in now]
    other = [one for one in was if now.get(_of(one), one) != one]
    if gone:
        why = f" ({'; '.join(undone)})" if undone else ""
        yield f"model: gone: the words for {_counted(len(gone), 'cluster')}{why}"
    if other:
        yield f"model: other: the words for {_counted(len(other), 'cluster')}"


def _of(words: ClusterWording) -> tuple[str, tuple[str, ...]]:
    return words.root_fingerprint, words.members


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _some(lines: list[str]) -> tuple[str, ...]:
    left_out = len(lines) - _SHOWN_MAX
    return (*lines[:_SHOWN_MAX], *([f"and {left_out} more of the model's part"] if left_out > 0 else []))
