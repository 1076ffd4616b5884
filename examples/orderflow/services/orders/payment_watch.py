"""Asks for payments and watches that each one is confirmed in time."""

import logging
import threading
import time
from dataclasses import dataclass, replace

import redis

from services.orders import config
from shared import streams
from shared.envelope import publish
from shared.logs import fields

CHECK_EVERY_S = 0.25


@dataclass(frozen=True)
class Waiting:
    """An order whose payment is not confirmed yet."""

    correlation_id: str
    order_id: str
    amount: str
    attempt: int
    deadline: float


class PaymentWatch:
    """Open payment requests by order id."""

    def __init__(self, client: redis.Redis, logger: logging.Logger) -> None:
        self.client = client
        self.logger = logger
        self.lock = threading.Lock()
        self.waiting: dict[str, Waiting] = {}

    def request(self, correlation_id: str, order_id: str, amount: str) -> None:
        """Ask for a payment and start the clock."""
        self._send(Waiting(correlation_id, order_id, amount, 1, 0.0))

    def settled(self, order_id: str) -> None:
        """Stop the clock of a confirmed payment."""
        with self.lock:
            self.waiting.pop(order_id, None)

    def _send(self, entry: Waiting) -> None:
        publish(
            self.client,
            streams.PAYMENTS_REQUESTED,
            "payment.requested",
            entry.correlation_id,
            {
                "order_id": entry.order_id,
                "amount": entry.amount,
                "currency": "GBP",
                "attempt": str(entry.attempt),
            },
        )
        deadline = time.monotonic() + config.PAYMENT_TIMEOUT_MS / 1000
        with self.lock:
            self.waiting[entry.order_id] = replace(entry, deadline=deadline)

    def follow(self, stop: threading.Event) -> None:
        """Time out requests until stopped."""
        while not stop.wait(CHECK_EVERY_S):
            now = time.monotonic()
            with self.lock:
                late = [entry for entry in self.waiting.values() if entry.deadline <= now]
                for entry in late:
                    del self.waiting[entry.order_id]
            for entry in late:
                try:
                    self._timed_out(entry)
                except redis.RedisError as error:
                    self.logger.error("payment not requested again: %s", error)

    def _timed_out(self, entry: Waiting) -> None:
        details = fields(correlation_id=entry.correlation_id, order_id=entry.order_id)
        self.logger.error(
            "payment confirmation timed out after %dms", config.PAYMENT_TIMEOUT_MS, extra=details
        )
        if entry.attempt >= config.PAYMENT_ATTEMPTS:
            self.logger.info("order left unpaid", extra=details)
            return
        attempt = entry.attempt + 1
        self.logger.warning(
            "retrying payment request, attempt %d of %d",
            attempt,
            config.PAYMENT_ATTEMPTS,
            extra=details,
        )
        self._send(replace(entry, attempt=attempt))
