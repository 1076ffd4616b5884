"""Entry point of the orders service."""

from functools import partial

from services.orders import config
from services.orders.intake import Intake
from services.orders.payment_watch import PaymentWatch
from shared import groups, logs, streams
from shared.consumer import consume, ensure_group
from shared.lifecycle import Lifecycle
from shared.redis_client import connect


def main() -> None:
    """Run the service until stopped."""
    logger = logs.configure(config.SERVICE, config.LOG_LEVEL, config.LOG_FORMAT)
    life = Lifecycle(logger)
    logger.info("orders starting")
    client = connect(config.SERVICE, logger, life.stop)
    ensure_group(client, streams.ORDERS_PLACED, groups.INTAKE)
    ensure_group(client, streams.PAYMENTS_SETTLED, groups.SETTLE)
    watch = PaymentWatch(client, logger)
    intake = Intake(client, watch, logger)
    intake.open_trail()

    def take_orders(clerk: str) -> None:
        consume(
            client,
            stream=streams.ORDERS_PLACED,
            group=groups.INTAKE,
            consumer=clerk,
            handler=intake.accept,
            stop=life.stop,
            logger=logger,
        )

    def take_settlements() -> None:
        consume(
            client,
            stream=streams.PAYMENTS_SETTLED,
            group=groups.SETTLE,
            consumer=config.SETTLE_CONSUMER,
            handler=intake.settle,
            stop=life.stop,
            logger=logger,
        )

    for clerk in config.CONSUMERS:
        life.spawn(clerk, partial(take_orders, clerk))
    life.spawn("settlements", take_settlements)
    life.spawn("payment-watch", lambda: watch.follow(life.stop))
    logger.info("orders ready")
    life.run()


if __name__ == "__main__":
    main()
