"""Follows the files of one session: reads what was added since the last look, never writes, never fails.

A line that does not parse is passed over: a viewer is no judge of journals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from orchestrator.cli.session_view import FindingLine, Notice, PollHead, PollStream, SessionView
from tools.clock import Clock, iso
from tools.findings.journal import read
from tools.findings.model import AgentId
from tools.sources import session_facts
from tools.workspace import Workspace

_Line = TypeVar("_Line")

_LINES_MAX = 20_000
"""At most so many lines of one file in one look; the rest comes with the next."""

_FINDING = msgspec.json.Decoder(FindingLine)
_POLL = msgspec.json.Decoder(PollHead | PollStream)
_EVENT = msgspec.json.Decoder(dict)


@dataclass
class SessionTail:
    """The session that is in `workspace`, or the one that will be: one that lies there from before is not shown.

    `resumed` says that the session that lies there goes on.
    """

    workspace: Workspace
    clock: Clock
    resumed: bool = False
    view: SessionView = field(default_factory=SessionView)
    _offsets: dict[Path, int] = field(default_factory=dict)
    _before: tuple[str, int] = ("", 0)

    def __post_init__(self) -> None:
        if not self.resumed:
            self._before = self._identity()

    def refresh(self) -> list[Notice]:
        """Read what is new; returns what is worth a line, in the order of the files' lines."""
        identity = self._identity()
        if not identity[0] or identity == self._before:
            return []
        if identity[0] != self.view.session_id:
            self.view = SessionView(session_id=identity[0])
            self._offsets.clear()
        self._read_facts()
        notices = self._read_events()
        self._read_heartbeats()
        self._read_polls()
        notices += self._read_findings()
        return sorted(notices, key=lambda notice: notice.at)

    def _identity(self) -> tuple[str, int]:
        """The session's id, and when it was written: two sessions may share a second."""
        file = self.workspace.session_id_file
        try:
            return file.read_text(encoding="utf-8", errors="replace").strip(), file.stat().st_mtime_ns
        except OSError:
            return "", 0

    def _read_facts(self) -> None:
        try:
            facts = session_facts.read(self.workspace)
        except (OSError, msgspec.MsgspecError):
            return
        if facts.session_id == self.view.session_id:
            self.view.facts = facts

    def _read_events(self) -> list[Notice]:
        notices: list[Notice] = []
        for event in self._new(self.workspace.events, _EVENT.decode):
            notices += self.view.apply_event(event)
        return notices

    def _read_heartbeats(self) -> None:
        for agent in AgentId:
            for beat in self._new(self.workspace.agent_dir(agent) / "heartbeat.jsonl", _EVENT.decode):
                self.view.apply_heartbeat(agent, beat)

    def _read_polls(self) -> None:
        for line in self._new(self.workspace.polls, _POLL.decode):
            if isinstance(line, PollHead):
                self.view.apply_head(line)
            else:
                self.view.apply_stream(line)

    def _read_findings(self) -> list[Notice]:
        now = iso(self.clock.now_ms())
        notices: list[Notice] = []
        for agent in AgentId:
            for finding in self._new(self.workspace.findings(agent), _FINDING.decode):
                notices += self.view.apply_finding(finding, now)
        return notices

    def _new(self, path: Path, decode: Callable[[bytes], _Line]) -> Iterator[_Line]:
        """Decoded new whole lines of a journal; a file that shrank is read from its start."""
        start = self._offsets.get(path, 0)
        try:
            if path.stat().st_size < start:
                start = 0
            for number, (offset, line) in enumerate(read(path, start)):
                if number >= _LINES_MAX:
                    return
                self._offsets[path] = offset + len(line) + 1
                try:
                    yield decode(line)
                except msgspec.MsgspecError:
                    continue
        except OSError:
            return
