"""The figures in a line that may decide what it means, told from those that only count, name or date something."""

from __future__ import annotations

import re
from functools import cache

# A few characters at a time: linear in any engine, and only this one looks around. It skips to the first digit.
_TELLING = re.compile(
    rb"[014](?:(?<![0-9A-Za-z_].)|(?<=[tT].)|(?<=\\[nr].)|(?<=\[\dm.)|(?<=\[\d\dm.))"
    rb"(?:(?<=0)(?:\.0+(?![.\d])|(?![0-9A-Za-z_])|(?<=[\s\"':=\\]0)(?!\d))|(?<=4)(?:0[0134569]|22|29)(?!\d)|(?<=[ #tT][01])(?:(?<=1)(?!\d)|(?<=0)))"
)
"""Zero (`0 errors`), the statuses of a client's failures, and the number of a first attempt; not in the middle of a word,
unless what stands before them is an escape sequence."""
_DIGITS = b"0123456789"
_KEPT = bytes.maketrans(_DIGITS, bytes(range(16, 26)))
_ONE = bytes.maketrans(_DIGITS, b"0" * 10)


def without_digits(line: bytes) -> bytes:
    """Every digit as `0`, so that numbers keep their lengths; what may tell by its value stays apart from it."""
    return _TELLING.sub(kept, line).translate(_ONE)


@cache
def own_name(service: str) -> re.Pattern[bytes] | None:
    """What finds a service's name in its lines; None where its digits cannot be taken for those of another one."""
    return re.compile(re.escape(service.encode()), re.IGNORECASE) if re.search(r"\d", service) else None


def apart(line: bytes, name: re.Pattern[bytes] | None) -> bytes:
    """The line, with the digits of the service's own name as none: "api-1 started" says less of `api-2`."""
    return line if name is None else name.sub(kept, line)


def kept(match: re.Match[bytes]) -> bytes:
    """A match with its digits as they are told apart: as signs that are none."""
    return match.group().translate(_KEPT)
