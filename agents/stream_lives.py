"""When a service was last seen at its streams, by the map that the Stream Analyst writes every minute.

A service that logs nothing and still reads its group is quiet, not dead.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tools.detectors.contract import StreamLife
from tools.synthesis.topology import Topology
from tools.workspace import Workspace

_BYTES_MAX = 32 * 1024 * 1024
"""A larger map is not read: it would hold up the logs."""


class StreamLives:
    """The newest map's services. A group counts for a service only where no other reads with it."""

    def __init__(self, workspace: Workspace) -> None:
        self._file = workspace.path("streams", "topology.json")
        self._written: int | None = None
        self.by_service: Mapping[str, StreamLife] = {}

    def look(self) -> bool:
        """Read the map where it is a new one; whether it was. A map that is not there or not whole tells nothing."""
        try:
            stat = self._file.stat()
            if stat.st_mtime_ns == self._written or stat.st_size > _BYTES_MAX:
                return False
            self._written = stat.st_mtime_ns
            found = msgspec.json.decode(self._file.read_bytes(), type=Topology)
        except (OSError, msgspec.DecodeError):
            return False
        self.by_service = lives_of(found)
        return True


def lives_of(found: Topology) -> Mapping[str, StreamLife]:
    """Of each service that a group is known to belong to alone, when it was last seen in one."""
    lives: dict[str, StreamLife] = {}
    for stream in found.streams:
        for group in stream.groups:
            if len(group.owners) != 1:
                continue
            life = StreamLife(stream.name, group.name, group.last_activity_ms, found.at_ms)
            known = lives.get(group.owners[0])
            if known is None or (life.seen_ms or 0) > (known.seen_ms or 0):
                lives[group.owners[0]] = life
    return lives
