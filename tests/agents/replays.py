"""A watcher's recorded looks, looked at again beside the session that they are of."""

from __future__ import annotations

import shutil
from pathlib import Path

from agents.job import WatcherJob
from agents.replaying import Replayed, replay
from tools.workspace import Workspace


def replay_beside(source: Workspace, job: WatcherJob, folder: Path) -> tuple[Workspace, Replayed]:
    """Replay one agent into a workspace in `folder` that has the session's files, but no finding."""
    ignored = shutil.ignore_patterns("looks-*", "attempt")
    for name in ("streams", "recording", "config"):
        shutil.copytree(source.path(name), folder / name, ignore=ignored)
    target = Workspace(folder)
    target.create()
    return target, replay(source, job.model_copy(update={"workspace": folder}))
