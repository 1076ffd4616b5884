"""One session as a process of its own, for tests that kill it: configuration (JSON) and mode as arguments."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from agents.engine import LocalEngine
from orchestrator.config import llm_use
from orchestrator.config.mode import ModeDecision
from orchestrator.config.model import Config, Mode
from orchestrator.session.run import run_session
from tests.fakes import dying
from tools.clock import SystemClock

WATCHER = (sys.executable, "-P", "-m", "tests.fakes.simple_watcher")


def main() -> int:
    dying.install()
    if ignored := os.environ.get("IGNORED_SIGNAL"):
        signal.signal(signal.Signals[ignored], signal.SIG_IGN)
    config = Config.model_validate(json.loads(sys.argv[1]))
    decision = ModeDecision(Mode(sys.argv[2]), ("a test says so",))
    outcome = asyncio.run(
        run_session(
            config,
            decision,
            version="test",
            clock=SystemClock(slice_s=0.02),
            resume="resume" in sys.argv[3:],
            engine=LocalEngine(WATCHER),
            llm=llm_use.decide(config.llm, decision.mode, os.environ),
        )
    )
    if names := os.environ.get("SESSION_SAYS_IMPORTS"):
        print(f"imported: {[name for name in names.split() if name in sys.modules]}")
    print(outcome.failure)
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main())
