"""Accepts placed orders: asks for stock and payment, and writes the audit trail."""

import logging

import redis

from services.orders import config
from services.orders.payment_watch import PaymentWatch
from shared import streams
from shared.consumer import Event
from shared.envelope import new_correlation_id, publish
from shared.logs import fields


class Intake:
    """Turns a placed order into a stock request and a payment request."""

    def __init__(self, client: redis.Redis, watch: PaymentWatch, logger: logging.Logger) -> None:
        self.client = client
        self.watch = watch
        self.logger = logger

    def open_trail(self) -> None:
        """Begin the audit trail of this process."""
        self.record(new_correlation_id(), "none", "opened")

    def accept(self, message_id: str, event: Event) -> None:
        """Handle one placed order."""
        correlation_id = event["correlation_id"]
        publish(
            self.client,
            streams.STOCK_REQUESTED,
            "stock.requested",
            correlation_id,
            {key: event[key] for key in ("order_id", "sku", "email", "postcode")},
        )
        self.watch.request(correlation_id, event["order_id"], event["amount"])
        self.record(correlation_id, event["order_id"], "accepted")
        self.logger.info(
            "order accepted",
            extra=fields(
                correlation_id=correlation_id, order_id=event["order_id"], message_id=message_id
            ),
        )

    def settle(self, message_id: str, event: Event) -> None:
        """Handle one settled payment."""
        correlation_id = event["correlation_id"]
        self.watch.settled(event["order_id"])
        self.record(correlation_id, event["order_id"], "paid")
        self.logger.info(
            "order paid",
            extra=fields(
                correlation_id=correlation_id, order_id=event["order_id"], message_id=message_id
            ),
        )

    def record(self, correlation_id: str, order_id: str, state: str) -> None:
        """Append a state change to the audit trail."""
        publish(
            self.client,
            streams.AUDIT_TRAIL,
            "order.state",
            correlation_id,
            {"order_id": order_id, "state": state},
            maxlen=config.AUDIT_MAXLEN,
        )
