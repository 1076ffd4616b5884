"""Prints parcel labels for reserved orders."""

import logging

import redis

from services.shipping.tariffs import Tariffs
from shared import streams
from shared.consumer import Event, PermanentFailure
from shared.envelope import publish
from shared.logs import fields

MAXLEN = 20_000


class LabelPrinter:
    """The worker of the label desk."""

    def __init__(self, client: redis.Redis, tariffs: Tariffs, logger: logging.Logger) -> None:
        self.client = client
        self.tariffs = tariffs
        self.logger = logger

    def label(self, message_id: str, event: Event) -> None:
        """Label the parcel of one reserved order.

        Raises:
            PermanentFailure: the address cannot be delivered to.
        """
        if " " not in event["postcode"]:
            raise PermanentFailure(f"no carrier delivers to postcode {event['postcode']}")
        tracking_id = f"trk-{event['order_id'].removeprefix('ord-')}"
        publish(
            self.client,
            streams.PARCELS_LABELLED,
            "parcel.labelled",
            event["correlation_id"],
            {
                "order_id": event["order_id"],
                "email": event["email"],
                "tracking_id": tracking_id,
                "price_pence": str(self.tariffs.price(event["postcode"])),
                "track_by": "mail",
            },
            maxlen=MAXLEN,
        )
        self.logger.info(
            "parcel labelled",
            extra=fields(
                correlation_id=event["correlation_id"],
                order_id=event["order_id"],
                message_id=message_id,
            ),
        )
