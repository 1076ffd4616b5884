"""A process that kills itself (SIGKILL) at a moment of its own work, told by a file that it replaces.

KILL_AT is `NAME:TEXT`: right after the process has put a file of that name in place whose content holds TEXT.
The interpreter's audit events tell of it, so the product needs no door for the test.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any


def install() -> None:
    """Watch this process, if KILL_AT is set."""
    name, _, text = os.environ.get("KILL_AT", "").partition(":")
    if not name:
        return
    armed = False

    def hook(event: str, given: tuple[Any, ...]) -> None:
        nonlocal armed
        if armed:
            armed = False  # the kill is an event too
            os.kill(os.getpid(), signal.SIGKILL)
        if event == "os.rename" and Path(os.fsdecode(given[1])).name == name:
            armed = text.encode() in Path(os.fsdecode(given[0])).read_bytes()

    sys.addaudithook(hook)


if __name__ == "__main__":
    install()
    from orchestrator.__main__ import main

    main()
