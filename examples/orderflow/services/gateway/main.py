"""Entry point of the gateway."""

from services.gateway import config, health, storefront
from services.gateway.stock_cache import StockCache
from shared import groups, logs, streams
from shared.consumer import ensure_group
from shared.lifecycle import Lifecycle
from shared.redis_client import connect


def main() -> None:
    """Run the gateway until stopped."""
    logger = logs.configure(config.SERVICE, config.LOG_LEVEL, config.LOG_FORMAT)
    life = Lifecycle(logger)
    logger.info("gateway starting")
    client = connect(config.SERVICE, logger, life.stop)
    ensure_group(client, streams.STOCK_LEVELS, groups.STOCK_CACHE)
    cache = StockCache()
    health.serve(config.PORT, lambda: len(cache.levels))
    life.spawn("stock-levels", lambda: cache.follow(client, life.stop, logger))
    life.spawn("customers", lambda: storefront.place_orders(client, life.stop, logger))
    life.spawn("visitors", lambda: storefront.browse(client, life.stop, logger))
    logger.info("gateway ready, listening on port %d", config.PORT)
    life.run()


if __name__ == "__main__":
    main()
