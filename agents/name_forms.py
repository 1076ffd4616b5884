"""How a name may be written: which known name a name that somebody says means. Pure: nothing is looked up here.

A service goes by its unit, pod, container or host too, and by `-`, `_`, a space or a capital between its words. A
stream may be a pattern for several or a template. Redis keeps `Orders` and `orders` apart, and so is done here.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from enum import StrEnum
from fnmatch import fnmatchcase
from unicodedata import normalize

from tools.findings.rule import Quote
from tools.masking import mask
from tools.sources.records import plain_name
from tools.synthesis.wiring import UNNAMED, StreamNames

NOT_SAID = frozenset({"", "unknown", "none", "null", "n/a", "-", "not applicable"})
"""No name: the field does not apply."""
ACROSS = "cross-service"
SEVERAL = frozenset({ACROSS, "cross service", "all", "all services", "multiple", "several"})
"""Services that are not named one by one."""
PARTS_MAX = 20
"""Names in one text; a longer list is none."""
_MARKS = "`'\"“”„‘’«»"
_BOLD = re.compile(r"^\*\*([^*]+)\*\*$")
_KIND_WORD = re.compile(
    r"^(?:the )?(?:service|container|pod|stream|consumer group|group|file) | (?:service|container|pod|stream|consumer group|group)$"
)
_AND = re.compile(r"\s*[,;&]\s*(?:and\s+)?|\s+(?:and|or)\s+")
_AND_SERVICES = re.compile(rf"{_AND.pattern}|\s*(?:[/|+→]|->)\s*")
_OPEN = re.compile(r"\$?\{[^{}]*\}|<[^<>]*>|%[sd]")
_AT_LINE = re.compile(
    r"(?:[:#]L?\d+(?:[-:]L?\d+)?|::?[A-Za-z_][\w.<>]*(?:\(\))?|,? \(?(?:lines? |L)\d+(?:-L?\d+)?\)?)$"
)
_URL = re.compile(r"^[a-z][a-z0-9+.]*://(?:[^/@]*@)?([^/?#]+).*$")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[-_\s]+")
_SERVICE_WORD = re.compile(r"(?:-service|-svc|\.service)$")
_POD = "[bcdfghjklmnpqrstvwxz2-9]"
"""What Kubernetes makes its random endings of (k8s.io/apimachinery, util/rand): no word is one."""
_RUN_AS = re.compile(
    rf":\d+$|\[\d+\]$|\.[a-z0-9-]+\.svc(?:\..*)?$|(?:-{_POD}{{8,10}})?-{_POD}{{5}}$|(?P<container>[-.@#]\d+)(?:\.service)?$"
)
"""What a name with its port or process, a host of a cluster, a pod and a container have behind the service."""
_FIXED_CHARS_MIN = 2
"""Of a pattern, one of them a letter or a digit: everything fits less."""


class Kind(StrEnum):
    """What a name is of."""

    SERVICE = "service"
    STREAM = "stream"
    GROUP = "consumer group"
    FILE = "file"


def forms(name: str) -> tuple[str, ...]:
    """A name as it was said, without marks around it, with escapes as they are shown, masked, without a word for its kind."""
    plain = _BOLD.sub(r"\1", name.strip()).strip(_MARKS).strip()
    return tuple(dict.fromkeys((plain, plain.replace("\\\\", "\\"), mask(plain), _KIND_WORD.sub("", plain))))


def parts(kind: Kind, name: str) -> list[str]:
    """The names that stand in one text; none where it is no list."""
    between = _AND_SERVICES if kind is Kind.SERVICE else _AND
    found = [part for part in between.split(name) if part.strip()]
    return found if 1 < len(found) <= PARTS_MAX else []


def path_of(name: str) -> tuple[str, str]:
    """The path of a file as Windows or an address has it, and what follows: a line, a function."""
    at = _AT_LINE.search(name)
    end = at.start() if at is not None else len(name)
    return name[:end].removeprefix("file://").replace("\\", "/").removeprefix("./"), name[end:]


def meant(kind: Kind, name: str, known: frozenset[str]) -> str | None:
    """The known name that one means; itself where it means several. None where it means none."""
    if name in known:
        return name
    if kind is Kind.SERVICE:
        return _service(name, known)
    if not name.isascii():
        composed = normalize("NFC", name)
        same = next((one for one in sorted(known) if normalize("NFC", one) == composed), None)
        if same is not None:
            return same
    if any(_is_telling(one) and _any_fits(known, one) for one in (name, _OPEN.sub("*", name))):
        return name
    elsewhere = [one for one in known if plain_name(one) == name] if kind is Kind.STREAM else []
    if elsewhere:
        return name if len(elsewhere) > 1 else elsewhere[0]
    alone = StreamNames({name})
    return name if any(UNNAMED in one and name in alone.matching(one) for one in known) else None


def _is_telling(pattern: str) -> bool:
    """Whether a pattern has a fixed part that is more than a separator."""
    fixed = pattern.replace("*", "")
    return "*" in pattern and len(fixed) >= _FIXED_CHARS_MIN and any(map(str.isalnum, fixed))


def _any_fits(known: Iterable[str], *patterns: str) -> bool:
    """Whether a known name fits a pattern in which `*` alone is one."""
    literal = [one.replace("[", "[[]").replace("?", "[?]") for one in patterns]
    return any(fnmatchcase(one, pattern) for one in known for pattern in literal)


def file_fits(path: str, known: Iterable[str]) -> bool:
    """Whether a known file is this one, ends with this path, or fits it as a pattern."""
    if not any(map(str.isalnum, path)):
        return False
    if _is_telling(path):
        return _any_fits(known, path, f"*/{path}", path.replace("**/", ""))
    end = f"/{path}"
    return any(one == path or one.endswith(end) for one in known)


def _service(name: str, known: frozenset[str]) -> str | None:
    services: dict[str, str] = {}
    for one in sorted(known, key=lambda one: (len(one), one), reverse=True):
        services[_SERVICE_WORD.sub("", _folded(one))] = one
        services[_folded(one)] = one
    for said in _said(name, services):
        if said in services:
            return services[said]
        end = _RUN_AS.search(said)
        begin = said if end is None else _SERVICE_WORD.sub("", said[: end.start()])
        if begin in services:
            return services[begin]
        if end is not None and end["container"]:  # the project's name stands before it
            within = [one for one in services if begin.endswith(f"-{one}")]
            if within:
                return services[max(within, key=len)]
    return None


def _said(name: str, services: Container[str]) -> Iterator[str]:
    """A service's name as it was said, of an address its host, of a path its end, with and without `service`."""
    host = _URL.sub(r"\1", name.strip())
    ways = [host]
    if _folded(host.partition("/")[0]) not in services:  # else they are two
        ways.append(host.rstrip("/").rpartition("/")[2])
    for one in dict.fromkeys(ways):
        folded = _folded(one)
        yield folded
        yield _SERVICE_WORD.sub("", folded)


def _folded(name: str) -> str:
    return _BETWEEN.sub("-", _HUMP.sub("-", normalize("NFC", name)).casefold())


def stands_in(kind: Kind, name: str, quotes: Iterable[Quote]) -> bool:
    """Whether a quote, which the gate has found, holds it as a whole name; a file also where the quote is from there."""
    return bool(name) and any(
        _is_whole(text, name, at)
        for quote in quotes
        for text in ((quote.text, quote.source) if kind is Kind.FILE else (quote.text,))
        for at in _places(text, name)
    )


def _places(text: str, name: str) -> Iterator[int]:
    at = text.find(name)
    while at >= 0:
        yield at
        at = text.find(name, at + 1)


def _is_whole(text: str, name: str, at: int) -> bool:
    """A word of `orders-api` and a part of `orders:placed` are none; a host with its port and a folder are."""
    before, after = text[max(0, at - 1) : at], text[at + len(name) : at + len(name) + 2]
    goes_on = after[:1].isalnum() or (after[:1] in set("-_.") and after[1:].isalnum())
    goes_on = goes_on or (after[:1] == ":" and after[1:].isalpha())
    return not (goes_on or before.isalnum() or before in set("-_.:"))
