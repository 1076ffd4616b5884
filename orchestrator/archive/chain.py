"""The chain of a folder's archives: each names its predecessor's hash, and one file lists them all, pruned ones too.

It proves that none was taken away, put in or edited unnoticed, as long as not all of it is made anew. It proves
nothing about who wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from orchestrator.archive.layout import FIRST, BagInfo
from tools.errors import UsageError
from tools.workspace import write_atomically

FILE = "chain.jsonl"


class Link(Struct, frozen=True, kw_only=True, rename="camel"):
    """One archived run: the name of its archive, the SHA-256 of its tag manifest and of its predecessor's."""

    number: int
    name: str
    hash: str
    previous_hash: str
    archived_ms: int
    pruned_ms: int | None = None


class Seen(Struct, frozen=True):
    """What an archive that is there says of itself."""

    hash: str
    info: BagInfo


def read(folder: Path) -> list[Link]:
    """The links, oldest first. Raises UsageError where the file is damaged."""
    path = folder / FILE
    try:
        return [msgspec.json.decode(line, type=Link) for line in path.read_bytes().splitlines() if line]
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{path} cannot be read ({error}). Move it away: the next archive begins a new chain with what is there."
        ) from error


def write(folder: Path, links: Sequence[Link]) -> None:
    """Write them whole, by rename. Raises OSError."""
    write_atomically(folder / FILE, b"".join(msgspec.json.encode(link) + b"\n" for link in links))


def tip(links: Sequence[Link]) -> tuple[int, str, str]:
    """Number, name and hash of the last link; 0, "" and `FIRST` before the first."""
    return (links[-1].number, links[-1].name, links[-1].hash) if links else (0, "", FIRST)


def with_unlisted(links: Sequence[Link], there: Mapping[str, Seen]) -> list[Link]:
    """The links, and after them archives that were written whole but not listed, as far as they follow one another."""
    found = list(links)
    waiting = {name: seen for name, seen in there.items() if name not in {link.name for link in links}}
    while following := [name for name, seen in waiting.items() if seen.info.previous_hash == tip(found)[2]]:
        name = min(following)
        found.append(link_of(name, waiting.pop(name)))
    return found


def link_of(name: str, seen: Seen) -> Link:
    """The link of an archive."""
    info = seen.info
    return Link(
        number=info.number,
        name=name,
        hash=seen.hash,
        previous_hash=info.previous_hash,
        archived_ms=info.archived_ms,
    )


def problems(links: Sequence[Link], there: Mapping[str, Seen]) -> Iterator[str]:
    """Sentences: what is missing, edited, or does not belong."""
    before = FIRST
    whole = with_unlisted(links, there)
    for link in whole:
        seen = there.get(link.name)
        if link.previous_hash != before:
            yield f"{link.name}: its predecessor in {FILE} is not the one that it was written after"
        if seen is None and link.pruned_ms is None:
            yield f"{link.name}: it was archived as number {link.number} and is gone; nobody pruned it"
        if seen is not None and seen.hash != link.hash:
            yield f"{link.name}: it is not the archive that was written"
        elif seen is not None and seen.info.previous_hash != link.previous_hash:
            yield f"{link.name}: it names another predecessor than {FILE}"
        before = link.hash
    for name in sorted(there.keys() - {link.name for link in whole}):
        yield f"{name}: it does not follow any archive of this folder"
