"""What a session leaves for comparison with later ones: its findings in short, and what it really looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from tools.findings.model import AgentId, Priority, Severity
from tools.sources.session_facts import SessionFacts

VERSION = 1
"""Of the format; a record of another one is not compared."""

OF_A_CHANGE = "it reported a change only"

# A record may be anybody's file, and these are shown, sorted by and looked up: one that holds others is refused.
_Fingerprint = Annotated[str, Meta(pattern=r"\Av1:[0-9a-f]{20}\Z")]
_FindingId = Annotated[str, Meta(pattern=r"\A(?:LW|RSA|CA|ES)-[0-9]{3,18}\Z")]
_Agent = Annotated[str, Meta(pattern=rf"\A(?:{'|'.join(agent.slug for agent in AgentId)})\Z")]
_RuleId = Annotated[str, Meta(pattern=r"\A[a-z]+\.[a-z0-9-]{1,80}\Z")]
_Category = Annotated[str, Meta(pattern=r"\A[A-Z][A-Z0-9_]{0,60}\Z")]
_Level = Annotated[str, Meta(pattern=rf"\A(?:{'|'.join((*Severity, *Priority))})\Z")]
_SessionId = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._-]{1,100}\Z")]
_Moment = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
"""In ms since the epoch, to the end of the year 9999: what can be written as a time."""
TEMPLATES_MAX = 500
NAMES_MAX = 20
"""Fingerprints that a finding is known to have had; an entry that names an older one has to be written anew."""
_Count = Annotated[int, Meta(ge=0, le=1 << 53)]


_Words = Annotated[str, Meta(max_length=1000)]


class Was(Struct, frozen=True, kw_only=True, rename="camel"):
    """Under what a finding that is carried on was seen. `asked` says that the server was seen to the end."""

    judgement: str
    globs: tuple[tuple[str, ...], tuple[str, ...]]
    asked: bool
    ignore_rules: str = ""
    unread_logs: tuple[str, ...] = ()
    unnamed: int | None = None
    """Lines of all files with names that are known only at run time; None in a record of before they were counted."""


class KnownFinding(Struct, frozen=True, kw_only=True, rename="camel"):
    """A finding of a session, as far as telling it from others needs. `level` is its severity or priority.

    `quoted` are the beginnings of the hashes of the pieces of files that it quotes; `seen_after_ms` is how long after
    the session's start it was first seen. `was` is set where it is carried on.
    """

    fingerprint: _Fingerprint
    finding_id: _FindingId
    agent: _Agent
    rule_id: _RuleId
    category: _Category
    level: _Level
    rank: Annotated[int, Meta(ge=0, le=9)]
    title: str
    session_id: _SessionId
    seen_after_ms: _Count = 0
    services: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    group: str | None = None
    files: tuple[str, ...] = ()
    quoted: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    """The functions in which the lines stand that it is about, "" for none; () where nothing tells."""
    unnamed: _Count = 0
    """Lines of its files with names that are known only at run time."""
    on_server: tuple[str, ...] = ()
    """Those of its streams that the server had at the end of its session."""
    entries: _Count | None = None
    """Of one about sampled entries: how many of its streams were read until it was seen."""
    of_server: bool = False
    """Of one about configuration: whether a look at the server is its ground."""
    judged: str = ""
    """A digest of what limits and intent said of what it is about."""
    polls: _Count = 0
    """Of one about the server: so many polls in a row its rule needed to see it."""
    formerly: Annotated[tuple[_Fingerprint, ...], Meta(max_length=NAMES_MAX)] = ()
    """Fingerprints that it had before its line was edited or its file moved, the newest first."""
    joins: tuple[_Fingerprint, ...] = ()
    """Of one that joins findings of several agents: what it joins."""
    was: Was | None = None
    missed: _Count = 0
    """Sessions in a row that neither saw it nor looked for it."""
    template: str = ""
    """Of one about log lines: what they have in common."""
    names_vary: bool = False
    """Whether a `<*>` in it stands for names."""


class EntriesRead(Struct, frozen=True, array_like=True):
    """Of one stream: the entries that were read, those of them of the hour before the session or later, and the others."""

    read: _Count
    recent: _Count
    left_out: _Count


class Scope(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a session looked at to its end. Only within it may something be called resolved.

    `agents` and `phases` are those that finished, `broken_rules` those that failed on some input, `capped_rules` those
    that found more than is told. `streams` is None where Redis was not seen to the end, `files` where the project was
    not read to its end. `judgement` stands for limits and intent.
    """

    agents: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    broken_rules: tuple[str, ...] = ()
    capped_rules: tuple[str, ...] = ()
    window_ms: _Count = 0
    """Without the times in which the session did not run."""
    unpolled_ms: _Count = 0
    """Of the window, the times in which Redis or a part of it was not seen."""
    polls: _Count | None = None
    """How many were made; None in a record of before they were counted."""
    services: tuple[str, ...] = ()
    unread_logs: tuple[str, ...] = ()
    """Logs of which not all, or nothing, was read, as its gaps name them."""
    streams: tuple[tuple[str, tuple[str, ...]], ...] | None = None
    """Name and groups of each at the last poll."""
    clients: bool = True
    """Whether the server told who its clients are."""
    entries: Mapping[str, EntriesRead] | None = None
    """Of each stream of which entries were read; None where none were to be, or a server refused."""
    files: tuple[str, ...] | None = None
    globs: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """What of the project is included and excluded."""
    ignore_rules: str = ""
    """What its `.gitignore` files say, as a digest."""
    unread_files: tuple[str, ...] = ()
    """Those of which not all, or nothing, was read."""
    unnamed: Mapping[str, int] = {}
    """Lines with names of streams or groups that are known only at run time, by file."""
    judgement: str = ""
    limits: str = ""
    """Limits and intent themselves, as JSON."""

    @property
    def is_whole(self) -> bool:
        """Whether every agent, rule, stream, log and file was looked at, and entries were read."""
        agents = {agent.slug for agent in AgentId}
        seen = None not in (self.streams, self.entries, self.files)
        missing = self.broken_rules or self.capped_rules or self.unread_logs or not self.clients
        return agents.issubset(self.agents) and seen and not missing


