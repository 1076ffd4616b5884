"""Entry point of the inventory service."""

from services.inventory import config
from services.inventory.reservations import Reservations
from services.inventory.shelves import Shelves
from shared import groups, logs, streams
from shared.consumer import consume, ensure_group
from shared.lifecycle import Lifecycle
from shared.redis_client import connect


def main() -> None:
    """Run the service until stopped."""
    logger = logs.configure(config.SERVICE, config.LOG_LEVEL, config.LOG_FORMAT)
    life = Lifecycle(logger)
    logger.info("inventory starting")
    client = connect(config.SERVICE, logger, life.stop)
    ensure_group(client, streams.STOCK_REQUESTED, groups.STOCK)
    shelves = Shelves()
    reservations = Reservations(client, shelves, logger)

    def take_requests() -> None:
        consume(
            client,
            stream=streams.STOCK_REQUESTED,
            group=groups.STOCK,
            consumer=config.CONSUMER,
            handler=reservations.reserve,
            stop=life.stop,
            logger=logger,
        )

    life.spawn("reservations", take_requests)
    life.spawn("levels", lambda: shelves.announce(client, life.stop, logger))
    logger.info("inventory ready")
    life.run()


if __name__ == "__main__":
    main()
