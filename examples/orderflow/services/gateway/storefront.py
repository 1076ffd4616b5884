"""The customers of the demo shop: places orders and browses pages at a steady pace."""

import itertools
import logging
import threading
import time

import redis

from services.gateway import config
from services.gateway.catalogue import COUNTER_CUSTOMER, CUSTOMERS, GIFT_CARD, PRODUCTS
from shared import streams
from shared.envelope import new_correlation_id, publish
from shared.logs import fields, timestamp

GIFT_CARD_EVERY = 600
GIFT_CARD_FIRST = 12
COUNTER_SALE_EVERY = 600
COUNTER_SALE_FIRST = 130
PAGES = ("/", "/tea", "/mugs", "/pots", "/basket", "/checkout")


def order(number: int) -> dict[str, str]:
    """The payload of the n-th order since start."""
    customer = CUSTOMERS[number % len(CUSTOMERS)]
    sku, price = PRODUCTS[number % len(PRODUCTS)]
    if number % GIFT_CARD_EVERY == GIFT_CARD_FIRST:
        sku, price = GIFT_CARD
    if number % COUNTER_SALE_EVERY == COUNTER_SALE_FIRST:
        customer = COUNTER_CUSTOMER
    return {
        "order_id": f"ord-{number:06d}",
        "customer_id": customer.customer_id,
        "email": customer.email,
        "postcode": customer.postcode,
        "sku": sku,
        "amount": price,
    }


def click(number: int) -> dict[str, str]:
    """The payload of the n-th page view; every third one comes from the app."""
    session = f"s-{number % 40:03d}"
    page = PAGES[number % len(PAGES)]
    if number % 3 == 0:
        return {"sessionId": session, "screen": page, "at": str(int(time.time() * 1000))}
    return {"session": session, "page": page, "viewed_at": timestamp(time.time())}


def place_orders(client: redis.Redis, stop: threading.Event, logger: logging.Logger) -> None:
    """Publish orders until stopped."""
    pace_s = 1.0 / config.ORDERS_PER_SECOND
    for number in itertools.count(1):
        if stop.wait(pace_s):
            return
        correlation_id = new_correlation_id()
        payload = order(number)
        try:
            message_id = publish(
                client, streams.ORDERS_PLACED, "order.placed", correlation_id, payload
            )
        except redis.RedisError as error:
            logger.error("order not published: %s", error)
            stop.wait(2.0)
            continue
        logger.info(
            "order placed",
            extra=fields(
                correlation_id=correlation_id, order_id=payload["order_id"], message_id=message_id
            ),
        )


def browse(client: redis.Redis, stop: threading.Event, logger: logging.Logger) -> None:
    """Publish page views until stopped."""
    pace_s = 1.0 / config.CLICKS_PER_SECOND
    for number in itertools.count(1):
        if stop.wait(pace_s):
            return
        try:
            publish(client, streams.WEB_CLICKS, "page.viewed", new_correlation_id(), click(number))
        except redis.RedisError as error:
            logger.error("page view not published: %s", error)
            stop.wait(2.0)