def was_of(scope: Scope | None) -> Was | None:
    """Under what the findings of a session of this scope were seen."""
    if scope is None:
        return None
    return Was(
        judgement=scope.judgement,
        globs=scope.globs,
        asked=scope.streams is not None,
        ignore_rules=scope.ignore_rules,
        unread_logs=scope.unread_logs,
        unnamed=sum(scope.unnamed.values()),
    )


class SessionRecord(Struct, frozen=True, kw_only=True, rename="camel"):
    """One session. `incomplete` says why it is no measure for later ones, "" where it is one.

    `scope` is None where nothing tells what was looked at. `carried` are findings of earlier sessions that this one
    neither saw nor looked for. Times in ms since the epoch.
    """

    version: int = VERSION
    session_id: _SessionId
    product: str
    mode: str
    project: str
    redis: str | None
    started_ms: _Moment
    ended_ms: _Moment | None
    incomplete: str
    findings: tuple[KnownFinding, ...]
    scope: Scope | None
    carried: tuple[KnownFinding, ...] = ()
    accepted: Mapping[_Fingerprint, Annotated[int, Meta(ge=0, le=9)]] = {}
    """Of what the owners accept, and of what they accepted under another fingerprint: the worst rank that they do."""
    templates: Annotated[tuple[tuple[_Words, _Words], ...], Meta(max_length=TEMPLATES_MAX)] = ()
    """Services and templates of log lines in which names vary, of this session and of those before it, the newest first."""

    @property
    def series(self) -> tuple[str, ...]:
        """What it shares with the sessions that it is compared with by itself.

        A server that a session starts may get another port each time; one that runs by itself is another server.
        """
        server = self.redis or "" if self.mode == "attach" else ""
        return self.mode, self.project, server


def begun(facts: SessionFacts) -> SessionRecord:
    """The record of a session that has none yet, or came to none."""
    return SessionRecord(
        session_id=facts.session_id,
        product=facts.version,
        mode=facts.mode,
        project=facts.project_root,
        redis=facts.redis,
        started_ms=facts.started_ms,
        ended_ms=None,
        incomplete="",
        findings=(),
        scope=None,
    )
