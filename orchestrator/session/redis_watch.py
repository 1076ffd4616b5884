"""Whether Redis answers, told once when it is lost and once when it is back, whoever noticed it.

The supervisor asks now and then; the Stream Analyst, which polls more often, leaves its spans in the journal of gaps.
"""

from __future__ import annotations

from orchestrator.session.story import Story
from tools.clock import Clock, from_iso, iso
from tools.errors import JournalCorrupt
from tools.findings import journal
from tools.sources import gaps
from tools.sources.records import Gap
from tools.workspace import Workspace

_POLLS = "streams/polls.jsonl"


class RedisWatch:
    """What is told of losses so far. A later process of the same session goes on with its events."""

    def __init__(self, workspace: Workspace, clock: Clock, story: Story) -> None:
        self._workspace, self._clock, self._story = workspace, clock, story
        self._told: list[tuple[int, int]] = []
        self._lost_ms: int | None = None
        self._recall()

    @property
    def lost(self) -> bool:
        """Whether it did not answer when it was asked last."""
        return self._lost_ms is not None

    def take_answer(self, why: str | None) -> None:
        """It answered (None), or did not, and why."""
        now = self._clock.now_ms()
        if why is not None and self._lost_ms is None:
            self._lost_ms = now
            self._story.event("redis-lost", reason=why)
            self._story.warn(f"Redis does not answer: {why}")
        elif why is None and self._lost_ms is not None:
            self._told.append((self._lost_ms, now))
            self._lost_ms = None
            self._story.event("redis-back")

    def take_gaps(self, *, final: bool = False) -> None:
        """Tell the spans that nobody told yet: those that are over, and where the window is (`final`) all of them."""
        try:
            found = gaps.read(self._workspace.gaps)
        except (JournalCorrupt, OSError):
            return
        now = self._clock.now_ms()
        for gap in found:
            if not (gap.period and gap.blind and gap.source == _POLLS) or (gaps.lasts(gap) and not final):
                continue
            until_ms = now if gap.until_ms is None else gap.until_ms
            if not self._is_told(gap.at_ms, until_ms, now):
                self._told.append((gap.at_ms, until_ms))
                self._tell(gap, until_ms)

    def _tell(self, gap: Gap, until_ms: int) -> None:
        since, until = iso(gap.at_ms), iso(until_ms)
        self._story.event("redis-was-lost", since=since, until=until, what=gap.what, reason=gap.why)
        self._story.warn(f"{gap.what} was not seen from {since} to {until}: {gap.why}")

    def _is_told(self, since_ms: int, until_ms: int, now: int) -> bool:
        spans = [*self._told, *([] if self._lost_ms is None else [(self._lost_ms, now)])]
        return any(since_ms <= back_ms and lost_ms <= until_ms for lost_ms, back_ms in spans)

    def _recall(self) -> None:
        try:
            for event in journal.read_data(self._workspace.events):
                at_ms = (
                    from_iso(str(event.get("at", "")))
                    if str(event.get("type", "")).startswith("redis-")
                    else 0
                )
                if event.get("type") == "redis-lost":
                    self._lost_ms = at_ms
                elif event.get("type") == "redis-back" and self._lost_ms is not None:
                    self._told.append((self._lost_ms, at_ms))
                    self._lost_ms = None
                elif event.get("type") == "redis-was-lost":
                    self._told.append((from_iso(str(event.get("since"))), from_iso(str(event.get("until")))))
        except (JournalCorrupt, ValueError):
            return
