"""What every look of a watcher was at, so that it can be looked at again: `recording/looks-<agent>.jsonl.gz`.

A look names what lies in the session's other files (polls by number, the index) and holds what lies nowhere else. In
the order of the file, with `flush` where findings that had grown were written, the same detectors write the same
journal again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from tools.detectors.contract import LogView, ServiceActivity, StreamLife, TemplateStats
from tools.detectors.thresholds import Judgement
from tools.findings.model import AgentId
from tools.sources.recording import QUOTA_BYTES, Recording
from tools.sources.records import LogLine, ProcessState, SampleLine
from tools.workspace import Workspace

_QUOTAS = {AgentId.LOG_WATCHER: QUOTA_BYTES // 4}
"""Of the session's: the lines of the Log Watcher themselves have another quarter."""
_QUOTA = QUOTA_BYTES // 16
FLUSH = "flush"


class LogLook(Struct, frozen=True, kw_only=True):
    """A tick of the Log Watcher. `services` are those that are not as at the tick before; None elsewhere means as before."""

    at_ms: int
    final: bool = False
    templates: tuple[TemplateStats, ...] = ()
    secrets: tuple[LogLine, ...] = ()
    services: tuple[ServiceActivity, ...] = ()
    order: tuple[str, ...] | None = None
    processes: Mapping[str, ProcessState] | None = None
    samples: Mapping[str, tuple[SampleLine, ...]] = {}
    streams: Mapping[str, StreamLife] | None = None


class StreamLook(Struct, frozen=True, kw_only=True):
    """A look of the Stream Analyst over the last `depth` polls up to this one; `code`: whether the index was there."""

    at_ms: int
    poll: int
    depth: int
    code: bool


class ConfigLook(Struct, frozen=True, kw_only=True):
    """A look of the Config Auditor. `poll` is that of its own journal; `reread` a later reading of the files.

    `of_files`: only rules that need no server. `changed` are the files that are not as at the start.
    """

    at_ms: int
    moment: str
    poll: int | None
    baseline: bool
    of_files: bool
    reread: str | None = None
    changed: tuple[str, ...] = ()


class CodeLook(Struct, frozen=True, kw_only=True):
    """The Scout's pass over the code."""

    at_ms: int


class LiveLook(Struct, frozen=True, kw_only=True):
    """The Scout's look over the last `depth` polls up to this one."""

    at_ms: int
    poll: int
    depth: int
    code: bool


class CrossLook(Struct, frozen=True, kw_only=True):
    """The Scout's pass over all findings: how many measured lines of each journal there were, by agent."""

    at_ms: int
    lines: Mapping[str, int]
    code: bool


Look = LogLook | StreamLook | ConfigLook | CodeLook | LiveLook | CrossLook
LOOKS: Mapping[str, type[Look]] = {
    kind.__name__: kind for kind in (LogLook, StreamLook, ConfigLook, CodeLook, LiveLook, CrossLook)
}


def looks_file(workspace: Workspace, agent: AgentId) -> Path:
    """Where the looks of an agent are."""
    return workspace.path("recording", f"looks-{agent.slug}.jsonl.gz")


class LookBook:
    """Appends looks; they are on disk after `flush`, and before the first finding of a look is."""

    def __init__(self, workspace: Workspace, agent: AgentId) -> None:
        self._recording = Recording(looks_file(workspace, agent), _QUOTAS.get(agent, _QUOTA))

    @property
    def partial(self) -> bool:
        """Whether the quota is used up."""
        return self._recording.partial

    def add(self, look: Look) -> None:
        """Note a look that begins."""
        self._recording.add(type(look).__name__, look)

    def flushed(self) -> None:
        """Note that findings that had grown were written."""
        self._recording.add(FLUSH, None)

    def write(self) -> None:
        """Put on disk what was noted. Raises OSError."""
        self._recording.flush()


class LogLooks:
    """Makes looks of views and views of looks: what did not change since the last tick is left out."""

    def __init__(self) -> None:
        self._services: dict[str, ServiceActivity] = {}
        self._order: tuple[str, ...] = ()
        self._processes: Mapping[str, ProcessState] = {}
        self._streams: Mapping[str, StreamLife] = {}

    def look(self, view: LogView) -> LogLook:
        """What is new in a view. Called for each in turn."""
        order = tuple(activity.service for activity in view.services)
        changed = tuple(it for it in view.services if self._services.get(it.service) != it)
        look = LogLook(
            at_ms=view.at_ms,
            final=view.final,
            templates=view.templates,
            secrets=view.secrets,
            services=changed,
            order=None if order == self._order else order,
            processes=None if view.processes == self._processes else dict(view.processes),
            samples=view.samples,
            streams=None if view.streams == self._streams else dict(view.streams),
        )
        self._take(look)
        return look

    def view(self, look: LogLook, judgement: Judgement) -> LogView:
        """The view again. Called for each in turn."""
        self._take(look)
        return LogView(
            at_ms=look.at_ms,
            templates=look.templates,
            secrets=look.secrets,
            services=tuple(self._services[name] for name in self._order),
            processes=self._processes,
            judgement=judgement,
            final=look.final,
            samples=look.samples,
            streams=self._streams,
        )

    def _take(self, look: LogLook) -> None:
        self._services |= {activity.service: activity for activity in look.services}
        self._order = self._order if look.order is None else look.order
        self._processes = self._processes if look.processes is None else look.processes
        self._streams = self._streams if look.streams is None else look.streams
