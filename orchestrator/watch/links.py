"""The links of the chain: each has one effect, on the disk when it returns, and the same one if it is called again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from orchestrator.alerts import observing
from orchestrator.alerts.after import Desk
from orchestrator.alerts.episodes import Episode, Observed
from orchestrator.alerts.loading import read as read_rules
from orchestrator.alerts.rules import AlertRules
from orchestrator.archive.restoring import opened
from orchestrator.config.model import Config
from orchestrator.session.opening import existing_session_id
from orchestrator.store.database import Store
from orchestrator.store.fill import fill, fill_archives
from orchestrator.watch import archived, langsmith_runs, recording, summary, telling, views
from orchestrator.watch.journal import EventJournal
from orchestrator.watch.langsmith_runs import RunSpans
from orchestrator.watch.ledger import Link, LinkRow, LinkState, Watched
from orchestrator.watch.places import Places
from orchestrator.watch.summary import Summary
from tools.clock import Clock
from tools.errors import DeliveryFailed, SourceUnavailable, UsageError
from tools.masking import mask_data
from tools.workspace import Workspace, write_atomically

_FOR_ALERTS = (
    "SESSION_ID",
    "session.json",
    "all-findings.json",
    "report.json",
    "recording/comparison.json",
    "recording/session-record.json.gz",
)


class Done(NamedTuple):
    """What a link came to: a sentence for people, and what later links need."""

    detail: str
    result: str = ""


class Archive(Struct, frozen=True):
    """What the archive's link leaves for the later ones."""

    path: str


Links = Mapping[Link, LinkRow]


