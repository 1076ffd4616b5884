"""Alerts while a session runs: what is CRITICAL is told at once, everything else at the session's end.

A reader of the session's journals. What it tells it remembers where the end's alerts remember it, so that nothing is
told twice. It says nothing of what is over: a session that runs has not looked to its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import Struct

from orchestrator.alerts import memory, observing
from orchestrator.alerts.after import Places, channels_of, lock_of
from orchestrator.alerts.delivery import Delivery, Scope
from orchestrator.alerts.episodes import Episode, Observed, advance
from orchestrator.alerts.loading import read
from orchestrator.alerts.memory import Memory
from orchestrator.alerts.observing import MEASURED, FindingLine
from orchestrator.session.lock import hold_file
from orchestrator.store.database import create, open_store
from tools.clock import Clock
from tools.errors import LockHeld, SourceUnavailable, StreamgaugeError
from tools.findings import journal
from tools.findings.model import AgentId, Finding, Origin, Severity
from tools.findings.recorder import load
from tools.sources import session_facts
from tools.sources.code.index import read_index
from tools.synthesis import wiring
from tools.synthesis.clusters import clusters
from tools.synthesis.sessions import against
from tools.workspace import Workspace, session_mark, workspace_at

LOOK_S = 2.0
"""Between two looks at the journals' sizes."""
_AGAIN_MS = 30_000
_FINDINGS_MAX, _INDEX_BYTES_MAX = 3_000, 16_000_000
"""Of more, root causes are not sought while the session runs: each finding then stands for itself."""
_MEASURING = tuple(agent for agent in AgentId if agent is not AgentId.ENHANCEMENT_SCOUT)
_LINE = msgspec.json.Decoder(FindingLine)


class Job(Struct, frozen=True, kw_only=True):
    """What is watched and how it is told. `before` marks a session that lies there from before; it is not ours.

    `orphan_s` is what a message on its way may take when whoever started the process is gone.
    """

    rules: str
    store: str
    workspace: str
    shadow: bool
    before: tuple[int, int] | None
    orphan_s: float = 12.0
    """A little more than the session itself waits (`beside.END_S`)."""

    @property
    def places(self) -> Places:
        """The same as paths."""
        return Places(rules=Path(self.rules), store=Path(self.store), workspace=Path(self.workspace))


@dataclass
class Live:
    """Looks at one session again and again. `look` raises nothing that another look could not mend."""

    job: Job
    environ: Mapping[str, str]
    clock: Clock
    _offsets: dict[Path, int] = field(default_factory=dict)
    _found: dict[str, FindingLine] = field(default_factory=dict)
    _due_ms: int | None = None
    _said: set[str] = field(default_factory=set)

    def look(self) -> Iterator[str]:
        """Tell what is new and CRITICAL; lines for people, each complaint once."""
        workspace = workspace_at(self.job.places.workspace)
        mark = session_mark(workspace)
        if mark is None or mark == self.job.before:
            return
        try:
            grown = self._read(workspace)
            if self._found and (grown or (self._due_ms is not None and self.clock.now_ms() >= self._due_ms)):
                self._due_ms = self.clock.now_ms() + _AGAIN_MS
                yield from self._tell(workspace)
        except LockHeld:
            self._due_ms = self.clock.now_ms()
        except (StreamgaugeError, OSError, ValueError) as error:
            yield from self._complain(f"nobody is alerted while the session runs: {error}")

    def _complain(self, text: str) -> Iterator[str]:
        if text not in self._said:
            self._said.add(text)
            yield text

    def _read(self, workspace: Workspace) -> bool:
        """Whether a finding that is CRITICAL came, or changed."""
        grown = False
        for agent in _MEASURING:
            path = workspace.findings(agent)
            for offset, line in journal.read(path, self._offsets.get(path, 0)):
                self._offsets[path] = offset + len(line) + 1
                try:
                    item = _LINE.decode(line)
                except msgspec.MsgspecError:
                    continue
                concerns = item.severity is Severity.CRITICAL and item.origin == MEASURED
                if concerns or item.finding_id in self._found:
                    grown = grown or item.finding_id not in self._found
                    self._found[item.finding_id] = item
        return grown

    def _tell(self, workspace: Workspace) -> Iterator[str]:
        places, shadow = self.job.places, self.job.shadow
        rules = read(places.rules)
        create(places.store)
        with hold_file(lock_of(places.store), "alerts", "alerts"), open_store(places.store) as store:
            now_ms = self.clock.now_ms()
            known = memory.load(store, shadow=shadow)
            episodes = tuple(self._episodes(workspace, now_ms))
            seen = Observed(episodes, ())
            current = Memory(episodes=advance(known.episodes, seen, now_ms), state=known.state)
            channels, problems = channels_of(rules, self.environ, self.clock)
            for problem in problems:
                yield from self._complain(problem)
            delivery = Delivery(rules, channels, store, self.clock)
            lines = list(
                delivery.run(current, Scope(frozenset(item.key for item in episodes)), shadow=shadow)
            )
        yield from lines
        again = [self.clock.now_ms() + _AGAIN_MS] if lines else []
        again += [delivery.next_ms] if delivery.next_ms is not None else []
        self._due_ms = min(again, default=None)

    def _episodes(self, workspace: Workspace, now_ms: int) -> Iterator[Episode]:
        facts = session_facts.read(workspace)
        series = observing.series_of(workspace, facts)
        accepted = _accepted(workspace, facts.started_ms)
        causes = _causes(workspace) if len(self._found) > 1 else {}
        for item in self._found.values():
            critical = item.severity is Severity.CRITICAL and item.ended_at is None
            if critical and item.fingerprint not in accepted:
                yield observing.episode_of(item, facts, series, causes, "", now_ms)


def _accepted(workspace: Workspace, started_ms: int) -> frozenset[str]:
    """Fingerprints that the owners accept at CRITICAL."""
    found = against.read(workspace)
    return (
        frozenset()
        if found is None
        else frozenset(against.accepted_at(found, started_ms, Severity.CRITICAL.rank))
    )


def _causes(workspace: Workspace) -> Mapping[str, str]:
    """Finding id → fingerprint of the root of its cluster, as far as findings and code show it by now."""
    findings: list[Finding] = []
    for agent in _MEASURING:
        findings += [item for item in load(workspace.findings(agent)) if item.origin is Origin.MEASURED]
    if len(findings) > _FINDINGS_MAX:
        return {}
    try:
        small = workspace.code_index.stat().st_size <= _INDEX_BYTES_MAX
        index = read_index(workspace.code_index) if small else None
    except (OSError, SourceUnavailable):
        index = None
    found = clusters(findings, wiring.build(index, findings))
    return {member: cluster.root_fingerprint for cluster in found for member in cluster.members}
