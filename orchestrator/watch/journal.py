"""`logs/monitor.jsonl` and `logs/archival.jsonl`: an event a line, on the disk before it counts as told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tools.clock import Clock, iso
from tools.findings import journal
from tools.findings.journal import Journal

_SIZE_MAX = 16 << 20
"""At which a journal is put aside as `<name>.1`, in the place of an older one."""


class EventJournal:
    """Appends events. Whoever reads it need not know us: one JSON object a line, `event` and `at` in each."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self._clock = path, clock

    def tell(self, event: str, **said: Any) -> None:
        """Append an event; it is on the disk when this returns. Raises OSError."""
        self._make_room()
        with Journal(self.path) as file:  # closing syncs
            file.append({"event": event, "at": iso(self._clock.now_ms())} | said)

    def tell_once(self, event: str, event_id: str, **said: Any) -> None:
        """The same, unless an event of this id stands there: what a kill left half done is not told twice."""
        if not self.holds(event_id):
            self.tell(event, id=event_id, **said)

    def holds(self, event_id: str) -> bool:
        """Whether an event of this id was told."""
        quoted = msgspec.json.encode(event_id)
        for path in (self.path, self._aside()):
            if any(quoted in line and _id_of(line) == event_id for _, line in journal.read(path)):
                return True
        return False

    def _aside(self) -> Path:
        return self.path.with_name(f"{self.path.name}.1")

    def _make_room(self) -> None:
        try:
            too_large = self.path.stat().st_size > _SIZE_MAX
        except OSError:
            return
        if too_large:
            self.path.replace(self._aside())


def _id_of(line: bytes) -> object:
    try:
        data = msgspec.json.decode(line)
    except msgspec.MsgspecError:
        return None
    return data.get("id") if isinstance(data, dict) else None
