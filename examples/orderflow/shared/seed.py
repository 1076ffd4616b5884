"""Load the start-up data of seed/ into Redis; keys that already exist are left alone."""

import shlex
import signal
import sys
import threading
from pathlib import Path

from shared import logs
from shared.redis_client import connect

SEED = Path(__file__).resolve().parents[1] / "seed" / "redis.txt"
PATIENCE_S = 10.0


def main() -> int:
    """Wait for Redis, then run the commands of the seed file."""
    logger = logs.configure("seed", "CRITICAL", "text")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    patience = threading.Event()
    timer = threading.Timer(PATIENCE_S, patience.set)
    timer.daemon = True
    timer.start()
    try:
        client = connect("seed", logger, patience)
    except SystemExit:
        return 1
    timer.cancel()
    if not SEED.exists():
        return 0
    lines = [line for line in SEED.read_text(encoding="utf-8").splitlines() if line.strip()]
    commands = [shlex.split(line) for line in lines if not line.startswith("#")]
    existing = {args[1] for args in commands if client.exists(args[1])}
    for args in commands:
        if args[1] not in existing:
            client.execute_command(*args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
