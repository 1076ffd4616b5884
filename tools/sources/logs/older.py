"""The older generations of one log: those that are known, and those that were made while nobody looked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.sources.logs import known, packed, rotated
from tools.sources.logs.feed import FileMark, Note
from tools.sources.logs.generation import Generation, go_to
from tools.sources.logs.known import Beside, Generations, Known
from tools.sources.logs.rotated import Identity

KEPT = 400
"""Generations that a checkpoint names."""


class Emptied(NamedTuple):
    """What was known of a file that was emptied: how far it was read, and what it held."""

    size: int
    head: bytes
    trail: list[tuple[int, bytes]]
    """Sizes that it had, and the bytes before each end."""

    def prints(self) -> Iterator[Known]:
        """What copies of it begin with that were made at one time or another."""
        # Nowhere beside the log: its copies are what is left of it.
        return (Known(0, 1, size, known.print_of(self.head, tail)) for size, tail in self.trail)


class _Found(NamedTuple):
    path: Path
    identity: Identity
    place: int
    """Up to where it is known."""
    changed_ns: int


class Older:
    """What lies beside one log. `elsewhere`: whether another source reads a file."""

    def __init__(self, path: Path, seen: Iterable[Known], elsewhere: Callable[[Identity], bool]) -> None:
        self._path = path
        self._known = Generations(seen)
        self._elsewhere = elsewhere
        self.notes: list[Note] = []
        self.copied = False
        """Whether a copy of the file that was emptied was met by the last `unseen`."""

    def add_all(self, before_ns: int | None = None) -> None:
        """What is there now is not to be read; where `before_ns` is given, what was last written before it."""
        for path in (*packed.siblings(self._path), *rotated.siblings(self._path)):
            if before_ns is None or rotated.changed_ns(path) < before_ns:
                self._known.add(known.of_path(path))

    def add(self, one: Known | None) -> None:
        """A generation that is done with."""
        self._known.add(one)

    def any_there(self) -> bool:
        """Whether any older generation lies beside the log."""
        return bool(rotated.siblings(self._path) or packed.siblings(self._path))

    def seen(self) -> list[Known]:
        """For the checkpoint."""
        return self._known.newest(KEPT)

    def place_in(self, path: Path) -> int | None:
        """Up to where a file is known by itself; None where it is not."""
        return self._known.place_in(path, _beside([path, *rotated.siblings(self._path)]))

    def unseen(self, held: Sequence[Generation], emptied: Emptied | None = None) -> list[Generation]:
        """Open what was not read to its end, oldest first. `emptied`: what the last one of `held` was."""
        plain, gone_packed = rotated.siblings(self._path), packed.siblings(self._path)
        there = _beside([self._path, *plain, *gone_packed])
        mine = {(file.device, file.inode) for file in held}
        now = _Beside(held if emptied is None else held[:-1], emptied, there)
        found: list[_Found] = []
        for path in plain:
            identity = rotated.identity(path)
            if identity is None or identity in mine or self._elsewhere(identity):
                continue
            place = self._known.place_in(path, there)
            if place is None:
                place = now.place_in(path)
            if (place or 0) < _size(path):
                found.append(_Found(path, identity, place or 0, rotated.changed_ns(path)))
            else:
                self._known.add(known.of_path(path))
        names = {path.name for path in plain}
        for path in gone_packed:
            # Beside its packed form a file lies while it is packed: it is read itself.
            identity = rotated.identity(path)
            if identity is None or identity in mine or path.with_suffix("").name in names:
                continue
            place = self._place_in_packed(path, now, there)
            if place < packed.ALL:
                found.append(_Found(path, identity, place, rotated.changed_ns(path)))
        self.copied = now.copied
        files = [self._opened(one) for one in sorted(found, key=lambda one: one.changed_ns)]
        return [file for file in files if file is not None]

    def find_packed(self, mark: FileMark) -> Generation | None:
        """The generation of a mark that was packed meanwhile."""
        for path in reversed(packed.siblings(self._path)):
            unread = not mark.head_bytes
            if unread and not (mark.packed and rotated.identity(path) == (mark.device, mark.inode)):
                continue  # nothing says what it is
            try:
                found = packed.whole(path) if unread else packed.rest_of(path, mark)
            except packed.Unreadable as error:
                self._cannot(error)
                continue
            if found is not None:
                self._known.add(known.of_path(path))
                return self._generation(path, found)
        return None

    def _place_in_packed(self, path: Path, now: _Beside, there: Beside) -> int:
        try:
            place = self._known.place_in_packed(path, there)
            if place is None:
                place = now.place_in_packed(path)
        except packed.Unreadable as error:
            self._cannot(error)
            place = packed.ALL
        self._known.add(known.of_path(path))
        return place or 0

    def _opened(self, found: _Found) -> Generation | None:
        path = found.path
        if path.name.endswith(rotated.PACKED):
            try:
                file = self._generation(path, packed.rest_from(path, found.place))
            except packed.Unreadable as error:
                self._cannot(error)
                return None
        else:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except OSError as error:
                why = f"{path.name} cannot be read: {error.strerror}"
                self.notes.append(Note("lines", why, "Give the user that runs streamgauge read access."))
                return None
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != found.identity:
                os.close(
                    descriptor
                )  # another has that name by now: it is found by its new one at the next look
                return None
            file = Generation(descriptor, status.st_dev, status.st_ino)
        go_to(file, found.place)
        return file

    def _generation(self, path: Path, found: packed.Unpacked) -> Generation:
        if found.more:
            why = f"only the first {packed.REST_BYTES_MAX >> 20} MB that were missing are read of {path.name}"
            self.notes.append(Note("lines", why, "Rotate logs while they are smaller."))
        return Generation(found.descriptor, found.device, found.inode, sealed=True, packed=True)

    def _cannot(self, error: packed.Unreadable) -> None:
        self.notes.append(Note("lines", str(error), "Pack older logs a day later (delaycompress)."))


class _Beside:
    """What is held open, as something that files beside it may be copies of."""

    def __init__(self, held: Sequence[Generation], emptied: Emptied | None, there: Beside) -> None:
        self._known = Generations()
        self._there = there
        self._emptied = emptied
        self._held = held
        self.copied = False
        for file in held:
            if not file.sealed:
                self._known.add(known.of_descriptor(file.descriptor, os.fstat(file.descriptor).st_size))
        for one in emptied.prints() if emptied is not None else ():
            self._known.add(one)

    def place_in(self, path: Path) -> int | None:
        """Up to where a file is a copy of what is held; None where it is none."""
        place = self._known.place_in(path, self._there)
        if place is not None:
            return self._met(place, _size(path))
        return _size(path) if self._is_beginning(path) else None

    def place_in_packed(self, path: Path) -> int | None:
        """The same of a packed one. Raises packed.Unreadable."""
        place = self._known.place_in_packed(path, self._there)
        return None if place is None else self._met(place, packed.ALL)

    def _met(self, place: int, whole: int) -> int:
        """A copy that ends before the place up to which the file was read holds nothing new."""
        emptied = self._emptied
        if emptied is None or all(place != size for size, _ in emptied.trail):
            self.copied = self.copied or (
                emptied is not None and place == packed.ALL and self._known.met == emptied.size
            )
            return place
        self.copied = self.copied or place == emptied.size
        return place if place == emptied.size else whole

    def _is_beginning(self, path: Path) -> bool:
        """Whether it is a copy that was made before the newest bytes came."""
        one = known.of_path(path)
        if one is None or one.size < known.COPY_BYTES_MIN:
            return False
        return any(
            one.size < os.fstat(file.descriptor).st_size
            and known.print_at(file.descriptor, one.size) == one.print
            for file in self._held
        )


def _beside(paths: Iterable[Path]) -> Beside:
    return {found: path for path in paths if (found := rotated.identity(path)) is not None}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
