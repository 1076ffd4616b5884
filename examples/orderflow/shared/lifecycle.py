"""Start, worker threads and orderly stop of a service process."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

DRAIN_S = 3.0


class Lifecycle:
    """Owns the stop event of the process and its worker threads."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self.stop = threading.Event()
        self.parent = os.getppid()
        self.workers: list[threading.Thread] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def spawn(self, name: str, target: Callable[[], None]) -> None:
        """Run a worker in the background until the process stops."""
        worker = threading.Thread(target=target, name=name, daemon=True)
        worker.start()
        self.workers.append(worker)

    def run(self, tick: Callable[[], None] | None = None, every_s: float = 1.0) -> None:
        """Stay up until asked to stop, calling `tick` in between."""
        while not self.stop.wait(every_s):
            if os.getppid() != self.parent:
                self.logger.warning("the supervisor is gone")
                self.stop.set()
            elif tick is not None:
                tick()
        deadline = time.monotonic() + DRAIN_S
        for worker in self.workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        self.logger.info("stopped")
