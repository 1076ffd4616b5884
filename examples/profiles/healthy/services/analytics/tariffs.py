"""Recomputes the parcel tariffs that the label printers use."""

import logging
import threading

import redis

from services.analytics import config

TARIFF_KEY = "tariffs:parcel"
KEPT_S = 35


def recompute(client: redis.Redis, stop: threading.Event, logger: logging.Logger) -> None:
    """Store a fresh table now and at every interval until stopped."""
    while not stop.is_set():
        try:
            client.hset(TARIFF_KEY, mapping={"domestic": "420", "islands": "690"})
            client.expire(TARIFF_KEY, KEPT_S)
        except redis.RedisError as error:
            logger.error("tariffs not stored: %s", error)
        else:
            logger.info("tariffs stored")
        stop.wait(config.TARIFFS_EVERY_S)
