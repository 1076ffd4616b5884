"""`archive …`: what the commands do and print."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orchestrator.archive import chain, keeping, pruning, restoring
from orchestrator.archive.bag import Bag
from orchestrator.archive.form import Form, name_of
from orchestrator.archive.layout import BagInfo
from orchestrator.archive.retention import Policy
from orchestrator.archive.shelf import Shelf
from orchestrator.archive.writing import Archived
from orchestrator.cli.terminal_text import clean
from orchestrator.session.opening import existing_session_id
from tools.clock import Clock, iso
from tools.errors import ArchiveRefused, UsageError
from tools.workspace import workspace_at

_SPOOL_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20


def make(folder: Path, run: str | None, clock: Clock, form: Form | None = None) -> Iterator[str]:
    """Archive the workspace's session and unpacked ones, or the one named. Raises UsageError, LockHeld."""
    shelf, own = Shelf.beside(folder, form), existing_session_id(workspace_at(folder))
    unpacked = [item for item in shelf.unpacked() if run in {None, existing_session_id(item), item.root.name}]
    with_own = own is not None and run in {None, own}
    if not with_own and not unpacked:
        what = f"no session {run!r} that could be archived" if run else "no session"
        raise UsageError(
            f"{folder} holds {what}, and {shelf.folder} none unpacked. Name one with --workspace."
        )
    for item in unpacked:
        yield _told(keeping.pack(item, shelf, clock))
    if with_own:
        yield _told(keeping.keep(folder, clock, form))


def _told(archived: Archived) -> str:
    how = "archived and verified" if archived.fresh else "was archived as it is; verified again"
    return f"{archived.info.run:<20} {_size(archived.info, archived.path)}, {how}: {archived.path}"


def _size(info: BagInfo, path: Path) -> str:
    return f"{info.payload_files} files, {_bytes(info.payload_bytes)} packed to {_bytes(path.stat().st_size)}"


def _bytes(number: int) -> str:
    return f"{number / 1e6:,.1f} MB" if number >= 100_000 else f"{number / 1e3:,.1f} kB"


def listed(folder: Path, *, as_json: bool) -> tuple[str, bool]:
    """The archives as text, and whether each could be read."""
    shelf = Shelf.beside(folder)
    seen, refused = shelf.seen()
    if as_json:
        rows = [_row(name, item, shelf) for name, item in seen.items()]
        return json.dumps(
            {"archives": rows, "refused": refused}, indent=2, ensure_ascii=True
        ) + "\n", not refused
    lines = [f"{'RUN':<22} {'STARTED':<20} {'MODE':<8} {'HEALTH':<9} {'OPEN CRIT.':>10}  SIZE"]
    for name, item in seen.items():
        info = item.info
        started = iso(info.started_ms)[:19].replace("T", " ")
        state = f"  incomplete: {info.incomplete}" if info.incomplete else ""
        size = _size(info, shelf.path_of(name))
        lines.append(
            f"{name:<22} {started:<20} {info.mode:<8} {info.health:<9} {info.open_criticals:>10}  {size}{state}"
        )
    lines += [
        f"{item.root.name:<22} a folder, not archived: streamgauge archive" for item in shelf.unpacked()
    ]
    lines += [f"damaged: {text}" for text in refused]
    if len(lines) == 1:
        lines = [f"{shelf.folder} holds no archive."]
    return "".join(f"{clean(line)}\n" for line in lines), not refused


def _row(name: str, item: chain.Seen, shelf: Shelf) -> dict[str, object]:
    info = item.info
    return {
        "name": name,
        "sessionId": info.run,
        "number": info.number,
        "startedAt": iso(info.started_ms),
        "archivedAt": iso(info.archived_ms),
        "mode": info.mode,
        "health": info.health,
        "incomplete": info.incomplete,
        "openCriticals": info.open_criticals,
        "files": info.payload_files,
        "bytes": info.payload_bytes,
        "packedBytes": shelf.path_of(name).stat().st_size,
        "sha256": item.hash,
    }


