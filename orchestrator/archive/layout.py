"""The layout of an archive: a BagIt 1.0 bag (RFC 8493), as bytes and back. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from tools.clock import from_iso, iso
from tools.errors import ArchiveRefused

BAGIT, INFO, MANIFEST, TAG_MANIFEST = (
    "bagit.txt",
    "bag-info.txt",
    "manifest-sha256.txt",
    "tagmanifest-sha256.txt",
)
PAYLOAD = "data/"
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
FIRST = "none"
"""The hash of the previous run of an archive that has none."""
_DIGEST_CHARS = 64
_COUNT_MAX = 1 << 53
_HEX = frozenset("0123456789abcdef")
_LABELS = {
    "run": "External-Identifier",
    "number": "Run-Number",
    "archived_ms": "Archived-At",
    "started_ms": "Session-Started",
    "product": "Bag-Software-Agent",
    "mode": "Session-Mode",
    "series": "Session-Series",
    "health": "Session-Health",
    "incomplete": "Session-Incomplete",
    "open_criticals": "Open-Critical-Findings",
    "left_out": "Left-Out",
    "previous_run": "Previous-Run",
    "previous_hash": "Previous-Tagmanifest-SHA256",
    "payload_bytes": "Payload-Oxum",
}


class BagInfo(Struct, frozen=True, kw_only=True):
    """What `bag-info.txt` says of a session. Times in ms since the epoch.

    `incomplete` says why the session is no measure for later ones, "" where it is one. `series` is the same for
    sessions that are compared with one another. `left_out` are files of the workspace that are no part of what was
    found. `previous_hash` is the SHA-256 of the previous run's tag manifest, `FIRST` where there was none.
    """

    run: str
    number: int
    archived_ms: int
    started_ms: int
    product: str = ""
    mode: str = ""
    series: str = ""
    health: str = "UNKNOWN"
    incomplete: str = ""
    open_criticals: int = 0
    left_out: tuple[str, ...] = ()
    previous_run: str = ""
    previous_hash: str = FIRST
    payload_bytes: int = 0
    payload_files: int = 0


def info_bytes(info: BagInfo) -> bytes:
    """`bag-info.txt`: a label and a value a line; line ends in values become spaces."""
    values: list[tuple[str, object]] = [
        (_LABELS["run"], info.run),
        (_LABELS["number"], info.number),
        ("Bagging-Date", iso(info.archived_ms)[:10]),
        (_LABELS["archived_ms"], iso(info.archived_ms)),
        (_LABELS["started_ms"], iso(info.started_ms)),
        (_LABELS["product"], f"streamgauge {info.product}".strip()),
        (_LABELS["mode"], info.mode),
        (_LABELS["series"], info.series),
        (_LABELS["health"], info.health),
        (_LABELS["incomplete"], info.incomplete or "no"),
        (_LABELS["open_criticals"], info.open_criticals),
        *((_LABELS["left_out"], name) for name in info.left_out),
        (_LABELS["previous_run"], info.previous_run or FIRST),
        (_LABELS["previous_hash"], info.previous_hash),
        (_LABELS["payload_bytes"], f"{info.payload_bytes}.{info.payload_files}"),
    ]
    lines = [f"{label}: {' '.join(str(value).split())}\n" for label, value in values]
    return "".join(lines).encode("utf-8", "backslashreplace")


def info_of(data: bytes) -> BagInfo:
    """The reverse of `info_bytes`. Raises ArchiveRefused."""
    found: dict[str, list[str]] = {}
    for line in _text(data, INFO).splitlines():
        label, colon, value = line.partition(":")
        if not colon:
            raise ArchiveRefused(f"{INFO} holds a line without a label")
        found.setdefault(label, []).append(value.strip())
    one = {name: found.get(label, [""])[-1] for name, label in _LABELS.items()}
    size, _, files = one["payload_bytes"].partition(".")
    try:
        return BagInfo(
            run=one["run"],
            number=_count(one["number"]),
            archived_ms=from_iso(one["archived_ms"]),
            started_ms=from_iso(one["started_ms"]),
            product=one["product"].removeprefix("streamgauge").strip(),
            mode=one["mode"],
            series=one["series"],
            health=one["health"],
            incomplete="" if one["incomplete"] == "no" else one["incomplete"],
            open_criticals=_count(one["open_criticals"]),
            left_out=tuple(found.get(_LABELS["left_out"], ())),
            previous_run="" if one["previous_run"] == FIRST else one["previous_run"],
            previous_hash=one["previous_hash"],
            payload_bytes=_count(size),
            payload_files=_count(files),
        )
    except ValueError as error:
        raise ArchiveRefused(f"{INFO} does not say what an archive of a session says ({error})") from error


def _count(text: str) -> int:
    """Raises ValueError for what counts nothing that could be there."""
    number = int(text)
    if not 0 <= number <= _COUNT_MAX:
        raise ValueError(f"{text[:20]} is no count")
    return number


def manifest_bytes(digests: Mapping[str, str]) -> bytes:
    """A manifest: the SHA-256 and the name of each file, sorted by name."""
    lines = [f"{digests[name]}  {_encoded(name)}\n" for name in sorted(digests)]
    return "".join(lines).encode("utf-8")


def manifest_of(data: bytes, what: str) -> dict[str, str]:
    """File name → SHA-256. Raises ArchiveRefused for a line that is none, or a name that stands there twice."""
    digests: dict[str, str] = {}
    for line in _text(data, what).split("\n"):
        if not line:
            continue
        digest, name = line[:_DIGEST_CHARS], _decoded(line[_DIGEST_CHARS:].lstrip(" \t*"))
        if len(digest) != _DIGEST_CHARS or set(digest) - _HEX or not name:
            raise ArchiveRefused(f"{what} holds a line that is no SHA-256 with a name")
        if name in digests:
            raise ArchiveRefused(f"{what} names {name} twice")
        digests[name] = digest
    return digests


def differences(listed: Iterable[str], there: Iterable[str], what: str) -> list[str]:
    """Sentences about files that a manifest lists and the archive lacks, and the other way round."""
    wanted, present = set(listed), set(there)
    return [
        *(f"{name} is missing" for name in sorted(wanted - present)),
        *(f"{name} is not in {what}" for name in sorted(present - wanted)),
    ]


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArchiveRefused(f"{what} is not UTF-8") from error


def _encoded(name: str) -> str:
    # RFC 8493, 2.1.3: these three only.
    return name.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")


def _decoded(name: str) -> str:
    for code, char in (("%0A", "\n"), ("%0a", "\n"), ("%0D", "\r"), ("%0d", "\r"), ("%25", "%")):
        name = name.replace(code, char)
    return name
