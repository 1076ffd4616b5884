"""Since when each pending message has been seen pending, over any number of polls.

Claiming a message again sets its idle time to 0; this it does not. It holds the messages of the newest poll only, so it
is as bounded as a poll is. Fed with the polls of a journal, oldest first, it is what it was before a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tools.sources.records import GroupState, Poll

Key = tuple[str, str]
_NONE: Mapping[str, int] = {}


class PendingSince:
    """Takes polls, oldest first. Times in ms since the epoch."""

    def __init__(self, polls: Iterable[Poll] = ()) -> None:
        self._since: dict[Key, dict[str, int]] = {}
        for poll in polls:
            self.take(poll)

    def take(self, poll: Poll) -> None:
        """Add one poll. After a gap everything counts anew: nobody could acknowledge anything."""
        known = {} if poll.after_gap else self._since
        self._since = {
            (state.name, group.info.name): _next(
                known.get((state.name, group.info.name), _NONE), group, seen_at(poll)
            )
            for state in poll.streams
            for group in state.groups
            if group.pending
        }

    def of(self, stream: str, group: str) -> Mapping[str, int]:
        """By message id, since when it has been seen pending, for the newest poll's messages of one group."""
        return self._since.get((stream, group), _NONE)


def seen_at(poll: Poll) -> int:
    """When a poll saw a message at the latest: a slow look, or a second one, sees what came long after it began."""
    return poll.until_ms or poll.at_ms


def _next(known: Mapping[str, int], group: GroupState, since_ms: int) -> dict[str, int]:
    return {entry.id: known.get(entry.id, since_ms) for entry in group.pending}
