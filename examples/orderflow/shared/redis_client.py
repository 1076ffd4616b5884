"""One Redis client per process, with retries and a name that shows up in CLIENT LIST."""

import logging
import os
import threading

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6390/0")


def connect(service: str, logger: logging.Logger, stop: threading.Event) -> redis.Redis:
    """Return a client once Redis answers; gives up only when the service is asked to stop."""
    client: redis.Redis = redis.Redis.from_url(
        REDIS_URL,
        decode_responses=True,
        protocol=2,
        client_name=service,
        socket_connect_timeout=2,
        socket_timeout=5,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
    )
    delay_s = 0.2
    while not stop.is_set():
        try:
            client.ping()
        except redis.RedisError as error:
            logger.error("redis does not answer: %s", error)
            stop.wait(delay_s)
            delay_s = min(delay_s * 2, 5.0)
        else:
            logger.info("connected to redis")
            return client
    raise SystemExit(0)
