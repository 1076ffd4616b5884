"""What others have done to streams since the last poll, by the server's counters of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tools.sources.redis import commandstats, server
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.replies import as_bytes


class Since:
    """Each question asks the counters anew. `stats` and `sent`, our own commands, are of the last poll's beginning.

    `stats` is None where nothing is known of it. Raises SourceUnavailable.
    """

    def __init__(self, pacer: Pacer, stats: commandstats.Stats | None, sent: Counter[str]) -> None:
        self._pacer, self._stats, self._sent = pacer, stats, sent

    def is_told_briefly(self) -> bool:
        """Whether XINFO GROUPS (and XLEN) show all that was done to streams from there to here."""
        moved = self.moved()
        return moved is not None and commandstats.is_told_briefly(moved)

    def moved(self) -> Mapping[str, int] | None:
        """Calls of others by command from there to here; None where that cannot be told."""
        if self._stats is None:
            return None
        sent = self._pacer.client.sent.copy()
        reply = as_bytes(self._pacer.batch([("INFO", "commandstats")])[0])
        now = commandstats.parse(server.parse_info(reply))
        if commandstats.was_reset(self._stats, now):
            return None
        return commandstats.growth(self._stats, now, sent - self._sent)
