"""Which parts of a recorded session a replay would miss: told by file, so that nobody takes damage for a difference."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import msgspec

from agents.looks import LOOKS, ConfigLook, LiveLook, StreamLook, looks_file
from tools.errors import StreamgaugeError
from tools.findings.model import AgentId, Origin
from tools.findings.recorder import revisions
from tools.sources import recording
from tools.sources.redis import polls
from tools.workspace import Workspace

_STREAM_POLLS, _CONFIG_POLLS = "streams/polls.jsonl", "config/polls.jsonl"
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, LookupError, RecursionError, StreamgaugeError)


def lacking(source: Workspace, agent: AgentId) -> Iterator[str]:
    """What of an agent's recording is missing or damaged, one sentence a part. Raises nothing."""
    yield from _looks(source, agent)
    yield from _polls(source, agent)


def _looks(source: Workspace, agent: AgentId) -> Iterator[str]:
    """An agent that found something by a rule had looked."""
    journal = source.findings(agent)
    try:
        found = list(revisions(journal))
    except _UNREADABLE as error:
        yield f"findings/{journal.name} cannot be read ({_reason(error)})"
        return
    by_rule = any(it.origin is not Origin.MODEL and not it.rule_id.startswith("session.") for it in found)
    file = looks_file(source, agent)
    if by_rule and not (file.is_file() and file.stat().st_size):
        yield f"the looks of {agent.slug}: recording/{file.name} is missing or empty"


def _polls(source: Workspace, agent: AgentId) -> Iterator[str]:
    """Polls that looks name and that no journal holds."""
    named: dict[str, set[int]] = {_STREAM_POLLS: set(), _CONFIG_POLLS: set()}
    try:
        for kind, raw in recording.read(looks_file(source, agent)):
            look = msgspec.json.decode(raw, type=LOOKS[kind]) if kind in LOOKS else None
            if isinstance(look, StreamLook | LiveLook):
                named[_STREAM_POLLS].add(look.poll)
            elif isinstance(look, ConfigLook) and look.poll is not None:
                named[_CONFIG_POLLS].add(look.poll)
    except _UNREADABLE:
        return  # the replay itself says of these looks that they cannot be read
    for name, numbers in named.items():
        if not numbers:
            continue
        try:
            path = source.path(*name.split("/"))
            there = {poll.number for poll in polls.read_polls(path, lambda _: False)}
        except _UNREADABLE as error:
            yield f"{name} cannot be read ({_reason(error)})"
            continue
        last = max(there, default=-1)
        missing = sorted(numbers - there if name == _CONFIG_POLLS else (it for it in numbers if it > last))
        if missing:
            yield f"{name}: poll {missing[0]}, at which {agent.slug} looked, is missing"


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
