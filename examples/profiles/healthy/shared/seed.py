"""Wait for Redis, so that the services start on a server that answers."""

import signal
import sys
import threading

from shared import logs
from shared.redis_client import connect

PATIENCE_S = 10.0


def main() -> int:
    """Return 0 once Redis answers."""
    logger = logs.configure("seed", "CRITICAL", "json")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    patience = threading.Event()
    timer = threading.Timer(PATIENCE_S, patience.set)
    timer.daemon = True
    timer.start()
    try:
        connect("seed", logger, patience)
    except SystemExit:
        return 1
    timer.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(main())
