"""An archive that is there: opened with suspicion, verified, read file by file. Nothing is unpacked here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from orchestrator.archive import containers, layout, members
from orchestrator.archive.layout import BAGIT, INFO, MANIFEST, PAYLOAD, TAG_MANIFEST, BagInfo
from tools.errors import ArchiveRefused


class Bag:
    """One archive, its structure and manifests checked. Use it as a context."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises ArchiveRefused, with the archive's name; UsageError where it cannot be read."""
        self.path = path
        self._packed = containers.opened(path)
        with ExitStack() as stack:
            stack.callback(self._packed.close)
            try:
                self._read_structure(path.stat().st_size)
            except ArchiveRefused as error:
                raise ArchiveRefused(f"{path.name}: {error}. Nothing of it was unpacked.") from error
            stack.pop_all()

    def _read_structure(self, packed_bytes: int) -> None:
        try:
            self._top, self._members = members.checked(
                self._packed.members(), packed_bytes, self._packed.ratio_max
            )
            read = {f"{self._top}/{name}": name for name in members.TAGS}
            held = {read[name]: b"".join(pieces) for name, pieces in self._packed.each(read)}
        except self._packed.broken as error:
            raise ArchiveRefused(f"it cannot be read ({error})") from error
        if held[BAGIT] != layout.DECLARATION:
            raise ArchiveRefused(f"{BAGIT} is not that of a bag of ours")
        tags = held[TAG_MANIFEST]
        self.tag_hash = hashlib.sha256(tags).hexdigest()
        listed = layout.manifest_of(tags, TAG_MANIFEST)
        wrong = layout.differences(listed, {BAGIT, INFO, MANIFEST}, TAG_MANIFEST)
        wrong += [
            f"{name} was changed"
            for name in listed
            if name in held and hashlib.sha256(held[name]).hexdigest() != listed[name]
        ]
        if wrong:
            raise ArchiveRefused("; ".join(wrong))
        self.info: BagInfo = layout.info_of(held[INFO])
        self._digests = layout.manifest_of(held[MANIFEST], MANIFEST)
        payload = {name for name in self._members if name.startswith(PAYLOAD)}
        wrong = layout.differences(self._digests, payload, MANIFEST)
        size = sum(self._members[name].size for name in payload)
        if (size, len(payload)) != (self.info.payload_bytes, self.info.payload_files):
            wrong.append(f"{len(payload)} files of {size} bytes are there, {INFO} says otherwise")
        if wrong:
            raise ArchiveRefused("; ".join(wrong[:10]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._packed.close()

    @property
    def files(self) -> dict[str, int]:
        """The session's files by their name in the workspace, with their size in bytes."""
        return {name.removeprefix(PAYLOAD): self._members[name].size for name in sorted(self._digests)}

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each, by the same names."""
        return {name.removeprefix(PAYLOAD): digest for name, digest in self._digests.items()}

    def verify(self) -> list[str]:
        """Every file that is not what the manifest says, a sentence each; none where all are."""
        wrong = []
        try:
            for _, pieces in self.each(self.files):
                try:
                    for _ in pieces:
                        pass
                except ArchiveRefused as error:
                    wrong.append(str(error))
        except ArchiveRefused as error:
            wrong.append(str(error))
        return wrong

    def read(self, name: str) -> Iterator[bytes]:
        """A file of the session in pieces. Raises ArchiveRefused after the last one where it is not what was archived."""
        for _, pieces in self.each((name,)):
            yield from pieces

    def each(self, names: Iterable[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Files of the session in one go, with their pieces as `read` has them; each is read before the next is taken.

        They come in the order in which they are read fastest. Raises ArchiveRefused.
        """
        wanted: dict[str, str] = {}
        for name in names:
            if f"{PAYLOAD}{name}" not in self._digests:
                raise ArchiveRefused(f"{self.path.name} holds no file {name}.")
            wanted[self._members[f"{PAYLOAD}{name}"].name] = name
        try:
            for member, pieces in self._packed.each(wanted):
                yield wanted[member], self._as_archived(wanted[member], pieces)
        except self._packed.broken as error:
            raise ArchiveRefused(f"{self.path.name} cannot be unpacked ({error}).") from error

    def _as_archived(self, name: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        digest = hashlib.sha256()
        try:
            for piece in pieces:
                digest.update(piece)
                yield piece
        except self._packed.broken as error:
            raise ArchiveRefused(f"{self.path.name}: {name} cannot be unpacked ({error}).") from error
        if digest.hexdigest() != self._digests[f"{PAYLOAD}{name}"]:
            raise ArchiveRefused(f"{self.path.name}: {name} is not what was archived.")

    def modified_s(self, name: str) -> int:
        """When a file was last changed: seconds since the epoch, in a ZIP to two of them; 0 where that is no time."""
        return self._members[f"{PAYLOAD}{name}"].modified_s
