"""The indexer: reads the project's files once, in a process of its own, and leaves the index for all agents.

A project that cannot be read still leaves an index: nobody waits for ever, and the gap is stated.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agents.job import ChangeJob, WatcherJob
from agents.time_limit import TookTooLong, limited
from tools.clock import Clock, iso
from tools.findings.journal import Journal
from tools.sources import file_marks
from tools.sources.code.index import build_index, failed_index, write_index
from tools.sources.code.index_cache import cached_index
from tools.sources.code.walk import walk
from tools.sources.records import CodeIndex, CodeKind, FactKind
from tools.sources.renames import renames
from tools.workspace import Workspace

INDEX_S_MAX = 240.0
"""Wall time for one index: 7,000 files take about half a minute on a slow core."""
_OWN_FOLDERS = ("monitor-session", ".state", ".archive")


def index(job: WatcherJob, clock: Clock) -> None:
    """Build and write the index and the lists under `config/`. Raises OSError where the workspace refuses."""
    workspace = Workspace(job.workspace)
    with Journal(workspace.events) as events:
        began = clock.monotonic()
        if job.change is not None:
            _index_base(job, job.change, workspace, clock)
        # Before they are read: what is written meanwhile differs from its mark, and is read again.
        file_marks.write(workspace, file_marks.marks_of(job.project_root, job.include, excluded(job)))
        made = build(job, job.project_root, clock)
        _write_lists(workspace, made)
        write_index(workspace.code_index, made)
        took_s = round(clock.monotonic() - began, 3)
        events.append(
            {
                "type": "indexed",
                "at": iso(clock.now_ms()),
                "files": made.files_read,
                "uses": len(made.uses),
                "tookS": took_s,
                "gaps": len(made.gaps),
            }
        )


def build(job: WatcherJob, root: Path, clock: Clock, limit_s: float = INDEX_S_MAX) -> CodeIndex:
    """The index of the files below `root`; one that holds nothing but a gap where they cannot be read, or not in time."""
    try:
        with limited(limit_s):
            if job.code_cache is None:
                return build_index(root, job.include, excluded(job), clock.now_ms())
            secret = "" if job.mask_key is None else job.mask_key.get_secret_value()
            return cached_index(job.code_cache, root, (job.include, excluded(job)), secret, clock.now_ms())
    except TookTooLong:
        why = f"reading it took longer than {limit_s:.0f} s; exclude large or generated files"
        return failed_index(why, clock.now_ms())
    except (OSError, MemoryError, RecursionError) as error:
        return failed_index(f"{type(error).__name__}: {error}", clock.now_ms())


def _index_base(job: WatcherJob, change: ChangeJob, workspace: Workspace, clock: Clock) -> None:
    """The index of the base, and what was moved since: before the other, so that nobody finds the one alone."""
    both = (walk(root, job.include, excluded(job)) for root in (change.base_root, job.project_root))
    try:
        moved = renames(*both)
    except OSError:  # the index says what cannot be read
        moved = {}
    workspace.write_json(workspace.renamed_files, moved)
    write_index(workspace.base_index, build(job, change.base_root, clock))


def excluded(job: WatcherJob) -> tuple[str, ...]:
    """The globs of what is not read: those of the job, and what the session itself writes."""
    return (*job.exclude, *_own(job), *(() if job.change is None else job.change.exclude))


def _own(job: WatcherJob) -> tuple[str, ...]:
    """The workspace, where it lies inside the project under a name of its own."""
    root, workspace = job.project_root.resolve(), job.workspace.resolve()
    inside = workspace.is_relative_to(root) and workspace != root
    own = (f"{workspace.relative_to(root).as_posix()}/**",) if inside else ()
    return (*own, *(f"**/{folder}/**" for folder in _OWN_FOLDERS))


def _write_lists(workspace: Workspace, made: CodeIndex) -> None:
    streams = {
        use.stream.value for use in made.uses if use.stream is not None and use.stream.value is not None
    }
    groups = {use.group.value for use in made.uses if use.group is not None and use.group.value is not None}
    required = {
        use.name
        for use in made.uses
        if use.kind is CodeKind.ENV_READ and use.name and not {"default", "tested"} & use.options.keys()
    }
    lists: dict[str, Iterable[str]] = {
        "config_files.txt": {fact.path for fact in made.facts},
        "stream_files.txt": {use.path for use in made.uses if use.stream is not None},
        "code_stream_names.txt": streams,
        "doc_stream_names.txt": {fact.name for fact in made.facts if fact.kind is FactKind.STREAM},
        "code_group_names.txt": groups,
        "required_env_vars.txt": required,
    }
    for name, lines in lists.items():
        text = "".join(f"{_one_line(line)}\n" for line in sorted(lines))
        workspace.write_text(workspace.path("config", name), text)


def _one_line(text: str) -> str:
    """A name of the audited system on one line of a list, without control characters."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
