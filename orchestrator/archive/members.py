"""What the members of an archive may be called and may be: a bag's files, and nothing that could do harm when unpacked."""

from __future__ import annotations

import stat
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator

from orchestrator.archive.layout import BAGIT, INFO, MANIFEST, PAYLOAD, TAG_MANIFEST
from tools.errors import ArchiveRefused

MEMBERS_MAX = 100_000
EXPANDED_BYTES_MAX = 32 << 30
"""All members together; a session of a day with a fast-growing fleet stays far below."""
RATIO_MAX = 500
"""Expanded bytes a packed byte. Repeated log lines reach some 200; a bomb of deflate 1,000."""
RATIO_FREE_BYTES = 64 << 20
"""Below it no ratio is judged: a few empty polls may pack very well."""
TAG_BYTES_MAX = 64 << 20
_COMPONENT_BYTES_MAX = 255
_NAME_BYTES_MAX = 2000
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_UNWANTED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_TAGS = frozenset({BAGIT, INFO, MANIFEST, TAG_MANIFEST})


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


def checked(infos: Iterable[zipfile.ZipInfo], packed_bytes: int) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """The bag's folder and its files by name below it. Raises ArchiveRefused for anything that no bag of ours holds.

    In: the members as the ZIP's directory tells them, and the size of the file.
    """
    found: dict[str, zipfile.ZipInfo] = {}
    tops: set[str] = set()
    expanded = 0
    for number, info in enumerate(infos):
        if number >= MEMBERS_MAX:
            raise ArchiveRefused(f"it holds more than {MEMBERS_MAX:,} files")
        _check_kind(info)
        top, _, rest = info.filename.partition("/")
        why = why_not(info.filename) or ("it lies beside the bag" if not rest else None)
        if why is not None:
            raise ArchiveRefused(f"{info.filename!r}: {why}")
        expanded += info.file_size
        tops.add(top)
        if rest in found:
            raise ArchiveRefused(f"{rest} is in it twice")
        found[rest] = info
    if len(tops) != 1:
        raise ArchiveRefused("it is no archive of a session: a bag is one folder")
    if expanded > EXPANDED_BYTES_MAX or (expanded > RATIO_FREE_BYTES and expanded > RATIO_MAX * packed_bytes):
        raise ArchiveRefused(f"it would unpack to {expanded:,} bytes")
    _check_names(found)
    return tops.pop(), found


def _check_kind(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if not info.filename or info.is_dir() or kind not in {0, stat.S_IFREG}:
        raise ArchiveRefused(f"{info.filename!r} is no plain file")
    if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
        raise ArchiveRefused(f"{info.filename!r} is encrypted or packed in another way than ours")


def _check_names(found: dict[str, zipfile.ZipInfo]) -> None:
    missing = sorted(_TAGS - found.keys())
    if missing:
        raise ArchiveRefused(f"it is no archive of a session: {missing[0]} is missing")
    for name in found:
        if name not in _TAGS and not name.startswith(PAYLOAD):
            raise ArchiveRefused(f"{name} is no part of a bag of ours")
    for name in _TAGS:
        if found[name].file_size > TAG_BYTES_MAX:
            raise ArchiveRefused(f"{name} is too large")
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
