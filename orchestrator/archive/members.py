"""What the members of an archive may be called and may be: a bag's files, and nothing that could do harm when unpacked."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from orchestrator.archive.layout import BAGIT, INFO, MANIFEST, PAYLOAD, TAG_MANIFEST
from tools.errors import ArchiveRefused

MEMBERS_MAX = 100_000
EXPANDED_BYTES_MAX = 32 << 30
"""All members together; a session of a day with a fast-growing fleet stays far below."""
RATIO_FREE_BYTES = 64 << 20
"""Below it no ratio is judged: a few empty polls may pack very well."""
TAG_BYTES_MAX = 64 << 20
_COMPONENT_BYTES_MAX = 255
_NAME_BYTES_MAX = 2000
_UNWANTED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
TAGS = frozenset({BAGIT, INFO, MANIFEST, TAG_MANIFEST})


class Member(NamedTuple):
    """A file in an archive, by its whole name; `size` in bytes, when it was last changed in seconds since the epoch."""

    name: str
    size: int
    modified_s: int
    mode: int = 0o644


def why_not(name: str) -> str | None:
    """Why a name cannot be one of a file below a folder; None where it can."""
    if not name or len(name.encode("utf-8", "surrogatepass")) > _NAME_BYTES_MAX:
        return "its name is empty or too long"
    if any(unicodedata.category(char) in _UNWANTED for char in name):
        return "its name holds characters that cannot be seen"
    if name.startswith("/") or "\\" in name or ":" in name:
        return "its name is absolute, or is so on other systems"
    for part in name.split("/"):
        if part in {"", ".", ".."}:
            return "its name leads elsewhere"
        if len(part.encode()) > _COMPONENT_BYTES_MAX:
            return "a part of its name is too long"
    return None


def checked(told: Iterable[Member], packed_bytes: int, ratio_max: int) -> tuple[str, dict[str, Member]]:
    """The bag's folder and its files by name below it. Raises ArchiveRefused for anything that no bag of ours holds.

    In: the members as the archive tells them, each judged before the next is asked for; the size of the file, and how
    many bytes one of it may expand to.
    """
    found: dict[str, Member] = {}
    bag = ""
    expanded = 0
    expanded_max = min(EXPANDED_BYTES_MAX, max(RATIO_FREE_BYTES, ratio_max * packed_bytes))
    for number, member in enumerate(told):
        if number >= MEMBERS_MAX:
            raise ArchiveRefused(too_many())
        top, _, rest = member.name.partition("/")
        why = why_not(member.name) or ("it lies beside the bag" if not rest else None)
        if why is not None:
            raise ArchiveRefused(f"{member.name!r}: {why}")
        if bag not in {"", top}:
            raise ArchiveRefused("it is no archive of a session: a bag is one folder")
        if rest in found:
            raise ArchiveRefused(f"{rest} is in it twice")
        if rest in TAGS and member.size > TAG_BYTES_MAX:
            raise ArchiveRefused(f"{rest} is too large")
        expanded += member.size
        if expanded > expanded_max:
            raise ArchiveRefused(f"it would unpack to {expanded:,} bytes or more")
        bag, found[rest] = top, member
    _check_names(found)
    return bag, found


def too_many() -> str:
    """Why an archive with more files than any of ours is refused."""
    return f"it holds more than {MEMBERS_MAX:,} files"


def _check_names(found: dict[str, Member]) -> None:
    missing = sorted(TAGS - found.keys())
    if missing:
        raise ArchiveRefused(f"it is no archive of a session: {missing[0]} is missing")
    for name in found:
        if name not in TAGS and not name.startswith(PAYLOAD):
            raise ArchiveRefused(f"{name} is no part of a bag of ours")
    # On some file systems names that differ in case or composition are one file, and a file is no folder.
    folded: dict[str, str] = {}
    for name in found:
        key = unicodedata.normalize("NFC", name).casefold()
        if key in folded:
            raise ArchiveRefused(f"{name} and {folded[key]} are one file on some systems")
        folded[key] = name
    for key in folded:
        for parent in _parents(key):
            if parent in folded:
                raise ArchiveRefused(f"{folded[parent]} is a file and a folder")


def _parents(name: str) -> Iterator[str]:
    at = name.rfind("/")
    while at > 0:
        yield name[:at]
        at = name.rfind("/", 0, at)
