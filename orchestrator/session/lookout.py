"""What the supervisor remembers between two looks. Nothing of it is in a checkpoint: the journals hold it too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.session.redis_watch import RedisWatch
from orchestrator.session.sampling import Sampler
from orchestrator.session.story import Story
from tools.clock import Clock
from tools.sources.records import Poll
from tools.sources.redis.polls import PollTail
from tools.workspace import Workspace


@dataclass
class Lookout:
    """Its instruments, and how many criticals it has told of."""

    sampler: Sampler
    redis: RedisWatch
    polls: PollTail
    newest: Poll | None = None
    criticals: int = 0

    @classmethod
    def of(cls, workspace: Workspace, clock: Clock, story: Story, project_root: Path) -> Lookout:
        """The lookout of one session, or of its resumption."""
        return cls(
            sampler=Sampler(workspace, clock, project_root),
            redis=RedisWatch(workspace, clock, story),
            polls=PollTail(workspace.polls),
            criticals=len(story.alerted),
        )
