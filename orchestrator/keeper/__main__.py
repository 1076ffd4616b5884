"""`python -P -m orchestrator.keeper` with a job on standard input. It answers by files alone."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from orchestrator.keeper.contract import KeeperFiles, KeeperJob
from orchestrator.keeper.process import Keeper, ignore_signals, only_keeper
from tools import masking
from tools.clock import SystemClock
from tools.workspace import Workspace


def main() -> int:
    """Keep until the session is over. Exit code 75 where another keeper of the session is at work."""
    ignore_signals()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=KeeperJob)
    if job.mask_key is not None:
        masking.use_key(bytes.fromhex(job.mask_key))
    clock = SystemClock(slice_s=0.1)
    with only_keeper(KeeperFiles(Workspace(Path(os.fsdecode(job.workspace)))), clock) as alone:
        if not alone:
            return 75
        asyncio.run(Keeper(job, clock).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
