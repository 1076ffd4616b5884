"""A session about a change: what it is compared with lies in a private folder for as long as the session runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from agents.job import ChangeJob
from orchestrator.config.model import Config
from tools.sources import session_facts
from tools.sources.change import ChangeBase
from tools.sources.revision_tree import globs, tree_of
from tools.workspace import Workspace


@contextmanager
def compared(config: Config, change: ChangeBase | None) -> Iterator[ChangeJob | None]:
    """What the watchers are told; None where the whole project is reported. Raises UsageError."""
    if change is None:
        yield None
        return
    project = config.project
    with tree_of(project.root, change, project.include, project.exclude) as folder:
        yield ChangeJob(base_root=folder, exclude=globs(change.not_compared))


def change_of(workspace: Workspace) -> ChangeBase | None:
    """What the session that a workspace holds is compared with, for one that goes on."""
    with suppress(OSError, msgspec.MsgspecError):
        return session_facts.read(workspace).change
    return None
