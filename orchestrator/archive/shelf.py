"""The folder of archives, `.archive` beside the workspace: what lies in it, under which names, and its lock."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.archive import chain
from orchestrator.archive.bag import Bag
from orchestrator.archive.form import Form, form_of, name_of
from orchestrator.session.lock import hold_when_free
from tools.clock import Clock
from tools.errors import UsageError
from tools.workspace import Workspace, safe_name, workspace_at

FOLDER = ".archive"
_NAMED = 5
_LOCK_WAIT_S = 60.0
"""For another session beside this one to write its archive; a gigabyte takes some five seconds."""
_HALVES = (".*.tmp.*", ".removing-*", ".opened-*")


class Shelf:
    """The archives beside one workspace."""

    def __init__(self, folder: Path, form: Form | None = None) -> None:
        """`form` is what archives are to have that are put there; without it a new one is a ZIP, and any other will do."""
        self.folder = folder
        self.form = form

    @classmethod
    def beside(cls, workspace: Path, form: Form | None = None) -> Shelf:
        """The one of a workspace, behind links too."""
        return cls(workspace_at(workspace).root.parent / FOLDER, form)

    def create(self) -> None:
        """Make the folder, ignored by git. Raises OSError."""
        if not self.folder.exists():
            self.folder.mkdir(exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n", encoding="ascii")

    @contextmanager
    def locked(self, session_id: str, clock: Clock) -> Iterator[None]:
        """Be its only writer; halves that a killed writer left are gone then. Raises LockHeld, OSError."""
        with hold_when_free(self.folder / ".lock", "archive", session_id, clock, _LOCK_WAIT_S):
            self._sweep()
            yield

    def _sweep(self) -> None:
        for glob in _HALVES:
            for left in self.folder.glob(glob):
                if left.is_dir() and not left.is_symlink():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)

    def paths(self) -> list[Path]:
        """The archives, by name, which is by time. None where the folder is not there."""
        found = [path for form in Form for path in self.folder.glob(f"*{form.ending}")]
        return sorted(
            (path for path in found if not path.name.startswith(".")), key=lambda path: (name_of(path), path)
        )

    def path_of(self, name: str) -> Path:
        """Where the archive of a name lies, or would as a ZIP."""
        paths = [self.folder / f"{name}{form.ending}" for form in Form]
        return next((path for path in paths if path.is_file()), paths[0])

    def unpacked(self) -> list[Workspace]:
        """Folders of sessions that were moved here and not archived."""
        found = sorted(path.parent for path in self.folder.glob("*/SESSION_ID"))
        return [Workspace(path) for path in found if not path.name.startswith(".") and not path.is_symlink()]

    def free_name(self, session_id: str) -> str:
        """A name for another archive of this session, without its ending."""
        name = safe_name(session_id)
        taken = {name_of(path) for path in self.paths()} | {link.name for link in chain.read(self.folder)}
        number = 1
        while (name if number == 1 else f"{name}-{number}") in taken:
            number += 1
        return name if number == 1 else f"{name}-{number}"

    def of_session(self, session_id: str) -> list[Path]:
        """The archives of a session, oldest first: more than one where its workspace was changed in between."""
        numbered = re.compile(rf"{re.escape(safe_name(session_id))}(-(\d+))?")
        found = [(match, path) for path in self.paths() if (match := numbered.fullmatch(name_of(path)))]
        return [path for _, path in sorted((int(match[2] or 1), path) for match, path in found)]

    def find(self, run: str) -> Path:
        """The archive that a user names: a file, or the id of a run, of which the newest. Raises UsageError."""
        if form_of(Path(run)) is not None and Path(run).is_file():
            return Path(run)
        by_name = self.path_of(safe_name(run))
        found = self.of_session(run)
        if found:
            return found[-1]
        if by_name.is_file():
            return by_name
        newest = ", ".join(name_of(path) for path in self.paths()[-_NAMED:])
        hint = f" The newest there: {newest}." if newest else " It holds none."
        raise UsageError(f"There is no archive {run!r} in {self.folder}.{hint}")

    def seen(self, besides: Collection[str] = ()) -> tuple[dict[str, chain.Seen], list[str]]:
        """What each archive says of itself, by name; and a sentence for each that cannot be believed or read.

        Those named in `besides` are not looked at.
        """
        found: dict[str, chain.Seen] = {}
        refused: list[str] = []
        for path in self.paths():
            name = name_of(path)
            if name in besides:
                continue
            if name in found:
                refused.append(f"{path.name}: another archive there has this name. Move one away.")
                continue
            try:
                with Bag(path) as bag:
                    found[name] = chain.Seen(bag.tag_hash, bag.info)
            except UsageError as error:
                refused.append(str(error))
        return found, refused
