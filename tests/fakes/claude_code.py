"""The real Claude Code on a scripted model: where it is, how it is started, and what it said."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from orchestrator import session_status
from tests.fakes.messages_api.foreign import ForeignApi
from tests.fakes.waiting import wait_for
from tools.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "session_templates" / "plugin"
MISSING = "the claude CLI is missing"
BOUND_S = 400


def program() -> Path:
    """The `claude` of TEST_CLAUDE, of the wheel claude-agent-sdk, or on PATH; else the test is skipped."""
    spec = find_spec("claude_agent_sdk")
    bundled = Path(spec.origin or "").parent / "_bundled" / "claude" if spec is not None else None
    for found in (os.environ.get("TEST_CLAUDE"), bundled, shutil.which("claude")):
        if found and Path(found).is_file():
            return Path(found)
    pytest.skip(MISSING)


@dataclass(frozen=True)
class Said:
    """What one call of it printed, event by event."""

    exit_code: int
    events: tuple[Mapping[str, Any], ...]
    errors: str

    def of(self, kind: str, subtype: str | None = None) -> list[Mapping[str, Any]]:
        return [
            event
            for event in self.events
            if event["type"] == kind and subtype in {None, event.get("subtype")}
        ]

    @property
    def result(self) -> Mapping[str, Any]:
        return self.of("result")[-1]


def environment(home: Path) -> dict[str, str]:
    """No network but what is given, nothing of the user's own, and our command line first on PATH."""
    return {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "ENABLE_TOOL_SEARCH": "false",
        "BASH_DEFAULT_TIMEOUT_MS": "300000",
        "BASH_MAX_TIMEOUT_MS": "300000",
    }


def run(folder: Path, *arguments: str, api: ForeignApi | None = None) -> subprocess.CompletedProcess[str]:
    """`claude` in a folder, with a home of its own beside it."""
    home = folder.parent / f"{folder.name}-home"
    home.mkdir(exist_ok=True)
    reaches = {} if api is None else {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": api.key}
    return subprocess.run(
        [str(program()), *arguments],
        cwd=folder,
        env=environment(home) | reaches,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )


def end_session(workspace: Workspace) -> None:
    """End a session that a prompt began and did not end itself: it stops what it started."""
    if session_status.is_alive(workspace):
        os.kill(process_of(workspace), signal.SIGTERM)
        wait_for(lambda: not session_status.is_alive(workspace), seconds=120, what="the end of the session")


def process_of(workspace: Workspace) -> int:
    """The process of the session that the workspace holds."""
    return int(workspace.path(".lock").read_text(encoding="ascii").split()[1].rstrip(","))


def prompt(folder: Path, api: ForeignApi, text: str, *arguments: str) -> Said:
    """One prompt, answered to its end."""
    options = ("--output-format", "stream-json", "--verbose", "--no-session-persistence", "--model", "haiku")
    done = run(folder, "-p", *options, *arguments, "--", text, api=api)
    events = tuple(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return Said(done.returncode, events, done.stderr)
