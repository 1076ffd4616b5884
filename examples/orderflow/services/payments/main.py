"""Entry point of the payments service."""

from services.payments import config
from services.payments.acquirer import Acquirer
from shared import groups, logs, streams
from shared.consumer import Event, consume, ensure_group
from shared.envelope import publish
from shared.lifecycle import Lifecycle
from shared.logs import fields
from shared.redis_client import connect


def main() -> None:
    """Run the service until stopped."""
    logger = logs.configure(config.SERVICE, config.LOG_LEVEL, config.LOG_FORMAT)
    life = Lifecycle(logger)
    logger.info("payments starting")
    client = connect(config.SERVICE, logger, life.stop)
    ensure_group(client, streams.PAYMENTS_REQUESTED, groups.CARD)
    acquirer = Acquirer(life.stop, logger)

    def charge(message_id: str, event: Event) -> None:
        reference = acquirer.authorise(event["order_id"], event["amount"])
        publish(
            client,
            streams.PAYMENTS_SETTLED,
            "payment.settled",
            event["correlation_id"],
            {"order_id": event["order_id"], "amount": event["amount"], "reference": reference},
        )
        logger.info(
            "payment settled",
            extra=fields(
                correlation_id=event["correlation_id"],
                order_id=event["order_id"],
                message_id=message_id,
            ),
        )

    def take_requests() -> None:
        consume(
            client,
            stream=streams.PAYMENTS_REQUESTED,
            group=groups.CARD,
            consumer=config.CONSUMER,
            handler=charge,
            stop=life.stop,
            logger=logger,
        )

    life.spawn("payments", take_requests)
    logger.info("payments ready")
    life.run()


if __name__ == "__main__":
    main()
