"""Entry point of the analytics service."""

from services.analytics import config, tariffs
from services.analytics.board import Board
from services.analytics.cohorts import CohortBuilder
from shared import groups, logs, streams
from shared.consumer import consume, ensure_group
from shared.lifecycle import Lifecycle
from shared.redis_client import connect


def warehouse_url() -> str:
    """Where the daily figures go."""
    account = f"{config.WAREHOUSE_USER}:{config.WAREHOUSE_PASSWORD}"
    return f"postgresql://{account}@{config.WAREHOUSE_HOST}:5432/figures"


def main() -> None:
    """Run the service until stopped."""
    logger = logs.configure(config.SERVICE, config.LOG_LEVEL, config.LOG_FORMAT)
    life = Lifecycle(logger)
    logger.info("analytics starting")
    client = connect(config.SERVICE, logger, life.stop)
    ensure_group(client, streams.ORDERS_PLACED, groups.SALES_BOARD)
    ensure_group(client, streams.ORDERS_PLACED, groups.COHORTS)
    ensure_group(client, streams.WEB_CLICKS, groups.CLICK_BOARD)
    ensure_group(client, streams.PAYMENTS_SETTLED, groups.REVENUE)
    board = Board(logger)
    cohorts = CohortBuilder(client, logger)

    def take_sales() -> None:
        consume(
            client,
            stream=streams.ORDERS_PLACED,
            group=groups.SALES_BOARD,
            consumer=config.SALES_CONSUMER,
            handler=board.sale,
            stop=life.stop,
            logger=logger,
        )

    def take_clicks() -> None:
        consume(
            client,
            stream=streams.WEB_CLICKS,
            group=groups.CLICK_BOARD,
            consumer=config.CLICK_CONSUMER,
            handler=board.click,
            stop=life.stop,
            logger=logger,
        )

    def take_payments() -> None:
        consume(
            client,
            stream=streams.PAYMENTS_SETTLED,
            group=config.REVENUE_GROUP,
            consumer=config.REVENUE_CONSUMER,
            handler=board.payment,
            stop=life.stop,
            logger=logger,
        )

    workers = {"sales": take_sales, "clicks": take_clicks, "revenue": take_payments}
    for name, worker in workers.items():
        life.spawn(name, worker)
    life.spawn("tariffs", lambda: tariffs.recompute(client, life.stop, logger))
    logger.info("figures go to %s", warehouse_url())
    logger.info("analytics ready", extra=logs.fields(customers=len(cohorts.first_orders)))
    life.run(tick=board.draw, every_s=config.BOARD_EVERY_S)


if __name__ == "__main__":
    main()
