"""What a session leaves for comparison with later ones: its findings in short, and what it really looked at."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tools.findings.model import AgentId

VERSION = 1
"""Of the format; a record of another one is not compared."""

OF_A_CHANGE = "it reported a change only"


class Was(Struct, frozen=True, kw_only=True, rename="camel"):
    """Under what a finding that is carried on was seen. `asked` says that the server was seen to the end."""

    judgement: str
    globs: tuple[tuple[str, ...], tuple[str, ...]]
    asked: bool


class KnownFinding(Struct, frozen=True, kw_only=True, rename="camel"):
    """A finding of a session, as far as telling it from others needs. `level` is its severity or priority.

    `quoted` are the beginnings of the hashes of the pieces of files that it quotes; `seen_after_ms` is how long after
    the session's start it was first seen. `was` is set where it is carried on.
    """

    fingerprint: str
    finding_id: str
    agent: str
    rule_id: str
    category: str
    level: str
    rank: int
    title: str
    session_id: str
    seen_after_ms: int = 0
    services: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    group: str | None = None
    files: tuple[str, ...] = ()
    quoted: tuple[str, ...] = ()
    unnamed: int = 0
    """Lines of its files with names that are known only at run time."""
    was: Was | None = None
    missed: int = 0
    """Sessions in a row that neither saw it nor looked for it."""


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
    window_ms: int = 0
    """Without the times in which the session did not run."""
    unpolled_ms: int = 0
    """Of the window, the times in which Redis or a part of it was not seen."""
    services: tuple[str, ...] = ()
    streams: tuple[tuple[str, tuple[str, ...]], ...] | None = None
    """Name and groups of each at the last poll."""
    files: tuple[str, ...] | None = None
    globs: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """What of the project is included and excluded."""
    unread_files: tuple[str, ...] = ()
    """Those of which not all, or nothing, was read."""
    unnamed: Mapping[str, int] = {}
    """Lines with names of streams or groups that are known only at run time, by file."""
    judgement: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every agent, rule, stream and file was looked at."""
        agents = {agent.slug for agent in AgentId}
        looked = agents.issubset(self.agents) and self.streams is not None and self.files is not None
        return looked and not self.broken_rules and not self.capped_rules


def was_of(scope: Scope | None) -> Was | None:
    """Under what the findings of a session of this scope were seen."""
    if scope is None:
        return None
    return Was(judgement=scope.judgement, globs=scope.globs, asked=scope.streams is not None)


class SessionRecord(Struct, frozen=True, kw_only=True, rename="camel"):
    """One session. `incomplete` says why it is no measure for later ones, "" where it is one.

    `scope` is None where nothing tells what was looked at. `carried` are findings of earlier sessions that this one
    neither saw nor looked for. Times in ms since the epoch.
    """

    version: int = VERSION
    session_id: str
    product: str
    mode: str
    project: str
    redis: str | None
    started_ms: int
    ended_ms: int | None
    incomplete: str
    findings: tuple[KnownFinding, ...]
    scope: Scope | None
    carried: tuple[KnownFinding, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """What it shares with the sessions that it is compared with by itself.

        A server that a session starts may get another port each time; one that runs by itself is another server.
        """
        server = self.redis or "" if self.mode == "attach" else ""
        return self.mode, self.project, server