def verified(folder: Path, runs: list[str], *, fast: bool, chain: bool) -> tuple[list[str], bool]:
    """A line for each archive, and whether all are whole. Raises UsageError for one that is not there."""
    shelf = Shelf.beside(folder)
    paths = [shelf.find(run) for run in runs] or shelf.paths()
    if not paths and not chain:
        raise UsageError(f"{shelf.folder} holds no archive. `streamgauge archive` makes one.")
    lines: list[str] = []
    whole = True
    for path in paths:
        wrong = _wrong(path, fast=fast)
        whole = whole and not wrong
        lines += [f"damaged    {text}" for text in wrong] or [
            f"whole      {name_of(path)}: {_depth(path, fast=fast)}"
        ]
    if chain:
        broken = _chain_problems(shelf)
        whole = whole and not broken
        lines += [f"chain      {text}" for text in broken] or [f"chain      unbroken: {len(paths)} archives"]
    return lines, whole


def _wrong(path: Path, *, fast: bool) -> list[str]:
    try:
        with Bag(path) as bag:
            return [] if fast else bag.verify()
    except UsageError as error:
        return [str(error)]


def _depth(path: Path, *, fast: bool) -> str:
    with Bag(path) as bag:
        files = bag.info.payload_files
    return f"{files} files are listed and of their size" if fast else f"{files} files as they were archived"


def _chain_problems(shelf: Shelf) -> list[str]:
    seen, refused = shelf.seen()
    return refused + list(chain.problems(chain.read(shelf.folder), seen))


def restored(folder: Path, run: str, to: Path) -> Iterator[str]:
    """Unpack an archive. Raises UsageError, ArchiveRefused."""
    path = Shelf.beside(folder).find(run)
    files = restoring.restore(path, to)
    yield f"restored   {name_of(path)}: {files} files, each as it was archived: {to}"


def files(folder: Path, run: str) -> Iterator[str]:
    """Size and name of each file of an archive."""
    with Bag(Shelf.beside(folder).find(run)) as bag:
        for name, size in bag.files.items():
            yield f"{size:>12,}  {name}"


def show(folder: Path, run: str, name: str) -> None:
    """Print a file of an archive: to a terminal without control sequences, else byte for byte.

    Nothing is printed before all of it was found to be what was archived. Raises UsageError, ArchiveRefused.
    """
    with Bag(Shelf.beside(folder).find(run)) as bag, tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as spool:
        if name not in bag.files:
            near = [other for other in bag.files if Path(name).name in other][:5]
            hint = f" Perhaps {', '.join(near)}." if near else " `streamgauge archive show RUN` lists them."
            raise ArchiveRefused(f"{bag.path.name} holds no file {name}.{hint}")
        for piece in bag.read(name):
            spool.write(piece)
        spool.seek(0)
        if sys.stdout.isatty():
            for line in spool:
                sys.stdout.write(f"{clean(line.decode('utf-8', 'backslashreplace').rstrip())}\n")
            return
        sys.stdout.flush()
        while piece := spool.read(_CHUNK_BYTES):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def pruned(folder: Path, policy: Policy, named: frozenset[str], clock: Clock | None) -> Iterator[str]:
    """Tell what goes and what stays; with a clock do it. Raises UsageError, LockHeld."""
    shelf = Shelf.beside(folder)
    if not shelf.paths():
        raise UsageError(f"{shelf.folder} holds no archive. `streamgauge archive` makes one.")
    if clock is None:
        plan = pruning.plan(shelf, policy, named)
        yield from _planned(plan)
        yield f"{len(plan.going)} of {len(plan.archives)} would go. Nothing was removed; --delete does it."
        return
    try:
        with shelf.locked("prune", clock):
            plan = pruning.plan(shelf, policy, named)
            gone = pruning.prune(shelf, plan, clock)
    except OSError as error:
        raise UsageError(f"{shelf.folder} cannot be pruned: {error.strerror or error}.") from error
    yield from _planned(plan)
    yield f"{len(gone)} of {len(plan.archives)} were removed; what stays was read to its end before."


def _planned(plan: pruning.Plan) -> Iterator[str]:
    for text in plan.refused:
        yield f"damaged    {text}"
    for item in plan.archives:
        yield f"{'stays' if item.reasons else 'goes':<10} {item.name}{': ' if item.reasons else ''}{', '.join(item.reasons)}"
