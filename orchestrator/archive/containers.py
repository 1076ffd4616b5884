"""What bags lie in: read with suspicion, or written. Which of the forms a file has, its first bytes tell."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol

from orchestrator.archive.form import Form
from orchestrator.archive.members import Member
from orchestrator.archive.tars import PackedTar, TarPacker
from orchestrator.archive.zips import PackedZip, ZipPacker
from orchestrator.archive.zstd_frame import MAGIC
from tools.errors import ArchiveRefused, UsageError


class Container(Protocol):
    """A packed file that is there. `broken` is what reading bytes raises that are not what they say."""

    broken: ClassVar[tuple[type[Exception], ...]]
    ratio_max: ClassVar[int]
    """Expanded bytes a packed byte, beyond which it is a bomb."""

    def members(self) -> Iterator[Member]:
        """Its files as they are told; no content is read before its file was taken. Raises ArchiveRefused, `broken`."""

    def each(self, names: Collection[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Files of these names and their pieces, each to be read before the next is taken. Raises `broken`."""

    def close(self) -> None:
        """Let go of it."""


class Packer(Protocol):
    """A packed file that is being written; whole when its context ends."""

    def add(self, member: Member, pieces: Iterable[bytes]) -> None:
        """Another file. Raises ArchiveRefused where its bytes are not as many as it says, OSError."""


def opened(path: Path) -> Container:
    """Raises ArchiveRefused, with the archive's name; UsageError where it cannot be read."""
    broken: tuple[type[Exception], ...] = (OSError,)
    try:
        with ExitStack() as unless_done:
            file = unless_done.enter_context(path.open("rb"))
            form: type[PackedTar | PackedZip] = PackedTar if file.read(len(MAGIC)) == MAGIC else PackedZip
            broken = form.broken
            packed = form(file)
            unless_done.pop_all()
            return packed
    except ArchiveRefused as error:
        raise ArchiveRefused(f"{path.name}: {error}. Nothing of it was unpacked.") from error
    except broken as error:
        # A place before the file's beginning is one that it names itself.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise UsageError(
                f"{path} cannot be read: {error.strerror or error}. Name another archive."
            ) from error
        raise ArchiveRefused(f"{path.name} is no archive of a session ({error}). Name another.") from error


def packer(form: Form, raw: BinaryIO) -> AbstractContextManager[Packer]:
    """What writes an archive of a form; `raw` stays open."""
    return TarPacker(raw) if form is Form.TAR_ZST else ZipPacker(raw)
