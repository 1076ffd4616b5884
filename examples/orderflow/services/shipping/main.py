"""Entry point of the shipping service."""

from services.shipping import config
from services.shipping.labels import LabelPrinter
from services.shipping.tariffs import Tariffs
from shared import groups, logs, streams
from shared.consumer import consume, ensure_group
from shared.lifecycle import Lifecycle
from shared.redis_client import connect


def main() -> None:
    """Run the service until stopped."""
    logger = logs.configure(config.SERVICE, config.LOG_LEVEL, config.LOG_FORMAT)
    life = Lifecycle(logger)
    logger.info("shipping starting")
    client = connect(config.SERVICE, logger, life.stop)
    ensure_group(client, streams.STOCK_RESERVED, groups.LABEL)
    tariffs = Tariffs(client)
    printer = LabelPrinter(client, tariffs, logger)

    def take_reservations() -> None:
        consume(
            client,
            stream=streams.STOCK_RESERVED,
            group=groups.LABEL,
            consumer=config.CONSUMER,
            handler=printer.label,
            stop=life.stop,
            logger=logger,
        )

    life.spawn("labels", take_reservations)
    logger.info("shipping ready")
    life.run(tick=tariffs.refresh, every_s=config.TARIFF_REFRESH_S)


if __name__ == "__main__":
    main()
