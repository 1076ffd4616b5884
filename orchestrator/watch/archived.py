"""The archive of a run that is over: of a session its workspace, of any other run what its source held of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import structs

from orchestrator.archive import keeping
from orchestrator.archive.bag import Bag
from orchestrator.archive.layout import BagInfo
from orchestrator.archive.shelf import Shelf
from orchestrator.archive.writing import archive
from orchestrator.session.opening import existing_session_id
from orchestrator.watch import views
from orchestrator.watch.ledger import Watched
from orchestrator.watch.places import Places
from tools.clock import Clock
from tools.errors import UsageError
from tools.workspace import Workspace, workspace_at


def keep(run: Watched, places: Places, clock: Clock) -> Path:
    """Archive a run unless it is; where its archive lies. Raises StreamgaugeError, OSError."""
    if run.kind == views.SESSION:
        return _keep_session(run, places, clock)
    return _keep_export(run, places, clock)


def _keep_session(run: Watched, places: Places, clock: Clock) -> Path:
    workspace = workspace_at(Path(run.workspace))
    if existing_session_id(workspace) == run.run_id:
        return keeping.keep(workspace.root, clock).path
    shelf = places.shelf_of(run)
    for folder in shelf.unpacked():
        if existing_session_id(folder) == run.run_id:
            return keeping.pack(folder, shelf, clock).path
    found = shelf.of_session(run.run_id)
    if not found:
        raise UsageError(
            f"{workspace.root} holds another session by now, and {shelf.folder} no archive of this one."
        )
    return found[-1]


def _keep_export(run: Watched, places: Places, clock: Clock) -> Path:
    """What the source held, as files that anybody reads."""
    folder, shelf = Workspace(places.export(run)), places.shelf
    assert run.view is not None
    if not folder.session_id_file.exists():
        _write_export(folder, run)
    shelf.create()
    with shelf.locked(run.key, clock):
        return archive(folder, run.key, shelf, clock, _described(run)).path


def _write_export(folder: Workspace, run: Watched) -> None:
    assert run.view is not None
    folder.root.mkdir(parents=True, exist_ok=True)
    plain = structs.replace(run.view, rows={})
    about = {"key": run.key, "generation": run.generation, "status": run.status, "why": run.why, "run": plain}
    folder.write_json(folder.path("run.json"), about)
    for table, rows in run.view.rows.items():
        folder.write_json(folder.path(f"{table}.json"), rows)
    # Last of all: with it the folder is whole.
    folder.write_text(folder.session_id_file, f"{run.key}\n")


def _described(run: Watched) -> BagInfo:
    assert run.view is not None
    return BagInfo(
        run=run.key,
        number=0,
        archived_ms=0,
        started_ms=run.started_ms or run.seen_ms,
        mode=run.kind,
        series=f"{run.kind} {run.source}",
        incomplete="" if run.status == views.COMPLETED else run.why or run.status,
        open_criticals=run.view.open_criticals,
    )


def drop_export(run: Watched, places: Places) -> None:
    """Remove the folder of an export once nobody needs it any more."""
    folder = places.export(run)
    if run.kind != views.SESSION and folder.is_dir() and folder.is_relative_to(places.exports):
        shutil.rmtree(folder, ignore_errors=True)


def verify(path: Path) -> tuple[BagInfo, str]:
    """Read an archive to its end; what it says of itself, and its hash. Raises UsageError where it is not whole."""
    with Bag(path) as bag:
        wrong = bag.verify()
        if wrong:
            raise UsageError("; ".join(wrong[:3]))
        return bag.info, bag.tag_hash


def member(path: Path, name: str) -> bytes | None:
    """A file of an archive; None where it holds none of that name. Raises UsageError."""
    with Bag(path) as bag:
        return b"".join(bag.read(name)) if name in bag.files else None


@contextmanager
def some_of(path: Path, names: Collection[str]) -> Iterator[Path]:
    """A folder with a copy of these files of an archive, as far as it holds them. Raises UsageError, OSError."""
    with Bag(path) as bag, tempfile.TemporaryDirectory(prefix="streamgauge-") as name:
        folder = Path(name).resolve()
        for file, pieces in bag.each(bag.files.keys() & set(names)):
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as copy:
                for piece in pieces:
                    copy.write(piece)
            os.utime(target, (bag.modified_s(file), bag.modified_s(file)))
        yield folder


def json_member(path: Path, name: str) -> object:
    """A JSON file of an archive; None where there is none that can be read."""
    try:
        data = member(path, name)
        return None if data is None else msgspec.json.decode(data)
    except (UsageError, OSError, msgspec.MsgspecError):
        return None


def shelf_at(path: Path) -> Shelf:
    """The shelf on which an archive lies."""
    return Shelf(path.parent)