class Effects:
    """The five links for one configuration, on one store."""

    def __init__(self, config: Config, store: Store, environ: Mapping[str, str], clock: Clock) -> None:
        self._config, self._store, self._environ, self._clock = config, store, environ, clock
        self.places = Places(config)
        self._archival = EventJournal(self.places.archival, clock)
        self._rules: tuple[tuple[int, int, int], AlertRules] | None = None
        self.lines: list[str] = []
        """What alerts said, for the daemon's output."""

    @property
    def store(self) -> Store:
        """The store."""
        return self._store

    @property
    def alerts(self) -> bool:
        """Whether anybody is to be told."""
        return self._config.alerts.file is not None

    def of(self, link: Link) -> Callable[[Watched, Links], Done]:
        """The effect of a link."""
        return {
            Link.ARCHIVE: self._archive,
            Link.VERIFY: self._verify,
            Link.REPORT: self._report,
            Link.RECORD: self._record,
            Link.ALERT: self._alert,
        }[link]

    def _archive(self, run: Watched, _: Links) -> Done:
        path = archived.keep(run, self.places, self._clock)
        return Done(str(path), str(path))

    def _verify(self, run: Watched, links: Links) -> Done:
        path = archive_of(links)
        assert path is not None
        info, tag_hash = archived.verify(path)
        self._archival.tell_once(
            "RUN_ARCHIVED", _event_id("RUN_ARCHIVED", run), runId=run.run_id, key=run.key, generation=run.generation,
            archive=str(path), sha256=tag_hash, files=info.payload_files, bytes=info.payload_bytes,
        )  # fmt: skip
        return Done(f"{info.payload_files} files as they were archived", tag_hash)

    def _report(self, run: Watched, links: Links) -> Done:
        spans, not_seen = self._spans(run)
        found = summary.Found(archive_of(links), _why_not(links), spans, not_seen)
        made = summary.make(run, found, self._config.watch, self._clock.now_ms())
        path = self.places.summary(run)
        data = msgspec.json.encode(mask_data(summary.plain(made)))
        write_atomically(path, msgspec.json.format(data, indent=2) + b"\n")
        _sync(path.parent)
        self._archival.tell_once(
            "REPORT_GENERATED", _event_id("REPORT_GENERATED", run), runId=run.run_id, key=run.key,
            generation=run.generation, report=str(path), verdict=made.verdict, status=run.status,
        )  # fmt: skip
        return Done(f"{made.verdict}: {path}", str(path))

    def _spans(self, run: Watched) -> tuple[RunSpans | None, str]:
        """What LangSmith knows of the run; that it does not answer holds nothing up."""
        watch = self._config.watch
        if not watch.langsmith_project or run.kind == views.TEST:
            return None, ""
        try:
            key = watch.langsmith_key
            return langsmith_runs.read(watch.langsmith_project, key, run.run_id, self._environ), ""
        except SourceUnavailable as error:
            return None, str(error)

    def _record(self, run: Watched, links: Links) -> Done:
        made = self._summary(run)
        if run.kind == views.SESSION:
            with self._session(run, archive_of(links)) as folder:
                fill(self._store, Workspace(folder), self._clock)
                recording.place(self._store, run)
        else:
            recording.record(self._store, run, made, self._clock)
        fill_archives(self._store, self.places.shelf_of(run))
        return Done("its row is in the store")

    def _alert(self, run: Watched, links: Links) -> Done:
        if self._config.alerts.file is None:
            return Done("nobody is to be told (alerts.file is not set)")
        desk = self.desk()
        told: list[Episode] = []

        def look(now_ms: int) -> Observed:
            seen = self._seen(run, links, now_ms)
            told.extend(seen.episodes)
            return seen

        said = list(desk.tell(look))
        self.lines += said
        refused = desk.refused(told)
        if refused:
            raise DeliveryFailed(f"not taken by {', '.join(refused)}")
        return Done("; ".join(said) or "nothing was left to tell")

    def desk(self) -> Desk:
        """Where alerts are handed in. Raises ConfigError, UsageError where no alert file is set."""
        file = self._config.alerts.file
        if file is None:
            raise UsageError("No alert file is configured. Set alerts.file.")
        shadow = self._config.alerts.shadow
        path = self._config.output.state_db
        return Desk(self._read_rules(file), path, self._environ, self._clock, shadow=shadow)

    def _read_rules(self, file: Path) -> AlertRules:
        """As they stand there now; read again only where the file is another."""
        try:
            status = file.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        except OSError:
            return read_rules(file)  # which says what is wrong
        if self._rules is None or self._rules[0] != stamp:
            self._rules = stamp, read_rules(file)
        return self._rules[1]

    def _seen(self, run: Watched, links: Links, now_ms: int) -> Observed:
        made, report = self._summary(run), str(self.places.summary(run))
        verdict = made.verdict if made is not None else "no report"
        path = archive_of(links)
        more = [
            *telling.anomaly_of(run, made.anomalies if made is not None else (), report, now_ms),
            *telling.failed_links(run, _failed(links), report, now_ms),
        ]
        is_there = (
            run.kind == views.SESSION and existing_session_id(Workspace(Path(run.workspace))) == run.run_id
        )
        if run.kind != views.SESSION or (path is None and not is_there):
            return Observed((telling.end_of(run, verdict, report, now_ms), *more), ())
        # Without an archive from its workspace: told as the session itself tells it, it is not told twice.
        files = nullcontext(Path(run.workspace)) if path is None else archived.some_of(path, _FOR_ALERTS)
        with files as folder:
            seen = observing.observed(Workspace(folder), now_ms)
        at = Workspace(Path(run.workspace)).report(run.run_id)
        where = str(at) if at.exists() else report
        episodes = [msgspec.structs.replace(item, report=where) for item in seen.episodes]
        # The daemon comes back when a group's interval is over: nothing need be told with the end.
        return msgspec.structs.replace(seen, episodes=(*episodes, *more), begun_ms=None)

    def _summary(self, run: Watched) -> Summary | None:
        try:
            return msgspec.json.decode(self.places.summary(run).read_bytes(), type=Summary)
        except (OSError, msgspec.MsgspecError):
            return None

    @contextmanager
    def _session(self, run: Watched, path: Path | None) -> Iterator[Path]:
        """The folder of a session: its workspace while that holds it, else a copy of its archive."""
        with ExitStack() as stack:
            folder = Path(run.workspace)
            if path is not None and existing_session_id(Workspace(folder)) != run.run_id:
                folder = stack.enter_context(opened(path))
            yield folder


def archive_of(links: Links) -> Path | None:
    """Where the archive lies; None where none could be made."""
    row = links[Link.ARCHIVE]
    return Path(row.result) if row.status is LinkState.DONE and row.result else None


def _failed(links: Links) -> list[LinkRow]:
    return [row for row in links.values() if row.status is LinkState.FAILED]


def _why_not(links: Links) -> str:
    return "; ".join(f"{row.link}: {row.detail}" for row in _failed(links))


def _event_id(event: str, run: Watched) -> str:
    return f"{event} {run.key} {run.generation}"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
