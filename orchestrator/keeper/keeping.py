"""All output of a session's commands: read from the spools, masked, told apart, kept in `logs/`, and never twice."""

from __future__ import annotations

from contextlib import suppress

from orchestrator.keeper import progress
from orchestrator.keeper.capture import Capture, Logs, masked
from orchestrator.keeper.contract import KeeperFiles, KeeperJob, KeeperState, Lost
from orchestrator.keeper.spool import Spool, SpoolLine
from tools.clock import Clock
from tools.masking import LineMasker
from tools.workspace import Workspace

_TOO_FAST = "it was written faster than it could be masked"
_NO_ROOM = "its log is full, or the disk is"


class Keeping:
    """Reads and keeps; `before` is what an earlier attempt of the keeper told."""

    def __init__(
        self, job: KeeperJob, workspace: Workspace, clock: Clock, before: KeeperState | None
    ) -> None:
        self._files, self._clock = KeeperFiles(workspace), clock
        self._progress = progress.read(self._files.progress)
        known = () if before is None else before.lost
        self._skipped = {entry.output: entry for entry in known if entry.why == _TOO_FAST}
        self._logs = Logs(workspace, {entry.output: entry.bytes for entry in known if entry.why == _NO_ROOM})
        self._capture = Capture(
            self._logs,
            named=job.named,
            prefixes=job.prefixes,
            ready_pattern=job.ready_pattern,
            names=() if before is None else before.names,
            ready=() if before is None else before.ready,
            open_keys=self._progress.open_keys,
        )
        self._maskers = {"redis": LineMasker(), "shutdown": LineMasker()}
        self._owners = {command.name: command.service for command in job.services.commands}
        self._spools: dict[str, Spool] = {}
        for name in list(self._progress.spools):
            with suppress(OSError):
                self.spool(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The services seen so far."""
        return self._capture.names

    @property
    def ready(self) -> tuple[str, ...]:
        """The services that said that they are ready."""
        return self._capture.ready

    def spool(self, name: str) -> Spool:
        """The raw output of a command. Raises OSError."""
        if name not in self._spools:
            path = self._files.spool(name)
            size = path.stat().st_size if path.exists() else 0
            number, offset = self._progress.place(name, size)
            self._spools[name] = Spool(path, number, offset)
        return self._spools[name]

    def keep(self, seconds: float, *, final: bool = False) -> None:
        """Read, mask and keep what was printed, at most so long: a flood must not keep anybody waiting."""
        until = self._clock.monotonic() + seconds
        waiting = dict(self._spools)
        while waiting:
            for name, spool in list(waiting.items()):
                if spool.behind() or final:
                    self._take(name, spool, spool.read(final=final))
                if not spool.behind():
                    del waiting[name]
            if self._clock.monotonic() >= until:
                break
        for name, spool in waiting.items():
            # What came first was read: a ready signal before a flood is not lost.
            skip = spool.skip()
            if skip is not None:
                self._lose(name, skip.length)
                self.note()  # and give the disk back: a flood can fill it within seconds
            if final:
                self._lose(name, spool.behind())

    def note(self) -> None:
        """Put on disk how far everything was kept; what is behind that is given back to the disk."""
        for name, spool in self._spools.items():
            self._progress.spools[name] = (spool.number, spool.offset)
        self._progress.open_keys = self._capture.open_keys()
        if progress.write(self._files.progress, self._progress):
            for spool in self._spools.values():
                spool.free()

    def lost(self) -> tuple[Lost, ...]:
        """Output that could not be kept so far, by name."""
        full = [
            Lost(output=name, bytes=count, from_ms=0, why=_NO_ROOM)
            for name, count in self._logs.lost().items()
        ]
        return (*self._skipped.values(), *full)

    def close(self) -> None:
        """Close everything; the raw output goes, wherever its folder is by now."""
        for spool in self._spools.values():
            spool.close(remove=True)
        self._logs.close()

    def _take(self, name: str, spool: Spool, lines: list[SpoolLine]) -> None:
        if not lines:
            return
        if name in self._owners:
            self._capture.take(spool.number, lines, self._owners[name])
        else:
            log = "shutdown" if name.startswith("stop-") else "redis"
            self._logs.write(log, spool.number, masked(lines, self._maskers[log]))

    def _lose(self, output: str, count: int) -> None:
        if not count:
            return
        known = self._skipped.get(output)
        at_ms = self._clock.now_ms() if known is None else known.from_ms
        total = count + (0 if known is None else known.bytes)
        self._skipped[output] = Lost(output=output, bytes=total, from_ms=at_ms, why=_TOO_FAST)
