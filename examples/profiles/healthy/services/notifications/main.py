"""Entry point of the notifications service."""

from services.notifications import config
from services.notifications.mail import Mail, Outbox
from shared import groups, logs, streams
from shared.consumer import Event, consume, ensure_group
from shared.lifecycle import Lifecycle
from shared.logs import fields
from shared.redis_client import connect


def main() -> None:
    """Run the service until stopped."""
    logger = logs.configure(config.SERVICE, config.LOG_LEVEL, config.LOG_FORMAT)
    life = Lifecycle(logger)
    logger.info("notifications starting")
    client = connect(config.SERVICE, logger, life.stop)
    ensure_group(client, streams.PARCELS_LABELLED, groups.PARCEL_MAIL)
    outbox = Outbox(logger)
    outbox.start()

    def announce_parcel(message_id: str, event: Event) -> None:
        subject = f"Your parcel {event['tracking_id']}"
        outbox.put(Mail(event["email"], subject, event["correlation_id"]))
        logger.info(
            "mail queued",
            extra=fields(
                correlation_id=event["correlation_id"],
                order_id=event["order_id"],
                message_id=message_id,
            ),
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
    logger.info("notifications ready")
    life.run()


if __name__ == "__main__":
    main()
