"""Stop what start.py started, and wait until it has gone."""

import os
import signal
import sys
import time
from pathlib import Path

PID_FILE = Path(__file__).resolve().parent / ".run" / "orderflow.pid"
PATIENCE_S = 12.0
LOOK_EVERY_S = 0.1


def alive(pid: int) -> bool:
    """Whether the process lives; one that only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()


def main() -> int:
    """Ask the supervisor to stop; the services go with it."""
    try:
        pid = int(PID_FILE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        sys.stdout.write("orderflow is not running\n")
        return 0
    if alive(pid):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while alive(pid):
        if time.monotonic() > deadline:
            sys.stderr.write(f"orderflow (process {pid}) does not stop\n")
            return 1
        time.sleep(LOOK_EVERY_S)
    PID_FILE.unlink(missing_ok=True)
    sys.stdout.write("orderflow stopped\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
