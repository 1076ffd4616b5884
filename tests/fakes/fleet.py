"""A scripted system of services: real processes below one start command, each as well or badly behaved as told.

`python fleet.py NAME=BEHAVIOUR …` starts one child per name and prefixes its lines. Behaviours: `good`, `silent`
(never says that it is ready), `crash` (exits with 1), `deaf` (ignores SIGINT and SIGTERM), `escaped` (a daemon in
a session of its own), `redis` (a good one that holds a connection open), `secret` (prints a password).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType


def service(behaviour: str, url: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    if behaviour == "crash":
        print("Error: cannot bind", flush=True)
        sys.exit(1)
    if behaviour == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if behaviour == "secret":
        print("connecting to redis://app:sup3rs3cret@db:6379/0", flush=True)
    connection = None
    if behaviour == "redis":
        import redis

        connection = redis.Redis.from_url(url)
        connection.xadd("work", {"a": "b"})
    print("booting" if behaviour == "silent" else "ready", flush=True)
    while True:
        time.sleep(0.2)
        if connection is not None:
            connection.xadd("work", {"a": "b"}, maxlen=1000)
        print("working", flush=True)


def pump(name: str, child: subprocess.Popen[bytes]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        sys.stdout.buffer.write(f"{name} | ".encode() + line)
        sys.stdout.buffer.flush()


def main() -> int:
    children: list[subprocess.Popen[bytes]] = []
    pumps: list[threading.Thread] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        for child in children:
            child.send_signal(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    url = os.environ.get("FLEET_REDIS", "")
    if "FLEET_STARTS" in os.environ:
        with Path(os.environ["FLEET_STARTS"]).open("a", encoding="ascii") as starts:
            starts.write("started\n")
    for name, _, behaviour in (argument.partition("=") for argument in sys.argv[1:]):
        command = [sys.executable, __file__, "--service", behaviour, url]
        if behaviour == "escaped":
            subprocess.Popen([*command], start_new_session=True, stdout=subprocess.DEVNULL)
            continue
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        children.append(child)
        pumps.append(threading.Thread(target=pump, args=(name, child)))
        pumps[-1].start()
    for thread in pumps:
        thread.join()
    return max(child.wait() for child in children)


if __name__ == "__main__":
    if sys.argv[1] == "--service":
        service(sys.argv[2], sys.argv[3])
    else:
        sys.exit(main())
