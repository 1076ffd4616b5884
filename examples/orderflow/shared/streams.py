"""The Redis Streams of orderflow. See docs/architecture.md for who writes and reads what."""

ORDERS_PLACED = "shop.orders.placed"
PAYMENTS_REQUESTED = "shop.payments.requested"
PAYMENTS_SETTLED = "shop.payments.settled"
STOCK_REQUESTED = "shop.stock.requested"
STOCK_RESERVED = "shop.stock.reserved"
STOCK_LEVELS = "shop.stock.levels"
PARCELS_LABELLED = "shop.parcels.labelled"
WEB_CLICKS = "shop.web.clicks"
AUDIT_TRAIL = "shop.audit.trail"
DEAD_LETTERS = "shop.orders.dlq"

LOYALTY_PREFIX = "shop.loyalty"

DEFAULT_MAXLEN = 10_000
