"""The session's folder: the only place that knows its file names, and the only one that writes whole files.

Every text written here is masked. Names are the contract of specification 1; scripts of users rely on them.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tools import masking
from tools.findings.model import AgentId

NAME_CHARS_MAX = 100
"""Of a file's name that is made of a name of the audited system."""
_GITIGNORE = "*\n"
OWN_LOGS = frozenset({"startup", "shutdown", "merged", "redis"})
"""Files of `logs/` that are the session's own, without their ending."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of one session's folder."""

    root: Path

    def path(self, *parts: str) -> Path:
        """A path below the workspace. Raises ValueError for one that would leave it."""
        path = self.root.joinpath(*parts)
        if any(".." in Path(part).parts for part in parts) or not path.is_relative_to(self.root):
            raise ValueError(f"{path} is outside the workspace")
        return path

    def create(self) -> None:
        """Make the folders, the four findings files and the `.gitignore`. Raises OSError."""
        for name in ("logs", "streams", "config", "findings", "agents", "recording"):
            self.path(name).mkdir(parents=True, exist_ok=True)
        self.write_text(self.path(".gitignore"), _GITIGNORE)
        for agent in AgentId:
            self.agent_dir(agent).mkdir(exist_ok=True)
            self.findings(agent).touch()

    @property
    def session_id_file(self) -> Path:
        """Holds the session id."""
        return self.path("SESSION_ID")

    @property
    def stop_file(self) -> Path:
        """Its presence ends the window."""
        return self.path("STOP")

    @property
    def events(self) -> Path:
        """Journal of what the session did."""
        return self.path("events.jsonl")

    @property
    def gaps(self) -> Path:
        """Journal of what could not be looked at, from every process."""
        return self.path("recording", "gaps.jsonl")

    @property
    def metrics(self) -> Path:
        """Journal of what the session's processes and the services use."""
        return self.path("recording", "metrics.jsonl")

    @property
    def polls(self) -> Path:
        """Journal of the Stream Analyst's polls."""
        return self.path("streams", "polls.jsonl")

    @property
    def code_index(self) -> Path:
        """The code and configuration facts; appears whole, by rename, when the index is done."""
        return self.path("recording", "code.json.gz")

    @property
    def base_index(self) -> Path:
        """The same of the revision that a change is compared with; there before `code_index` is."""
        return self.path("recording", "base-code.json.gz")

    @property
    def handed_in(self) -> Path:
        """Journal of what was handed in from outside of the session's own processes."""
        return self.path("recording", "handed-in.jsonl")

    @property
    def findings_closed(self) -> Path:
        """Its presence says that the session takes no findings any more: its report is being made."""
        return self.path("recording", "findings-closed")

    @property
    def investigated_file(self) -> Path:
        """Its presence says that those who investigate beside the session have nothing more to hand in."""
        return self.path("recording", "investigated")

    @property
    def renamed_files(self) -> Path:
        """New path → old path of what the change moved."""
        return self.path("recording", "renamed.json")

    @property
    def all_findings(self) -> Path:
        """Every finding, sorted by severity rank, then time."""
        return self.path("all-findings.json")

    def service_log(self, service: str) -> Path:
        """Captured output of a service; the name is made safe for a file name."""
        name = safe_name(service)
        if name != service or name in OWN_LOGS:
            # Two services, or a service and the session, never share a file.
            name += f"-{hashlib.sha256(service.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
        return self.path("logs", f"{name}.log")

    def findings(self, agent: AgentId) -> Path:
        """The findings journal of an agent."""
        return self.path("findings", f"{agent.slug}.jsonl")

    def evidence(self, agent: AgentId) -> Path:
        """The masked pieces that this agent's findings quote."""
        return self.path("recording", f"evidence-{agent.slug}.jsonl")

    def agent_dir(self, agent: AgentId) -> Path:
        """State, heartbeats and instructions of an agent."""
        return self.path("agents", agent.slug)

    def report(self, session_id: str) -> Path:
        """The Markdown report."""
        return self.path(f"REPORT_{session_id}.md")

    def write_text(self, path: Path, text: str) -> None:
        """Write a whole text file, masked, by rename: readers see the old file or the new one."""
        write_atomically(path, masking.mask(text).encode("utf-8", "surrogateescape"))

    def write_json(self, path: Path, data: object, *, indent: int = 2) -> None:
        """Write JSON data with every string leaf masked, by rename."""
        plain = masking.mask_data(msgspec.to_builtins(data))
        text = msgspec.json.format(msgspec.json.encode(plain), indent=indent)
        write_atomically(path, text + b"\n")

    def append_text(self, path: Path, text: str) -> None:
        """Append masked text to a file for people (`critical-alerts.log` and the like)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(masking.mask(text).encode("utf-8", "surrogateescape"))


def workspace_at(folder: Path) -> Workspace:
    """The workspace that a user names, behind symbolic links and `..`, as its session knew it."""
    try:
        return Workspace(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle: there is nothing
        return Workspace(folder.absolute())


def session_mark(workspace: Workspace) -> tuple[int, int] | None:
    """What tells one session's folder from the next one's at the same place; None where there is none."""
    try:
        status = workspace.session_id_file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def write_atomically(path: Path, data: bytes) -> None:
    """Write bytes under a temporary name, sync, rename. Raises OSError; leaves no partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def safe_name(name: str) -> str:
    """A name of the audited system as one file name: letters, digits, `.`, `_`, `-` stay."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
    return kept.lstrip(".")[:NAME_CHARS_MAX] or "_"
