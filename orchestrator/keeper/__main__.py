"""`python -P -m orchestrator.keeper` with a job on standard input. It answers by files alone."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from orchestrator.keeper.contract import KeeperJob
from orchestrator.keeper.process import Keeper, ignore_signals
from tools import masking
from tools.clock import SystemClock


def main() -> int:
    """Keep until the session is over."""
    ignore_signals()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=KeeperJob)
    if job.mask_key is not None:
        masking.use_key(bytes.fromhex(job.mask_key))
    asyncio.run(Keeper(job, SystemClock(slice_s=0.05)).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
