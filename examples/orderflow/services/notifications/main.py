"""Entry point of the notifications service."""

import time

from services.notifications import config
from services.notifications.mail import Mail, Outbox
from shared import groups, logs, streams
from shared.consumer import Event, consume, ensure_group
from shared.lifecycle import Lifecycle
from shared.logs import timestamp
from shared.redis_client import connect


def main() -> None:
    """Run the service until stopped."""
    logger = logs.configure(config.SERVICE, "WARNING", "text")
    life = Lifecycle(logger)
    print(f"{timestamp(time.time())} INFO notifications starting")
    client = connect(config.SERVICE, logger, life.stop)
    ensure_group(client, streams.PARCELS_LABELLED, groups.PARCEL_MAIL)
    outbox = Outbox()
    outbox.start()

    def announce_parcel(message_id: str, event: Event) -> None:
        subject = f"Your parcel {event['tracking_id']}"
        outbox.put(Mail(event["email"], subject, event["correlation_id"]))
        print(
            f"{timestamp(time.time())} INFO mail queued order_id={event['order_id']}"
            f" message_id={message_id} correlation_id={event['correlation_id']}"
        )

    def take_parcels() -> None:
        consume(
            client,
            stream=streams.PARCELS_LABELLED,
            group=groups.PARCEL_MAIL,
            consumer=config.CONSUMER,
            handler=announce_parcel,
            stop=life.stop,
            logger=logger,
        )

    life.spawn("parcels", take_parcels)
    print(f"{timestamp(time.time())} INFO notifications ready")
    life.run()


if __name__ == "__main__":
    main()
