"""A workspace becomes an archive: built under a temporary name, synced, opened again and verified, renamed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from msgspec import structs

from orchestrator.archive import chain, containers, content, layout
from orchestrator.archive.bag import Bag
from orchestrator.archive.containers import Packer
from orchestrator.archive.content import File
from orchestrator.archive.form import Form, form_of, name_of
from orchestrator.archive.layout import BAGIT, INFO, MANIFEST, PAYLOAD, TAG_MANIFEST, BagInfo
from orchestrator.archive.members import Member
from orchestrator.archive.shelf import Shelf
from tools.clock import Clock
from tools.errors import ArchiveRefused, UsageError
from tools.workspace import Workspace

_CHUNK_BYTES = 1 << 20


class Archived(NamedTuple):
    """An archive that was verified. `fresh` says that it was written now; `files` is what the workspace held."""

    path: Path
    info: BagInfo
    fresh: bool
    files: list[File]


def archive(
    workspace: Workspace, session_id: str, shelf: Shelf, clock: Clock, about: BagInfo | None = None
) -> Archived:
    """Archive a workspace that no session writes to; the caller holds its lock and the shelf's.

    One that was archived as it is (in the shelf's form, where it has one), is verified and not written again. `about` is what is known of it where it is no
    session's. Raises ArchiveRefused (something in it can be no part of an archive, or what was written does not
    verify), UsageError, OSError; nothing is left then.
    """
    files, left_out = content.files_of(workspace)
    known = _same(shelf, session_id, files)
    if known is not None:
        return Archived(known[0], known[1], fresh=False, files=files)
    links = chain.read(shelf.folder)
    there, _ = shelf.seen(besides={link.name for link in links})
    links = chain.with_unlisted(links, there)
    number, previous, previous_hash = chain.tip(links)
    info = structs.replace(
        about if about is not None else content.described(workspace, session_id),
        number=number + 1,
        archived_ms=clock.now_ms(),
        left_out=tuple(left_out),
        previous_run=previous,
        previous_hash=previous_hash,
        payload_bytes=sum(file.size for file in files),
        payload_files=len(files),
    )
    name, form = shelf.free_name(session_id), shelf.form or Form.ZIP
    temporary = shelf.folder / f".{name}.tmp.{os.getpid()}"
    try:
        with temporary.open("xb") as raw:
            _write(raw, form, name, files, info)
        seen = _verified(temporary)
        if not content.unchanged(workspace, files):
            raise ArchiveRefused(f"{workspace.root} changed while it was archived. Try again.")
        path = shelf.folder / f"{name}{form.ending}"
        temporary.replace(path)
        _sync(shelf.folder)
    finally:
        temporary.unlink(missing_ok=True)
    chain.write(shelf.folder, [*links, chain.link_of(name, seen)])
    return Archived(path, seen.info, fresh=True, files=files)


def make_room(workspace: Workspace, archived: Archived, shelf: Shelf) -> bool:
    """Remove a workspace that is archived as it is; False, and nothing done, where it changed since. Raises OSError."""
    if not content.unchanged(workspace, archived.files):
        return False
    # In one step: a half of a workspace never stands where the next session begins.
    away = shelf.folder / f".removing-{name_of(archived.path)}.{os.getpid()}"
    workspace.root.rename(away)
    with suppress(OSError):
        shutil.rmtree(away)
    return True


def _same(shelf: Shelf, session_id: str, files: list[File]) -> tuple[Path, BagInfo] | None:
    """The archive of this session that holds just these files, verified; None where there is none."""
    earlier = [path for path in shelf.of_session(session_id) if shelf.form in {None, form_of(path)}]
    if not earlier:
        return None
    digests = {file.name: _digest(file.path) for file in files}
    for path in reversed(earlier):
        with suppress(UsageError), Bag(path) as bag:
            if bag.digests == digests and not bag.verify():
                return path, bag.info
    return None


def _write(raw: BinaryIO, form: Form, name: str, files: list[File], info: BagInfo) -> None:
    digests: dict[str, str] = {}
    with containers.packer(form, raw) as packed:
        for file in files:
            digests[f"{PAYLOAD}{file.name}"] = _add_file(packed, name, file)
        manifest = layout.manifest_bytes(digests)
        tags = {BAGIT: layout.DECLARATION, INFO: layout.info_bytes(info), MANIFEST: manifest}
        hashes = {tag: hashlib.sha256(data).hexdigest() for tag, data in tags.items()}
        tags[TAG_MANIFEST] = layout.manifest_bytes(hashes)
        for tag, data in tags.items():
            packed.add(Member(f"{name}/{tag}", len(data), info.archived_ms // 1000), (data,))
    raw.flush()
    os.fsync(raw.fileno())


def _add_file(packed: Packer, name: str, file: File) -> str:
    digest = hashlib.sha256()
    # Without following a link: what the walk saw as a file may have been replaced.
    descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as source:

        def pieces() -> Iterator[bytes]:
            while piece := source.read(_CHUNK_BYTES):
                digest.update(piece)
                yield piece

        modified_s = file.mtime_ns // 1_000_000_000
        packed.add(Member(f"{name}/{PAYLOAD}{file.name}", file.size, modified_s, file.mode), pieces())
    return digest.hexdigest()


def _verified(path: Path) -> chain.Seen:
    """What was written, read back. Raises ArchiveRefused where it is not what was meant."""
    with Bag(path) as bag:
        wrong = bag.verify()
        if wrong:
            raise ArchiveRefused("; ".join(wrong[:3]))
        return chain.Seen(bag.tag_hash, bag.info)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
