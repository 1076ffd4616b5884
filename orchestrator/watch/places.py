"""Where the daemon writes: beside the workspace, or below `watch.folder`."""

from __future__ import annotations

from pathlib import Path

from orchestrator.archive.shelf import Shelf
from orchestrator.config.model import Config
from orchestrator.watch.ledger import Watched
from tools.workspace import safe_name, workspace_at

_IGNORE = "*\n"


class Places:
    """The files of one configuration."""

    def __init__(self, config: Config) -> None:
        workspace = workspace_at(config.output.workspace).root
        self.folder = config.watch.folder or workspace.parent
        self.monitor = self.folder / "logs" / "monitor.jsonl"
        self.archival = self.folder / "logs" / "archival.jsonl"
        self.reports = self.folder / "reports"
        self.shelf = Shelf.beside(workspace)
        self.exports = config.output.state_folder / "watch"
        self.events = [str(config.project.root / pattern) for pattern in config.watch.events]
        self.lock = config.output.state_db.with_name(f"{config.output.state_db.name}.watch.lock")

    def create(self) -> None:
        """Make the folders; one that is made is ignored by git. Raises OSError."""
        for folder in (self.monitor.parent, self.reports):
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                (folder / ".gitignore").write_text(_IGNORE, encoding="ascii")
        self.exports.mkdir(parents=True, exist_ok=True)

    def summary(self, run: Watched) -> Path:
        """The report of a run."""
        return self.reports / f"{safe_name(run.key)}_summary.json"

    def shelf_of(self, run: Watched) -> Shelf:
        """Where a run's archive lies: that of a session beside its own workspace."""
        return Shelf.beside(Path(run.workspace)) if run.workspace else self.shelf

    def export(self, run: Watched) -> Path:
        """The folder that is archived for a run that has no workspace of ours."""
        return self.exports / f"{safe_name(run.key)}-{run.generation}"
