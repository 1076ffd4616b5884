"""What functions read of the session's files, kept while the file stays the same: several calls ask about one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

_KEPT_MAX = 6

_Made = TypeVar("_Made")
_Stamp = tuple[str, int, int, int]


class Memory:
    """The newest few; safe to share by threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Path], tuple[_Stamp, object]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, purpose: str, path: Path, make: Callable[[], _Made]) -> _Made:
        """What `make` gives for a file, made again when the file is another or has grown. Raises what `make` raises."""
        status = path.stat()
        stamp = (purpose, status.st_ino, status.st_size, status.st_mtime_ns)
        with self._lock:
            known = self._kept.get((purpose, path))
        if known is not None and known[0] == stamp:
            return cast("_Made", known[1])
        made = make()
        with self._lock:
            self._kept[purpose, path] = (stamp, made)
            self._kept.move_to_end((purpose, path))
            while len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)
        return made
