"""A session about a change: what it is compared with, and what each agent counted of it."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from tools.findings.model import AgentId
from tools.workspace import Workspace

FILE = "change.json"


class ChangeBase(Struct, frozen=True, kw_only=True):
    """What a session about a change is compared with. `commit` is in full."""

    asked: str
    """The revision as the user named it, masked."""
    commit: str
    how: Literal["merge-base", "revision"]
    """Whether `commit` is where the change left the revision's history, or the revision itself."""
    not_compared: tuple[str, ...] = ()
    """Submodules: folders that are of other repositories, so nothing is said about them."""


class ChangeCounts(Struct, frozen=True, kw_only=True):
    """Findings of one agent by fingerprint: `before` at the base, `still` of these found again, no worse than there."""

    before: int
    still: int
    worse: int
    """Those found again at a higher severity; they are reported."""


def write_counts(workspace: Workspace, agent: AgentId, counts: ChangeCounts) -> None:
    """Write `agents/<agent>/change.json`. Raises OSError."""
    workspace.write_json(workspace.agent_dir(agent) / FILE, counts)


def read_counts(workspace: Workspace, agent: AgentId) -> ChangeCounts:
    """Read it. Raises FileNotFoundError, msgspec.MsgspecError."""
    return msgspec.json.decode((workspace.agent_dir(agent) / FILE).read_bytes(), type=ChangeCounts)
