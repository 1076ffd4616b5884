"""An archive that is there: opened with suspicion, verified, read file by file. Nothing is unpacked here."""

from __future__ import annotations

import errno
import hashlib
import zipfile
import zlib
from calendar import timegm
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from orchestrator.archive import layout, members
from orchestrator.archive.layout import BAGIT, INFO, MANIFEST, PAYLOAD, TAG_MANIFEST, BagInfo
from tools.errors import ArchiveRefused, UsageError

_CHUNK_BYTES = 1 << 20
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What the ZIP reader raises on bytes that are not what they say."""


class Bag:
    """One archive, its structure and manifests checked. Use it as a context."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises ArchiveRefused, with the archive's name; UsageError where it cannot be read."""
        self.path = path
        self._zip = _opened(path)
        with ExitStack() as stack:
            stack.callback(self._zip.close)
            try:
                self._read_structure(path.stat().st_size)
            except ArchiveRefused as error:
                raise ArchiveRefused(f"{path.name}: {error}. Nothing of it was unpacked.") from error
            stack.pop_all()

    def _read_structure(self, packed_bytes: int) -> None:
        try:
            infos = self._zip.infolist()
        except _BROKEN as error:
            raise ArchiveRefused(f"it cannot be read ({error})") from error
        self._top, self._members = members.checked(infos, packed_bytes)
        if self._tag(BAGIT) != layout.DECLARATION:
            raise ArchiveRefused(f"{BAGIT} is not that of a bag of ours")
        tags = self._tag(TAG_MANIFEST)
        self.tag_hash = hashlib.sha256(tags).hexdigest()
        listed = layout.manifest_of(tags, TAG_MANIFEST)
        wrong = layout.differences(listed, {BAGIT, INFO, MANIFEST}, TAG_MANIFEST)
        wrong += [
            f"{name} was changed"
            for name in listed
            if name in self._members and not self._holds(name, listed)
        ]
        if wrong:
            raise ArchiveRefused("; ".join(wrong))
        self.info: BagInfo = layout.info_of(self._tag(INFO))
        self._digests = layout.manifest_of(self._tag(MANIFEST), MANIFEST)
        payload = {name for name in self._members if name.startswith(PAYLOAD)}
        wrong = layout.differences(self._digests, payload, MANIFEST)
        size = sum(self._members[name].file_size for name in payload)
        if (size, len(payload)) != (self.info.payload_bytes, self.info.payload_files):
            wrong.append(f"{len(payload)} files of {size} bytes are there, {INFO} says otherwise")
        if wrong:
            raise ArchiveRefused("; ".join(wrong[:10]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def files(self) -> dict[str, int]:
        """The session's files by their name in the workspace, with their size in bytes."""
        return {name.removeprefix(PAYLOAD): self._members[name].file_size for name in sorted(self._digests)}

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each, by the same names."""
        return {name.removeprefix(PAYLOAD): digest for name, digest in self._digests.items()}

    def verify(self) -> list[str]:
        """Every file that is not what the manifest says, a sentence each; none where all are."""
        wrong = []
        for name in self.files:
            try:
                for _ in self.read(name):
                    pass
            except ArchiveRefused as error:
                wrong.append(str(error))
        return wrong

    def read(self, name: str) -> Iterator[bytes]:
        """A file of the session in pieces. Raises ArchiveRefused after the last one where it is not what was archived."""
        member = f"{PAYLOAD}{name}"
        if member not in self._digests:
            raise ArchiveRefused(f"{self.path.name} holds no file {name}.")
        digest = hashlib.sha256()
        for piece in self._pieces(member):
            digest.update(piece)
            yield piece
        if digest.hexdigest() != self._digests[member]:
            raise ArchiveRefused(f"{self.path.name}: {name} is not what was archived.")

    def modified_s(self, name: str) -> int:
        """When a file was last changed: seconds since the epoch, to two of them; 0 where that is no time."""
        try:
            return timegm((*self._members[f"{PAYLOAD}{name}"].date_time, 0, 0, 0))
        except ValueError:
            return 0

    def _pieces(self, member: str) -> Iterator[bytes]:
        try:
            with self._zip.open(self._members[member]) as stream:
                while piece := stream.read(_CHUNK_BYTES):
                    yield piece
        except (*_BROKEN, OSError) as error:  # a place before the file's beginning is one too
            name = member.removeprefix(PAYLOAD)
            raise ArchiveRefused(f"{self.path.name}: {name} cannot be unpacked ({error}).") from error

    def _tag(self, name: str) -> bytes:
        return b"".join(self._pieces(name))

    def _holds(self, name: str, listed: dict[str, str]) -> bool:
        return hashlib.sha256(self._tag(name)).hexdigest() == listed[name]


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise ArchiveRefused(
                f"{path.name} is no archive of a session ({error}). Name another."
            ) from error
        raise UsageError(
            f"{path} cannot be read: {error.strerror or error}. Name another archive."
        ) from error
    except _BROKEN as error:
        raise ArchiveRefused(f"{path.name} is no archive of a session ({error}). Name another.") from error
