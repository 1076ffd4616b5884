"""One group between two polls: what was added, what was removed before the group was given it, and how sure that is.

What may be believed, by the server's source (t_stream.c):
- `entries-added` counts every XADD (7.0+). With the length it tells exactly how many entries were removed.
- `entries-read` counts deliveries one by one only while no entry ahead of the group was ever deleted by XDEL. Else the
  server sets it to the position of an entry whose position it knows (the first, the last), or to nil.
- Redis since 7.4.2 and Valkey since 8.1 do the same where entries were trimmed ahead of the group. What was trimmed then
  counts as read once the group moves on: the loss is hidden. Older servers go on counting, so it stays visible.
- ENTRIESREAD of XGROUP CREATE and SETID may put any figure there.
So a loss is told only where one of three proofs holds, each true on every server:
- the group did not move, and what waited for it is gone;
- an entry that was seen waiting lies before the first entry that is left, and behind the last one that was given;
- the server's counters miss more entries than at an earlier poll, and what waits is known by position alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from tools.detectors.ledger.records import Point, Term, Unknown, between, exactly
from tools.sources.records import entry_key

SETTING = frozenset({"xgroup|setid", "xgroup|destroy", "xgroup", "xsetid", "restore"})
"""Commands after which a group or stream may be another one under the same name; before 7.0 XGROUP is one counter."""


def made_anew(before: Point, after: Point) -> Unknown | None:
    """Why two points cannot be compared at all; None where they can."""
    old, new = before.info.entries_added, after.info.entries_added
    if after.generated < before.generated or (old is not None and new is not None and new < old):
        return Unknown.STREAM_ANEW
    return Unknown.GROUP_BACK if after.delivered < before.delivered else None


def doubt(before: Point, after: Point, calls: Mapping[str, int], *, gap: bool) -> Unknown | None:
    """Why no loss may be claimed between two points, whatever the figures say; None where it may."""
    if gap:
        return Unknown.GAP
    if not calls and (before.info != after.info or before.group != after.group):
        return Unknown.NO_COMMANDS
    return None if sets_nothing(calls) else Unknown.GROUP_SET


def sets_nothing(calls: Mapping[str, int]) -> bool:
    """Whether no command was called after which a group or a stream may be another one."""
    return SETTING.isdisjoint(calls)


def added(before: Point, after: Point) -> Term:
    """Entries added between two points."""
    old, new = before.info, after.info
    if old.entries_added is not None and new.entries_added is not None:
        return exactly(new.entries_added - old.entries_added, "server")
    if old.last_generated_id == new.last_generated_id:
        return exactly(0, "derived")
    return Term(least=max(new.length - old.length, 1), most=None, source="bound")


def removed(before: Point, after: Point, came: Term) -> Term:
    """Entries trimmed or deleted between two points, read or not."""
    fell = before.info.length - after.info.length
    return between(max(came.least + fell, 0), None if came.most is None else max(came.most + fell, 0))


def lost(before: Point, after: Point, came: Term, calls: Mapping[str, int]) -> Term:
    """Entries removed between two points before the group was given them, with no doubt about the points."""
    most = most_lost(before, after, came, calls)
    if most == 0:
        return exactly(0, "derived")
    least = max(_witnessed(before, after), _missing(before, after, came))
    stood = before.delivered == after.delivered and before.waiting.exact and came.exact
    if stood and after.lag is not None and after.lag.source == "derived":
        most = least
    return between(least, most if most is None else max(most, least))


def missing_if_it_stands(before: Point, after: Point, came: Term) -> int:
    """Of a group that did not move: the same as `lost`, where what waits had to be counted.

    What goes while it is counted is missed, and was lost only if the group still stands at the next poll.
    """
    stood = before.delivered == after.delivered and before.in_one_piece and after.in_one_piece
    if not stood or not came.exact or after.lag is None or after.lag.source != "counted":
        return 0
    return max(before.waiting.least + came.least - after.lag.messages, 0)


def passed(before: Point, after: Point, came: Term) -> Term:
    """Entries that waited, or came, and wait no more: given to the group, or removed."""
    start, end = before.waiting, after.waiting
    least = start.least + came.least - (after.info.length if end.most is None else end.most)
    most = None if came.most is None or start.most is None else start.most + came.most - end.least
    return between(max(least, 0), None if most is None else max(most, 0))


def acknowledged_least(before: Point, after: Point, calls: Mapping[str, int] | None) -> int:
    """How many messages left the pending list between two points, at least. `calls` as for `most_lost`."""
    if made_anew(before, after) is not None or not (before.in_one_piece and after.in_one_piece):
        return 0
    came = added(before, after)
    hidden = most_lost(before, after, came, calls)
    if hidden is None:
        return 0
    return passed(before, after, came).least - hidden + before.group.pending - after.group.pending


def missed_by_counters(point: Point) -> int | None:
    """Entries that the counters miss at most: added, not given out, not there. None where they cannot tell.

    While entries are counted one by one some may be removed: the count is then too low, and this too high.
    """
    info, group = point.info, point.group
    if info.entries_added is None or group.entries_read is None or not point.in_one_piece:
        return None
    return None if point.lag is None else info.entries_added - group.entries_read - point.waiting.least


def surely_missed_by_counters(point: Point) -> int | None:
    """The same, where what waits is known by position alone: no less and no more."""
    by_position = point.lag is not None and point.lag.source == "derived"
    return missed_by_counters(point) if by_position else None


def most_lost(before: Point, after: Point, came: Term, calls: Mapping[str, int] | None) -> int | None:
    """How many entries can have been lost at most; None where nothing bounds it. `calls`: None where they are not known."""
    if _nothing_ahead_removed(before, after, calls):
        return 0
    went = passed(before, after, came).most
    known = [bound for bound in (removed(before, after, came).most, went) if bound is not None]
    if went is not None and before.delivered != after.delivered:
        known.append(max(went - 1, 0))  # a group moves by being given an entry
    whole = before.in_one_piece and after.in_one_piece
    if went is not None and whole and calls is not None and not calls.get("xclaim"):
        # What became pending was given to it; only XCLAIM FORCE makes pending what was not.
        known.append(max(went + before.group.pending - after.group.pending, 0))
    return min(known, default=None)


def _nothing_ahead_removed(before: Point, after: Point, calls: Mapping[str, int] | None) -> bool:
    """Whether everything that was removed lay behind the group when the first of the points was taken."""
    reached = after.generated if after.info.length == 0 else after.first
    trimmed_ahead = reached > before.delivered
    if after.info.max_deleted_entry_id is None:
        return not trimmed_ahead and calls is not None and not calls.get("xdel")
    return not trimmed_ahead and entry_key(after.info.max_deleted_entry_id) <= before.delivered


def _witnessed(before: Point, after: Point) -> int:
    """Entries seen at the first point that were gone at the second, and behind what the group had been given."""
    seen = {before.info.first_entry_id, before.info.last_entry_id} - {None}
    gone = [entry for entry in seen if entry and after.delivered < entry_key(entry) < after.first]
    stood = before.delivered == after.delivered
    last = before.info.last_entry_id
    if stood and last is not None and before.delivered < entry_key(last) < after.first:
        return max(len(gone), before.waiting.least)  # all that waited
    return len(gone)


def _missing(before: Point, after: Point, came: Term) -> int:
    """Of a group that did not move: what waited or came, less what is there; where that is known by position."""
    stood = before.delivered == after.delivered and before.in_one_piece and after.in_one_piece
    if not stood or not came.exact or after.lag is None or after.lag.source != "derived":
        return 0
    return max(before.waiting.least + came.least - after.lag.messages, 0)
